//! A page of memory that a worker shares with its parent: what the worker was doing stays readable when it is dead. Unsafe, because
//! it makes an atomic number from raw memory.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use executor_core::panics::catch;
use ipc_channel::ipc::IpcSharedMemory;

use crate::trace::{Record, Words};

/// Where the record of a crash begins, in bytes.
const TRACE_AT: usize = 1024;

/// The size of a page, in bytes.
const SIZE: usize = TRACE_AT + size_of::<Words>();

/// Tells the last job that the worker began, and where it was when a signal ended it.
pub(crate) struct Page {
    word: NonNull<AtomicU64>,
    /// Owns what `word` points to.
    memory: IpcSharedMemory,
}

// SAFETY: the pointer is to an atomic, which may be used from any thread, and to memory that goes with the page.
unsafe impl Send for Page {}
// SAFETY: as above; there is nothing else in it that changes.
unsafe impl Sync for Page {}

impl Page {
    /// `None` where the system has no shared memory left.
    pub(crate) fn new() -> Option<Self> {
        catch(|| IpcSharedMemory::from_byte(0, SIZE)).ok().and_then(Self::over)
    }

    /// `None` if the memory is too small to be a page.
    pub(crate) fn over(mut memory: IpcSharedMemory) -> Option<Self> {
        // SAFETY: no other reference to the bytes exists or is made later: all access is through `word`.
        let bytes = unsafe { memory.deref_mut() };
        let word = NonNull::from(bytes).cast::<AtomicU64>();
        let fits = memory.len() >= SIZE && word.is_aligned();
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

    /// The record of a crash.
    pub(crate) fn trace(&self) -> Record<'_> {
        // SAFETY: inside of the memory (its size is checked in `over`), aligned since that is and `TRACE_AT` is a multiple; the
        // rest as for `word`.
        Record::over(unsafe { self.word.byte_add(TRACE_AT).cast::<Words>().as_ref() })
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
        assert!(Page::over(IpcSharedMemory::from_byte(0, SIZE - 1)).is_none());
    }
}
