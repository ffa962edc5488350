//! A lock.

use std::time::Duration;

use super::error::ManagerError;
use super::handle::{handle, nanos, odd};
use super::hold::Held;

handle! {
    /// A lock between processes, and the threads of each.
    ///
    /// It can guard anything: a file, a device, several values of a manager. For one value, its `update` is enough. It is not
    /// reentrant: a thread that locks it twice deadlocks.
    ///
    /// If the process that holds it dies, it is free at once, and the next holder learns that from
    /// [`was_abandoned`](LockGuard::was_abandoned). Waiters get the lock in the order in which they came.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::Manager;
    ///
    /// let manager = Manager::new()?;
    /// let lock = manager.lock()?;
    /// let guard = lock.lock()?;
    /// assert!(lock.try_lock()?.is_none());
    /// assert!(lock.lock_timeout(Duration::from_millis(1))?.is_none());
    /// drop(guard);
    /// assert!(lock.try_lock()?.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Lock, "a `Lock`"
}

impl Lock {
    /// Blocks until the lock is free, and takes it.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn lock(&self) -> Result<LockGuard<'_>, ManagerError> {
        self.handle.acquire(None, LockGuard)?.ok_or_else(odd)
    }

    /// Takes the lock if it is free.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn try_lock(&self) -> Result<Option<LockGuard<'_>>, ManagerError> {
        self.handle.acquire(Some(0), LockGuard)
    }

    /// As [`lock`](Lock::lock), and blocks no longer than `limit`. `None` when it was not free in time.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn lock_timeout(&self, limit: Duration) -> Result<Option<LockGuard<'_>>, ManagerError> {
        self.handle.acquire(nanos(limit), LockGuard)
    }
}

/// Holds a [`Lock`]. Its drop frees it, and returns when that is so.
#[must_use = "the lock is free again when the guard is dropped"]
pub struct LockGuard<'a>(Held<'a>);

impl LockGuard<'_> {
    /// Whether the holder before died with it, so that what it guards may be half changed. Told once.
    pub fn was_abandoned(&self) -> bool {
        self.0.was_abandoned
    }
}

impl std::fmt::Debug for LockGuard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockGuard").field("was_abandoned", &self.was_abandoned()).finish_non_exhaustive()
    }
}
