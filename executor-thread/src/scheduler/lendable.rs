//! Guesses about the jobs that submitters may run themselves, known to submitters without a lock.
//!
//! All accesses are relaxed: a guess that is wrong costs time only.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use executor_core::JobId;

use super::sync::{self, AtomicBool, Ordering};

/// The last jobs that their submitters may run.
pub(super) struct Lendable {
    /// Whether such jobs are to be held in the lanes.
    are_held: AtomicBool,
    /// The last one that was not held, and when it was submitted, in nanoseconds since `start`.
    submitted: AtomicU64,
    when: AtomicU64,
    start: Instant,
    /// The last one for which a thread began to wait.
    waited: AtomicU64,
}

impl Lendable {
    pub(super) fn new() -> Self {
        let [submitted, when, waited] = [(); 3].map(|()| AtomicU64::new(0));
        Self { are_held: AtomicBool::new(false), submitted, when, start: sync::now(), waited }
    }

    /// A job is submitted. Whether it is to be held.
    pub(super) fn submit(&self, id: JobId) -> bool {
        if self.are_held() {
            return true;
        }
        let when = sync::now().saturating_duration_since(self.start).as_nanos();
        self.when.store(u64::try_from(when).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.submitted.store(id.get(), Ordering::Relaxed);
        false
    }

    /// When the job was submitted, if it is the last one that was not held.
    pub(super) fn submitted_at(&self, id: JobId) -> Option<Instant> {
        let is_last = self.submitted.load(Ordering::Relaxed) == id.get();
        is_last.then(|| self.start + Duration::from_nanos(self.when.load(Ordering::Relaxed)))
    }

    pub(super) fn are_held(&self) -> bool {
        self.are_held.load(Ordering::Relaxed)
    }

    pub(super) fn set_held(&self, are_held: bool) {
        if self.are_held() != are_held {
            self.are_held.store(are_held, Ordering::Relaxed);
        }
    }

    pub(super) fn wait_begins(&self, id: JobId) {
        self.waited.store(id.get(), Ordering::Relaxed);
    }

    /// Whether the job is the last one for which a thread began to wait.
    pub(super) fn is_waited_for(&self, id: JobId) -> bool {
        self.waited.load(Ordering::Relaxed) == id.get()
    }
}
