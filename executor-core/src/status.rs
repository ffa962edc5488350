//! A job's name and where it is in its life.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names a job within this process. Ids grow with time, and are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u64);

impl JobId {
    /// A fresh id. For those who write executors.
    pub fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only the uniqueness of the number matters.
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The number itself.
    pub fn get(self) -> u64 {
        self.0
    }

    /// For those who write executors: the id of a job that another process named.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It has not started.
    Queued,
    /// It has started, and has no outcome yet.
    Running,
    /// It has its outcome: a result or an error.
    Done,
    /// It has its outcome: it was cancelled before it started, or aborted.
    Cancelled,
}

impl Status {
    /// Whether the job has its outcome, a cancel included.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }
}
