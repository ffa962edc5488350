//! The id of a job and two flags, in one word: other threads read them without the cell's lock.

use crate::status::JobId;
use crate::sync::{AtomicU64, Ordering, spin};

/// Written under the cell's lock alone, so a change is a load and a store.
pub(super) struct Word {
    word: AtomicU64,
    /// Loom asserts that it can order all stores of a word, which "sometimes fails" where the word is read often.
    #[cfg(loom)]
    id: JobId,
}

const STOP: u64 = 1;
const ENDED: u64 = 2;
const FLAGS: u32 = 2;

impl Word {
    /// The word of a new job.
    pub(super) fn new(has_ended: bool) -> Self {
        let id = JobId::next();
        let flags = if has_ended { ENDED } else { 0 };
        Self {
            word: AtomicU64::new(id.get() << FLAGS | flags),
            #[cfg(loom)]
            id,
        }
    }

    #[inline]
    pub(super) fn id(&self) -> JobId {
        #[cfg(loom)]
        return self.id;
        // Relaxed: the id is constant.
        #[cfg(not(loom))]
        JobId::from_number(self.word.load(Ordering::Relaxed) >> FLAGS)
    }

    /// Whether the job was cancelled, or asked to stop.
    #[inline]
    pub(super) fn stop_requested(&self) -> bool {
        // Acquire: a job that sees it sees what was done before the cancel or abort, such as the reason for it.
        self.word.load(Ordering::Acquire) & STOP != 0
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
        self.word.load(Ordering::Acquire) & ENDED != 0
    }

    /// Spins for as long as it pays, and returns whether the outcome is there.
    pub(super) fn spin_until_ended(&self) -> bool {
        spin(self.id(), || self.has_ended())
    }

    /// Under the cell's lock.
    #[inline]
    pub(super) fn set_ended(&self) {
        self.set(ENDED);
    }

    #[inline]
    fn set(&self, flag: u64) {
        // Relaxed: the lock orders the writers. Release: see those that read the flags.
        let word = self.word.load(Ordering::Relaxed);
        self.word.store(word | flag, Ordering::Release);
    }
}
