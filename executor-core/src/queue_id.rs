//! The identity of a queue, and its callbacks for jobs that leave it. For authors of executors.
//!
//! A job that is cancelled, or run by a thread that waits for it, leaves its queue without being taken from it. It then calls the
//! queue's [`JobDeparture`], which it finds in the [`registry`](crate::registry) by the id. A reference in each job would cost a
//! reference count, and few jobs need it.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::status::JobId;

/// Identifies a queue within this process. Ids are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueId(NonZeroU64);

impl QueueId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only the uniqueness of the number matters.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(number < 1 << 48, "no process has 2^48 queues: a cell keeps six bytes of the number");
        Self(NonZeroU64::new(number).expect("the first is 1"))
    }

    pub(crate) fn number(self) -> u64 {
        self.0.get()
    }

    /// `None` if it is 0.
    pub(crate) fn from_number(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }
}

/// The callbacks of a queue for jobs that leave it without being taken from it.
pub trait JobDeparture: Send + Sync {
    /// A job of the queue `from`, which is this queue, left it: its entry in the queue is only a leftover. Called on the thread that
    /// cancelled the job or runs it. If the job `ends` without running, [`on_finished`](JobDeparture::on_finished) follows.
    fn on_removed(&self, from: QueueId, ends: bool);

    /// A job that was taken from the queue `from`, and dispatched, ends without running. [`on_finished`](JobDeparture::on_finished)
    /// follows. Never called if jobs are not dispatched. Default: does nothing.
    fn on_revoked(&self, from: QueueId) {
        let _ = from;
    }

    /// A job that ended in the queue `from` without running has its outcome.
    fn on_finished(&self, from: QueueId);

    /// The calling thread is about to block until the job `id`, which was in the queue `from`, has its outcome. The queue may bring the job
    /// to its outcome on this thread. If the wait `is_limited`, it must not: the thread waits for a time only, or asks to be told of the
    /// outcome, or dropped the future. Called without a lock, and only for jobs that cannot run in place. Default: does nothing.
    fn on_wait(&self, from: QueueId, id: JobId, is_limited: bool) {
        let _ = (from, id, is_limited);
    }
}
