//! The threads and tasks that wait for a slot in a full queue.

use std::collections::BTreeMap;
use std::task::Waker;

use executor_core::panics::{catch, drop_catching};

/// The threads and tasks that wait for a slot.
#[derive(Default)]
pub(super) struct Waiters {
    pub(super) threads: usize,
    /// By token, so that a task that was told in vain is in front again.
    pub(super) tasks: BTreeMap<u64, Waker>,
    pub(super) tokens: u64,
}

/// The thread and the task to tell of a free slot, once the lock is released.
#[must_use = "a slot is free, and no thread knows"]
pub(super) struct FreeSlot {
    pub(super) thread: bool,
    pub(super) task: Option<Waker>,
}

/// The position of a task among those that wait for a slot in a full queue; see [`Scheduler::poll_push`](super::Scheduler::poll_push).
#[derive(Debug, Default)]
pub struct WaitToken(pub(super) Option<u64>);

impl Waiters {
    /// A slot is free.
    pub(super) fn one(&mut self) -> FreeSlot {
        FreeSlot { thread: self.threads > 0, task: self.tasks.pop_first().map(|(_, waker)| waker) }
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
