//! SIGTERM and SIGHUP in a worker: from its parent they end it, from anybody else they do not. A service manager sends them to all
//! processes of a service at once, and the parent, which gets them too, decides when its workers end. Unsafe, because it handles signals.
//!
//! Not ignored: what a job starts would ignore them, too. A handler is gone in a program that is started.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::zeroed;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, Ordering};

use libc::{sigaction, siginfo_t};

/// The worker, and its parent.
static WORKER: AtomicI32 = AtomicI32::new(0);
static PARENT: AtomicI32 = AtomicI32::new(0);

/// From now on, `signal` ends this process if the process `parent` sends it, or if this one does.
///
/// # Errors
///
/// When the system refuses the handler.
pub(super) fn end_for(parent: u32, signal: c_int) -> io::Result<()> {
    // Relaxed: the handler is set behind them, on this thread.
    WORKER.store(process(), Ordering::Relaxed);
    PARENT.store(i32::try_from(parent).unwrap_or_default(), Ordering::Relaxed);
    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = on_signal;
    // SAFETY: all zeros is a valid `sigaction`, with an empty mask; the handler is async-signal-safe.
    let result = unsafe {
        let mut action: sigaction = zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        sigaction(signal, &raw const action, null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// This process is a copy that goes on as a worker of its own, of the same parent, with the handlers that it has.
pub(super) fn begin_copy() {
    WORKER.store(process(), Ordering::Relaxed);
}

extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel gives a handler with SA_SIGINFO a valid pointer. The field is 0 where no process has sent the signal.
    let sender = unsafe { (*info).si_pid() };
    let own = process();
    // A copy that a job made by fork(2) is the job's to end.
    let is_worker = own == WORKER.load(Ordering::Relaxed);
    if is_worker && sender != own && sender != PARENT.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: both are async-signal-safe. The signal waits until this handler has returned, and ends the process then.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

fn process() -> i32 {
    // SAFETY: always succeeds. Not cached anywhere: it differs after a fork.
    unsafe { libc::getpid() }
}
