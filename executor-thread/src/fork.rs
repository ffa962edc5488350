//! Detects whether this process is a fork of the process in which an object was created. For authors of executors.
//!
//! In a fork, the threads that serve the object are missing, and its locks may be held by threads that do not exist.
//!
//! This module is unsafe because the C library calls a function of ours in each process that `fork()` creates. A process that is
//! created by the bare system call `clone` is not detected.
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use executor_core::Rejection;

/// How many forks lie between this process and the first one that looked.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// The process in which an object was created.
///
/// ```
/// use executor::extend::fork::Origin;
///
/// let origin = Origin::here();
/// assert!(origin.is_here());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin(u32);

impl Origin {
    /// Returns the calling process.
    pub fn here() -> Self {
        watch();
        // Relaxed: it changes while a process has one thread, which sees its own store; other threads are started later.
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Returns whether the calling process is this one, not a fork of it. Costs one atomic load.
    pub fn is_here(self) -> bool {
        // Relaxed: as in `here`.
        FORKS.load(Ordering::Relaxed) == self.0
    }

    /// Why an executor made there refuses a job: it was shut down, or its threads are not in this process.
    pub(crate) fn absence(self) -> Rejection {
        if self.is_here() { Rejection::Shutdown } else { Rejection::Forked }
    }
}

/// A value that each forked process creates anew, instead of using the copy that it inherits.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use executor::extend::fork::PerProcess;
///
/// static STARTED: PerProcess<AtomicU32> = PerProcess::new(AtomicU32::new(0));
/// STARTED.get().fetch_add(1, Ordering::Relaxed);
/// assert_eq!(STARTED.get().load(Ordering::Relaxed), 1);
/// ```
#[derive(Debug)]
pub struct PerProcess<T: 'static> {
    value: T,
    /// The value of a process that was forked from this one.
    next: OnceLock<&'static Self>,
}

impl<T> PerProcess<T> {
    /// Creates the value, with `value` for the first process.
    pub const fn new(value: T) -> Self {
        Self { value, next: OnceLock::new() }
    }
}

impl<T: Default> PerProcess<T> {
    /// Returns the value of this process. A forked process never drops the values of its parents.
    pub fn get(&'static self) -> &'static T {
        let Origin(forks) = Origin::here();
        let mut found = self;
        for _ in 0..forks {
            found = found.next.get_or_init(|| Box::leak(Box::new(Self::new(T::default()))));
        }
        &found.value
    }
}

#[cfg(unix)]
fn watch() {
    static WATCHED: OnceLock<()> = OnceLock::new();

    unsafe extern "C" fn forked() {
        // Relaxed: as in `here`.
        FORKS.fetch_add(1, Ordering::Relaxed);
    }

    WATCHED.get_or_init(|| {
        // SAFETY: the function does nothing but add to a number, which is async-signal-safe, and is there as long as the program is. Without memory
        // for it, forks are not seen.
        unsafe { libc::pthread_atfork(None, None, Some(forked)) };
    });
}

#[cfg(not(unix))]
fn watch() {}

#[cfg(all(test, unix, not(loom), not(shuttle)))]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use executor_core::JobError;

    use super::*;

    /// The exit code of a forked process that does `body`, or that of a signal: SIGALRM ends one that hangs.
    fn in_fork(body: impl FnOnce() -> bool) -> i32 {
        // SAFETY: the new process uses the allocator, which `fork` takes care of, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: it ends this process, in which nothing is to be dropped.
            unsafe {
                libc::alarm(60);
                libc::_exit(i32::from(!body()));
            }
        }
        let mut status = 0;
        // SAFETY: it writes to the status of a child of ours.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) }
    }

    #[test]
    fn fork_is_seen_in_new_process() {
        static COUNT: PerProcess<AtomicU32> = PerProcess::new(AtomicU32::new(0));
        let origin = Origin::here();
        COUNT.get().store(7, Ordering::Relaxed);
        let sees = || {
            let is_new = !origin.is_here() && Origin::here().is_here();
            is_new && COUNT.get().swap(1, Ordering::Relaxed) == 0 && COUNT.get().load(Ordering::Relaxed) == 1
        };
        assert_eq!(in_fork(|| sees() && in_fork(|| COUNT.get().load(Ordering::Relaxed) == 0) == 0), 0);
        assert!(origin.is_here());
        assert_eq!(COUNT.get().load(Ordering::Relaxed), 7);
    }

    #[cfg(feature = "rayon")]
    #[test]
    fn forked_process_leaves_rayon_alone() {
        let pool = crate::RayonPool::new(1).unwrap();
        pool.submit(|| ()).result().unwrap();
        let handle = pool.handle();
        let mut owned = Some(pool);
        let refused =
            |outcome: Result<(), JobError>| outcome.is_err_and(|error| error.rejection() == Some(Rejection::Forked));
        let code = in_fork(|| {
            let pool = owned.take().unwrap();
            let are_refused = refused(pool.submit(|| ()).result()) && refused(handle.submit(|| ()).result());
            drop(pool);
            are_refused
        });
        assert_eq!(code, 0);
        owned.unwrap().submit(|| ()).result().unwrap();
    }
}
