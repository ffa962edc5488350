//! What makes sure that a worker ends with its parent, and takes its own children with it. Unsafe, because it sets signal handlers
//! and closes descriptors by number.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::io;

use rustix::process::{Resource, Rlimit, getpgrp, getpid, getppid, setpgid, setrlimit};

/// Prepares this process to be a worker of the process `parent`. Must be called before it opens a descriptor of its own.
///
/// # Errors
///
/// When the system refuses any of it: then nobody would be sure that the worker ends.
pub(crate) fn guard(parent: u32) -> io::Result<()> {
    close_inherited();
    ignore(libc::SIGINT); // Ctrl-C is for the parent to judge
    ignore(libc::SIGPIPE); // as the standard library does before `main`
    if getpgrp() != getpid() {
        setpgid(None, None)?;
    }
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // Not fatal: a core file too many is better than no worker.
    let _ = setrlimit(Resource::Core, none);
    die_with_parent(parent)
}

/// The kernel sends the signal when the thread that started us ends, which it does only after we have: by then the parent
/// is dead. SIGKILL itself would spare our children; the handler takes the whole group.
fn die_with_parent(parent: u32) -> io::Result<()> {
    let signal = libc::SIGRTMAX() - 1;
    handle(signal, kill_group)?;
    let number = libc::c_ulong::try_from(signal).unwrap_or_default();
    // SAFETY: this option takes a signal number, and touches no memory.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, number) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // It may have died before the kernel knew that we want to hear of it.
    let now = getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
    if now != parent {
        kill_own_group();
    }
    Ok(())
}

/// Ends this process and those that it started, at once.
pub(crate) fn kill_own_group() {
    kill_group(0);
}

extern "C" fn kill_group(_: c_int) {
    // SAFETY: kill(2) is async-signal-safe. The group is our own: `guard` made sure before it set this handler.
    unsafe { libc::kill(0, libc::SIGKILL) };
}

fn ignore(signal: c_int) {
    // SAFETY: to ignore a signal needs no handler.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

fn handle(signal: c_int, handler: extern "C" fn(c_int)) -> io::Result<()> {
    // SAFETY: all zeros is a valid `sigaction`; the handler is async-signal-safe.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whatever the parent holds open without close-on-exec is not ours.
fn close_inherited() {
    // SAFETY: the descriptors are the parent's: nothing in this process owns one yet but what constructors may have opened,
    // which are told in the documentation that workers start with three. The kernel is 5.9 or later, or says no.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
}
