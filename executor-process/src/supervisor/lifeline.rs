//! The end of a pipe by which a worker's life hangs: the kernel kills the worker's group when no process holds it any more.
//!
//! A process that this one forks would hold it, too. So it is closed there, before `fork()` returns. Unsafe, because it has the C library call
//! functions of ours around each fork, and closes descriptors by number.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

use executor_thread::fork::Origin;
use parking_lot::{Mutex, MutexGuard};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::worker::process_setup::kill_group_at_close;

/// The lifelines of this process. Held from before a fork until after it, so that the new process finds it as it should be.
static HELD: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// Keeps one worker alive. When it is dropped, the kernel kills that worker's group.
#[derive(Debug)]
pub(crate) struct Lifeline {
    end: ManuallyDrop<OwnedFd>,
    origin: Origin,
}

impl Lifeline {
    /// With the other end, which is for the worker.
    ///
    /// # Errors
    ///
    /// When the system refuses a pipe.
    pub(crate) fn new() -> io::Result<(OwnedFd, Self)> {
        let origin = Origin::here();
        watch();
        let mut held = HELD.lock();
        let (theirs, end) = pipe_with(PipeFlags::CLOEXEC)?;
        held.push(end.as_raw_fd());
        Ok((theirs, Self { end: ManuallyDrop::new(end), origin }))
    }
}

/// Has the kernel kill the group of the process `pid` when the lifeline of `end` is dropped, whether or not the worker has taken `end` yet: so one
/// that is stopped, or still in a constructor, ends with its parent. The worker asks for the same, in case this process ends before.
///
/// # Errors
///
/// When the kernel cannot do so.
pub(crate) fn arm(end: &OwnedFd, pid: u32) -> io::Result<()> {
    let group = libc::pid_t::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    kill_group_at_close(end.as_raw_fd(), group)
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        if !self.origin.is_here() {
            // It was closed at the fork, and the number may be another's.
            return;
        }
        let mut held = HELD.lock();
        let number = self.end.as_raw_fd();
        held.retain(|&other| other != number);
        // SAFETY: it is not used again. It is closed under the lock, so that no fork finds a number on the list which is another's.
        unsafe { ManuallyDrop::drop(&mut self.end) };
    }
}

/// The guard of [`HELD`] during a fork.
struct ForkGuard(UnsafeCell<Option<MutexGuard<'static, Vec<RawFd>>>>);

// SAFETY: only the thread that holds the lock of `HELD` uses it.
unsafe impl Sync for ForkGuard {}

fn watch() {
    static WATCHED: OnceLock<()> = OnceLock::new();
    static GUARD: ForkGuard = ForkGuard(UnsafeCell::new(None));

    unsafe extern "C" fn before() {
        let guard = HELD.lock();
        // SAFETY: this thread holds the lock.
        unsafe { *GUARD.0.get() = Some(guard) };
    }

    unsafe extern "C" fn in_parent() {
        // SAFETY: this thread has locked it in `before`.
        drop(unsafe { (*GUARD.0.get()).take() });
    }

    unsafe extern "C" fn in_child() {
        // SAFETY: the thread that locked it in `before` is this one, in another process, where it is alone.
        let Some(mut held) = (unsafe { (*GUARD.0.get()).take() }) else { return };
        for number in held.drain(..) {
            // SAFETY: it is the number of an open lifeline. `close` is async-signal-safe, and to drain a list neither allocates nor frees.
            unsafe { libc::close(number) };
        }
    }

    WATCHED.get_or_init(|| {
        // SAFETY: these functions are there as long as the program is, and each is called with what the one before has left. Where there is no memory
        // for them, a forked process holds what it should not: workers may outlive their parent until that ends, too.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    });
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;
    use crate::supervisor::child::Child;

    /// Whether no process holds the other end.
    fn is_over(end: &OwnedFd) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut end = [PollFd::new(end, PollFlags::empty())];
        poll(&mut end, Some(&now)).expect("it can be asked") == 1 && end[0].revents().contains(PollFlags::HUP)
    }

    #[test]
    fn stopped_process_ends_with_its_lifeline() {
        use std::os::unix::process::{CommandExt, ExitStatusExt};

        let (end, lifeline) = Lifeline::new().unwrap();
        let mut child = std::process::Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
        arm(&end, child.id()).unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        drop(lifeline);
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }

    /// A worker may die in a constructor before this process ties it to a lifeline. Its start then tells how it died.
    #[test]
    fn process_that_has_died_needs_no_lifeline() {
        let (end, _lifeline) = Lifeline::new().unwrap();
        let mut command = std::process::Command::new("true");
        let (process, _) = Child::spawn(&mut command, Duration::ZERO, &Arc::default()).unwrap();
        process.wait();
        assert_eq!(arm(&end, process.pid()).unwrap_err().raw_os_error(), Some(libc::ESRCH));
        process.tie_to(&end).unwrap();
    }

    #[test]
    fn fork_does_not_keep_lifelines() {
        let (end, lifeline) = Lifeline::new().unwrap();
        let (asleep, wake) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        // SAFETY: the new process calls what is async-signal-safe, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: as above. It lives until this test ends, however that does.
            unsafe {
                libc::close(wake.as_raw_fd());
                libc::read(asleep.as_raw_fd(), [0_u8].as_mut_ptr().cast(), 1);
                libc::_exit(0);
            }
        }
        assert!(!is_over(&end));
        drop(lifeline);
        // The forked process closes its copy as it begins.
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_over(&end) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let has_ended = is_over(&end);
        drop(wake);
        // SAFETY: it waits for the process that was made above.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
        assert!(has_ended, "the forked process lives, and does not hold it");
    }
}
