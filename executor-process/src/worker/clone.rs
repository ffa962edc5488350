//! A copy of this process whose parent is this process's own parent. Unsafe, because only the bare system call makes one.
//!
//! The C library does not know of the copy: functions that were given to `pthread_atfork(3)` are not called there, and what the library keeps of
//! the thread is set here. A process with one thread holds no lock of the library's or of ours while it makes a copy.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_long, c_void};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::{self, null_mut};

/// The C library's records of the thread that makes copies.
#[derive(Clone, Copy)]
pub(super) struct Cloner {
    /// Where the library keeps the number of the thread.
    tid: *mut libc::pid_t,
    /// The list of mutexes that the kernel unlocks at a death (`get_robust_list(2)`), and its length.
    robust: *mut c_void,
    robust_len: usize,
}

impl Cloner {
    /// # Errors
    ///
    /// When the C library keeps the number of the thread elsewhere, as musl does: its `raise(3)` would signal this process from the copy.
    pub(super) fn new() -> io::Result<Self> {
        let mut tid: *mut libc::pid_t = null_mut();
        // SAFETY: the call writes a pointer to where there is room for one.
        let is_told = unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut tid) } == 0 && !tid.is_null();
        // SAFETY: the C library gave this address to the kernel, to write such a number to it.
        if !is_told || unsafe { tid.read_volatile() } != thread() {
            let text = "a worker cannot be forked with this C library or kernel; use `initializer` instead";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        let (mut robust, mut robust_len) = (null_mut(), 0);
        // SAFETY: the call writes a pointer and a number to where there is room for them. Where it fails, both stay as they are.
        unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut robust, &raw mut robust_len) };
        Ok(Self { tid, robust, robust_len })
    }

    /// Makes a copy of this process, which has one thread. Returns the copy's process id here, and `None` in the copy.
    ///
    /// # Errors
    ///
    /// When the system refuses a process.
    pub(super) fn copy(self) -> io::Result<Option<u32>> {
        let flags = libc::CLONE_PARENT | libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD;
        // SAFETY: without a new stack and shared memory, it is a fork: both processes go on from here. `tid` is where the number is.
        match unsafe { clone(flags, self.tid) } {
            0 => {
                // SAFETY: the list is this thread's own, and the copy has it at the same address. No mutex is on it.
                unsafe { libc::syscall(libc::SYS_set_robust_list, self.robust, self.robust_len) };
                Ok(None)
            }
            error if error < 0 => Err(io::Error::last_os_error()),
            pid => Ok(Some(u32::try_from(pid).unwrap_or_default())),
        }
    }
}

/// The last two arguments have no common order (clone(2), "C library/kernel differences").
#[cfg(target_arch = "x86_64")]
unsafe fn clone(flags: c_int, tid: *mut libc::pid_t) -> c_long {
    let none = ptr::null::<c_void>();
    // SAFETY: as the caller says.
    unsafe { libc::syscall(libc::SYS_clone, c_long::from(flags), none, none, tid, none) }
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn clone(flags: c_int, tid: *mut libc::pid_t) -> c_long {
    let none = ptr::null::<c_void>();
    // SAFETY: as the caller says.
    unsafe { libc::syscall(libc::SYS_clone, c_long::from(flags), none, none, none, tid) }
}

/// From now on, the number of `old` is a descriptor of what `new` is one of.
///
/// # Errors
///
/// When the system refuses it.
pub(super) fn replace(old: &OwnedFd, new: &OwnedFd) -> io::Result<()> {
    // SAFETY: the number stays that of an open descriptor, which goes on to be owned by `old`.
    let result = unsafe { libc::dup3(new.as_raw_fd(), old.as_raw_fd(), libc::O_CLOEXEC) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn thread() -> i32 {
    // SAFETY: always succeeds.
    unsafe { libc::gettid() }
}
