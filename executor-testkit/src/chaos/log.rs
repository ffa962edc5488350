//! The log of a chaos.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// A fault that a [`Chaos`](super::Chaos) injected into a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The number of the job: the first submitted job is 0.
    pub job: u64,
    /// The kind of fault.
    pub trouble: Trouble,
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The job was delayed by this time.
    Delayed(Duration),
    /// The job was started after later jobs.
    Reordered,
    /// The job was cancelled.
    Cancelled,
    /// The job was rejected as if the queue were full.
    Rejected,
    /// The job ended with `TimedOut`.
    TimedOut {
        /// Whether the job still ran to its end.
        ran: bool,
    },
    /// The job ended with `Broken`, and did not run.
    Broken,
    /// The job ended with `Crashed`.
    Crashed {
        /// Whether the job still ran to its end.
        ran: bool,
    },
    /// The job panicked instead of running.
    Panicked,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = |ran| if ran { "after it ran" } else { "before it ran" };
        write!(f, "job {} was ", self.job)?;
        match self.trouble {
            Trouble::Delayed(time) => write!(f, "delayed by {time:?}"),
            Trouble::Reordered => f.write_str("put behind others"),
            Trouble::Cancelled => f.write_str("cancelled"),
            Trouble::Rejected => f.write_str("refused"),
            Trouble::TimedOut { ran } => write!(f, "timed out {}", run(ran)),
            Trouble::Broken => f.write_str("broken"),
            Trouble::Crashed { ran } => write!(f, "crashed {}", run(ran)),
            Trouble::Panicked => f.write_str("made to panic"),
        }
    }
}

#[derive(Default)]
pub(super) struct Log {
    submitted: AtomicU64,
    deeds: Mutex<BTreeMap<u64, Trouble>>,
}

impl Log {
    /// The number of the next job.
    pub(super) fn next(&self) -> u64 {
        // Relaxed: only the uniqueness of the number matters.
        self.submitted.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn note(&self, job: u64, trouble: Trouble) {
        self.deeds.lock().insert(job, trouble);
    }

    pub(super) fn submitted(&self) -> u64 {
        self.submitted.load(Ordering::Relaxed)
    }

    pub(super) fn deeds(&self) -> Vec<Deed> {
        self.deeds.lock().iter().map(|(&job, &trouble)| Deed { job, trouble }).collect()
    }
}
