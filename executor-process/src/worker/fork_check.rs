//! Whether this process is the worker, or a copy that a job made of it by fork(2) and that has returned from the job: such a copy must
//! not answer for the worker, nor serve jobs. Unsafe, because it asks the kernel for memory that a fork clears.
#![allow(unsafe_code)]

use std::process;
use std::ptr::{null_mut, without_provenance_mut};
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// One word that is 1 in the worker and 0 in a copy (`MADV_WIPEONFORK`, madvise(2)): to look costs no system call, however short an item
/// is. Null in a program that is no worker.
static MARK: AtomicPtr<AtomicU32> = AtomicPtr::new(null_mut());

/// Stands for a kernel that clears no memory: the process id is asked for.
const NO_MEMORY: *mut AtomicU32 = without_provenance_mut(align_of::<AtomicU32>());

static WORKER: AtomicU32 = AtomicU32::new(0);

/// This process is a worker.
pub(super) fn begin() {
    // Relaxed, here and below: the jobs run on this thread, and a copy is one of it.
    WORKER.store(process::id(), Ordering::Relaxed);
    MARK.store(mark().unwrap_or(NO_MEMORY), Ordering::Relaxed);
}

/// This process is a copy that goes on as a worker of its own.
pub(super) fn begin_copy() {
    WORKER.store(process::id(), Ordering::Relaxed);
    let mark = MARK.load(Ordering::Relaxed);
    if !mark.is_null() && mark != NO_MEMORY {
        // SAFETY: as in `is_copy`.
        unsafe { (*mark).store(1, Ordering::Relaxed) };
    }
}

fn mark() -> Option<*mut AtomicU32> {
    let len = size_of::<AtomicU32>();
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: new memory that no other code uses and that stays. It is zeroed, a valid number, and aligned to a page.
    unsafe {
        let memory = libc::mmap(null_mut(), len, access, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        if memory == libc::MAP_FAILED || libc::madvise(memory, len, libc::MADV_WIPEONFORK) != 0 {
            return None;
        }
        let mark = memory.cast::<AtomicU32>();
        (*mark).store(1, Ordering::Relaxed);
        Some(mark)
    }
}

#[inline]
pub(super) fn is_copy() -> bool {
    let mark = MARK.load(Ordering::Relaxed);
    if mark.is_null() {
        return false;
    }
    if mark == NO_MEMORY {
        return process::id() != WORKER.load(Ordering::Relaxed);
    }
    // SAFETY: it is neither of the two that are no memory, so `mark` has made it.
    unsafe { (*mark).load(Ordering::Relaxed) == 0 }
}

/// Called behind all that may run code of a user's: the end of a copy, which has `code` as its exit code. Its buffers and destructors are the worker's, and are left
/// alone.
#[inline]
pub(crate) fn end_copy(code: i32) {
    if is_copy() {
        // SAFETY: it ends this process, and touches nothing in it.
        unsafe { libc::_exit(code) };
    }
}
