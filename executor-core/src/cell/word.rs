//! The id of a job and two flags, in one word: other threads read them without the cell's lock.

use crate::status::JobId;
use crate::sync::{AtomicU64, Ordering, spin};

/// Written under the cell's lock alone, so a change is a load and a store.
pub(super) struct Word(AtomicU64);

const STOP: u64 = 1;
const ENDED: u64 = 2;
const FLAGS: u32 = 2;

impl Word {
    /// The word of a new job.
    pub(super) fn new(has_ended: bool) -> Self {
        let id = JobId::next().get() << FLAGS;
        Self(AtomicU64::new(if has_ended { id | ENDED } else { id }))
    }

    #[inline]
    pub(super) fn id(&self) -> JobId {
        // Relaxed: the id is constant.
        JobId::from_number(self.0.load(Ordering::Relaxed) >> FLAGS)
    }

    /// Whether the job was cancelled, or asked to stop.
    #[inline]
    pub(super) fn stop_requested(&self) -> bool {
        // Acquire: a job that sees it sees what was done before the cancel or abort, such as the reason for it.
        self.0.load(Ordering::Acquire) & STOP != 0
    }

    /// Under the cell's lock.
    #[inline]
    pub(super) fn request_stop(&self) {
        self.set(STOP);
    }

    /// Whether the outcome is there, and counted. False means nothing.
    #[inline]
    pub(super) fn has_ended(&self) -> bool {
        // Acquire: a wait that ends by this flag alone sees what the job did, as one that ends under the lock does.
        self.0.load(Ordering::Acquire) & ENDED != 0
    }

    /// Spins for as long as it pays, and returns whether the outcome is there.
    pub(super) fn spin_until_ended(&self) -> bool {
        spin(|| self.has_ended())
    }

    /// Under the cell's lock.
    #[inline]
    pub(super) fn set_ended(&self) {
        self.set(ENDED);
    }

    #[inline]
    fn set(&self, flag: u64) {
        // Relaxed: the lock orders the writers. Release: see those that read the flags.
        let word = self.0.load(Ordering::Relaxed);
        self.0.store(word | flag, Ordering::Release);
    }
}
