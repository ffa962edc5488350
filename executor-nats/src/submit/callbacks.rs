//! The thread that runs callbacks: user code, which may take long, and must not hold up the connection.

use std::cell::Cell;
use std::sync::{Arc, mpsc};
use std::thread;

use executor_core::cell::Notify;
use executor_core::panics::{catch, drop_catching};
use executor_core::queue_id::QueueId;

use super::shared::Shared;
use crate::error::ConnectError;

thread_local! {
    /// The executor whose callback or connection runs on this thread.
    static RUNS_FOR: Cell<Option<(QueueId, Inside)>> = const { Cell::new(None) };
}

/// Which thread of an executor this one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    Callback,
    /// The engine's thread, in a waker: each wait for the engine would last for ever.
    Engine,
}

/// Which thread of that executor this one is. `None` if it is another one.
pub(crate) fn inside(queue_id: QueueId) -> Option<Inside> {
    let (here, inside) = RUNS_FOR.get()?;
    (here == queue_id).then_some(inside)
}

/// This thread belongs to that executor from now on.
pub(crate) fn enter(queue_id: QueueId, inside: Inside) {
    RUNS_FOR.set(Some((queue_id, inside)));
}

/// Hands callbacks over to their thread.
#[derive(Clone)]
pub(crate) struct Callbacks(mpsc::Sender<Call>);

enum Call {
    /// A job has its outcome. It counts as done afterwards, unless its cell has counted it.
    Notify(Notify, Option<Arc<Shared>>),
    Run(Box<dyn FnOnce() + Send>),
}

impl Callbacks {
    pub(crate) fn start(queue_id: QueueId) -> Result<(Self, thread::JoinHandle<()>), ConnectError> {
        let (sender, calls) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("nats-callbacks".to_owned())
            .spawn(move || {
                enter(queue_id, Inside::Callback);
                for call in calls {
                    match call {
                        Call::Notify(notify, shared) => {
                            notify.fire();
                            if let Some(shared) = shared {
                                shared.one_told();
                            }
                        }
                        Call::Run(f) => drop_catching(catch(f)),
                    }
                }
            })
            .map_err(ConnectError::system)?;
        Ok((Self(sender), thread))
    }

    /// Runs `f`, which may be a user's code.
    pub(crate) fn run(&self, f: impl FnOnce() + Send + 'static) {
        // The thread ends after the last sender.
        drop(self.0.send(Call::Run(Box::new(f))));
    }

    /// The job has its outcome: tells those who wait, then counts it as done.
    pub(crate) fn tell(&self, notify: Notify, shared: &Arc<Shared>) {
        if notify.is_callback() {
            shared.one_to_tell();
            drop(self.0.send(Call::Notify(notify, Some(shared.clone()))));
        } else {
            notify.fire();
            shared.one_done();
        }
    }

    /// The same for a job that its cell counts.
    pub(crate) fn fire(&self, notify: Notify) {
        if notify.is_callback() {
            drop(self.0.send(Call::Notify(notify, None)));
        } else {
            notify.fire();
        }
    }
}
