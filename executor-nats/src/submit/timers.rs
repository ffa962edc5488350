//! The times at which the engine has to do something: jobs that become due, and jobs whose time is over.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use executor_core::Promise;
use tokio::sync::Notify;
use tokio::time::sleep_until;

use super::engine::Engine;
use super::job::Job;
use super::publisher::Outgoing;

/// A time that was set. It is unique.
pub(crate) type TimerKey = (Instant, u64);

/// A deed for a certain time.
pub(crate) enum Deed {
    /// Its delay is over.
    Send(Outgoing),
    /// It may wait no longer.
    StartLimit(Rc<Job>),
    /// Its time in the namespace is over.
    KeepLimit(Rc<Job>),
    /// A periodic job is due.
    Run(Promise<()>),
}

#[derive(Default)]
pub(crate) struct Timers {
    set: RefCell<BTreeMap<TimerKey, Deed>>,
    count: Cell<u64>,
    /// A time was set that is earlier than all others.
    is_earlier: Notify,
}

impl Timers {
    /// `None` for a time beyond the clock's range, which never comes.
    pub(crate) fn set(&self, at: Option<Instant>, deed: Deed) -> Option<TimerKey> {
        let key = (at?, self.count.get());
        self.count.set(key.1 + 1);
        let mut set = self.set.borrow_mut();
        let is_first = set.first_key_value().is_none_or(|(first, _)| key < *first);
        set.insert(key, deed);
        if is_first {
            self.is_earlier.notify_one();
        }
        Some(key)
    }

    /// Returns the deed, which is not done then.
    pub(crate) fn take(&self, key: TimerKey) -> Option<Deed> {
        self.set.borrow_mut().remove(&key)
    }

    /// Removes all periodic jobs.
    pub(crate) fn take_runs(&self) -> Vec<Deed> {
        let mut set = self.set.borrow_mut();
        let runs: Vec<_> = set.iter().filter(|(_, deed)| matches!(deed, Deed::Run(_))).map(|(key, _)| *key).collect();
        runs.into_iter().filter_map(|key| set.remove(&key)).collect()
    }

    /// When the next delayed job is due.
    pub(crate) fn next_delayed(&self) -> Option<Instant> {
        let set = self.set.borrow();
        set.iter().find(|(_, deed)| matches!(deed, Deed::Send(_))).map(|((at, _), _)| *at)
    }

    fn first(&self) -> Option<TimerKey> {
        self.set.borrow().first_key_value().map(|(key, _)| *key)
    }

    /// Does each deed at its time.
    pub(crate) async fn run(engine: Rc<Engine>) {
        loop {
            let timers = &engine.timers;
            let Some(first) = timers.first() else {
                timers.is_earlier.notified().await;
                continue;
            };
            if Instant::now() < first.0 {
                tokio::select! {
                    () = sleep_until(first.0.into()) => {}
                    () = timers.is_earlier.notified() => {}
                }
            } else if let Some(deed) = timers.take(first) {
                engine.do_now(deed);
            }
        }
    }
}
