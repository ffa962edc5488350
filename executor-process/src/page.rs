//! A page of memory that a worker shares with its parent: what the worker was doing stays readable when it is dead. Unsafe, because
//! it makes an atomic number from raw memory.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use executor_core::panics::catch;
use ipc_channel::ipc::IpcSharedMemory;

/// Tells the last job that the worker began.
pub(crate) struct Page {
    word: NonNull<AtomicU64>,
    /// Owns what `word` points to.
    memory: IpcSharedMemory,
}

// SAFETY: the pointer is to an atomic, which may be used from any thread, and to memory that goes with the page.
unsafe impl Send for Page {}

impl Page {
    /// `None` where the system has no shared memory left.
    pub(crate) fn new() -> Option<Self> {
        catch(|| IpcSharedMemory::from_byte(0, size_of::<AtomicU64>())).ok().and_then(Self::over)
    }

    /// `None` if the memory is too small to be a page.
    pub(crate) fn over(mut memory: IpcSharedMemory) -> Option<Self> {
        // SAFETY: no other reference to the bytes exists or is made later: all access is through `word`.
        let bytes = unsafe { memory.deref_mut() };
        let word = NonNull::from(bytes).cast::<AtomicU64>();
        let fits = memory.len() >= size_of::<AtomicU64>() && word.is_aligned();
        fits.then_some(Self { word, memory })
    }

    /// The same memory, for the other process.
    pub(crate) fn share(&self) -> IpcSharedMemory {
        self.memory.clone()
    }

    /// Says, before any code of `job` runs, that it has begun.
    pub(crate) fn begin(&self, job: u64) {
        // Release: whoever sees this, and who reads it after a death, sees what came before.
        self.word().store(job, Ordering::Release);
    }

    /// Whether `job` is the last one that began. Exact once the worker is dead.
    pub(crate) fn has_begun(&self, job: u64) -> bool {
        self.word().load(Ordering::Acquire) == job
    }

    fn word(&self) -> &AtomicU64 {
        // SAFETY: aligned and large enough (checked in `over`), mapped as long as `memory` lives, and never accessed but as
        // an atomic, here and in the other process. Every bit pattern is a number.
        unsafe { self.word.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_what_began() {
        let ours = Page::new().unwrap();
        let theirs = Page::over(ours.share()).unwrap();
        assert!(!ours.has_begun(7));
        theirs.begin(7);
        assert!(ours.has_begun(7) && !ours.has_begun(8));
    }

    #[test]
    fn memory_that_is_too_small_is_no_page() {
        assert!(Page::over(IpcSharedMemory::from_byte(0, 7)).is_none());
    }
}
