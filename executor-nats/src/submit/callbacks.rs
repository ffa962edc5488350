//! The thread that runs callbacks: user code, which may take long, and must not hold up the connection.

use std::cell::Cell;
use std::sync::{Arc, mpsc};
use std::thread;

use executor_core::cell::Notify;
use executor_core::queue_id::QueueId;

use super::shared::Shared;
use crate::error::ConnectError;

thread_local! {
    /// The executor whose callback runs on this thread.
    static RUNS_FOR: Cell<Option<QueueId>> = const { Cell::new(None) };
}

/// Whether this thread runs a callback of that executor.
pub(crate) fn runs_for(queue_id: QueueId) -> bool {
    RUNS_FOR.get() == Some(queue_id)
}

/// Hands callbacks over to their thread.
pub(crate) struct Callbacks(mpsc::Sender<(Notify, Option<Arc<Shared>>)>);

impl Callbacks {
    pub(crate) fn start(queue_id: QueueId) -> Result<(Self, thread::JoinHandle<()>), ConnectError> {
        let (sender, ended) = mpsc::channel::<(Notify, Option<Arc<Shared>>)>();
        let thread = thread::Builder::new()
            .name("nats-callbacks".to_owned())
            .spawn(move || {
                RUNS_FOR.set(Some(queue_id));
                for (notify, shared) in ended {
                    notify.fire();
                    if let Some(shared) = shared {
                        shared.one_done();
                    }
                }
            })
            .map_err(ConnectError::system)?;
        Ok((Self(sender), thread))
    }

    /// The job has its outcome: tells those who wait, then counts it as done.
    pub(crate) fn tell(&self, notify: Notify, shared: &Arc<Shared>) {
        if notify.is_callback() {
            // The thread ends after the last sender.
            drop(self.0.send((notify, Some(shared.clone()))));
        } else {
            notify.fire();
            shared.one_done();
        }
    }

    /// The same for a job that its cell counts.
    pub(crate) fn fire(&self, notify: Notify) {
        if notify.is_callback() {
            drop(self.0.send((notify, None)));
        } else {
            notify.fire();
        }
    }
}
