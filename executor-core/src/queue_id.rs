//! The identity of a queue, and the reports to it. For authors of executors.
//!
//! A job that is cancelled, or run by the thread that waits for it, leaves its queue by itself. It then tells the queue's
//! [`JobDeparture`], which it finds in the [`registry`](crate::registry) by a number: a reference would cost every job a count, and
//! few jobs need it.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names a queue. No number is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueId(NonZeroU64);

impl QueueId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only the uniqueness of the number matters.
        Self(NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed)).expect("no process has 2^64 pools"))
    }
}

/// Hears of jobs that leave a queue without being taken from it.
pub trait JobDeparture: Send + Sync {
    /// A job that waited in `from`, which is this queue, left without being taken from it: its entry there is only a leftover. Called
    /// on the thread that cancelled the job, or runs it. If it `ends` without running, [`on_finished`](JobDeparture::on_finished)
    /// follows.
    fn on_removed(&self, from: QueueId, ends: bool);

    /// A job of `from`, which is this queue, was taken from it, and dispatched; it ends without running, and
    /// [`on_finished`](JobDeparture::on_finished) follows. Where jobs are never dispatched, this is never called.
    fn on_revoked(&self, from: QueueId) {
        let _ = from;
    }

    /// A job that was cancelled in `from` has its outcome.
    fn on_finished(&self, from: QueueId);
}
