//! The standard streams of a worker whose output is captured. Unsafe, because it sets the buffer of C's stdout.
#![allow(unsafe_code)]

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

use executor_core::panics::{catch, drop_catching};
use rustix::stdio::{dup2_stderr, dup2_stdout};

// SAFETY: every C library has it, with this type (stdio(3)).
unsafe extern "C" {
    /// The C library's own stream.
    #[link_name = "stdout"]
    static C_STDOUT: *mut libc::FILE;
}

static IS_CAPTURED: AtomicBool = AtomicBool::new(false);

/// Sends to `out` and `err` what this process, and those that it starts, write to stdout and stderr.
///
/// # Errors
///
/// When the system refuses it.
pub(super) fn redirect([out, err]: &[OwnedFd; 2]) -> io::Result<()> {
    dup2_stdout(out)?;
    dup2_stderr(err)?;
    // C buffers what goes to a pipe as a whole, and lines would come late, or never if a job crashes.
    // SAFETY: the pointer is the C library's, and set before any code runs. The library has a buffer of its own.
    unsafe { libc::setvbuf(C_STDOUT, null_mut(), libc::_IOLBF, 0) };
    // Relaxed: it is read on this thread.
    IS_CAPTURED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Writes out what is left in the buffers of all streams, whether or not output is captured.
pub(super) fn flush_all() {
    drop_catching(catch(|| io::stdout().flush()));
    // SAFETY: without a stream, it is for all of the C library's.
    unsafe { libc::fflush(null_mut()) };
}

/// Writes out what the job has left in the buffers of stdout. Blocks while another thread holds one of these.
pub(super) fn flush() {
    if !IS_CAPTURED.load(Ordering::Relaxed) {
        return;
    }
    drop_catching(catch(|| io::stdout().flush()));
    // SAFETY: as above.
    unsafe { libc::fflush(C_STDOUT) };
}
