//! The line for a full queue.

use std::collections::BTreeMap;
use std::task::Waker;

use executor_core::panics::{catch, drop_catching};

/// The threads and tasks that wait for a place.
#[derive(Default)]
pub(super) struct Waiters {
    pub(super) threads: usize,
    /// By ticket, so that a task that was told in vain is in front again.
    pub(super) tasks: BTreeMap<u64, Waker>,
    pub(super) tickets: u64,
}

/// The thread and the task to tell of a free place, once the lock is released.
#[must_use = "a place is free, and nobody knows"]
pub(super) struct Free {
    pub(super) thread: bool,
    pub(super) task: Option<Waker>,
}

/// The place of a task in the line for a full queue; see [`Scheduler::poll_push`](super::Scheduler::poll_push).
#[derive(Debug, Default)]
pub struct Ticket(pub(super) Option<u64>);

impl Waiters {
    /// A place is free.
    pub(super) fn one(&mut self) -> Free {
        Free { thread: self.threads > 0, task: self.tasks.pop_first().map(|(_, waker)| waker) }
    }

    /// All tasks, to look again. The threads are told by the condition variable.
    pub(super) fn all_tasks(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.tasks).into_values().collect()
    }
}

/// Wakes tasks, outside of every lock: a waker is code of a user's.
pub(super) fn wake_tasks(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        drop_catching(catch(|| waker.wake()));
    }
}
