//! Where queued jobs wait, seen from the jobs. For those who write executors.
//!
//! A job that is cancelled, or run by the thread that waits for it, leaves its queue by itself. It then tells its [`Home`], which it
//! finds in the [`registry`](crate::registry) by a number: a reference would cost every job a count, and few jobs need it.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names a [`Home`]. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HomeId(NonZeroU64);

impl HomeId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only the uniqueness of the number matters.
        Self(NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed)).expect("no process has 2^64 pools"))
    }
}

/// A queue of jobs.
pub trait Home: Send + Sync {
    /// A job that waited at `from`, which is this home, left without being taken from the queue: its entry there is only a
    /// leftover. Called on the thread that cancelled the job, or runs it. If it `ends` without running, [`ended`](Home::ended) follows.
    fn left(&self, from: HomeId, ends: bool);

    /// A job of `from`, which is this home, was taken from the queue, and lent; it ends without running, and [`ended`](Home::ended) follows.
    /// Where jobs are never lent, this is never called.
    fn revoked(&self, from: HomeId) {
        let _ = from;
    }

    /// A job that was cancelled at `from` has its outcome.
    fn ended(&self, from: HomeId);
}
