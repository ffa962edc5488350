//! A lock.

use std::time::Duration;

use super::error::ManagerError;
use super::handle::{handle, nanos, odd};
use super::hold::Held;

handle! {
    /// A lock between processes, and between the threads of each.
    ///
    /// It can guard anything: a file, a device, several values of a manager. To change a single value, its `update`
    /// is enough. The lock is not reentrant: a thread that locks it twice deadlocks.
    ///
    /// If the holder's process dies, the lock is released at once, and [`was_abandoned`](LockGuard::was_abandoned)
    /// tells the next holder. Waiting callers get the lock in the order in which they came.
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
    /// Blocks until the lock is free, takes it, and returns a guard that holds it.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn lock(&self) -> Result<LockGuard<'_>, ManagerError> {
        self.handle.acquire(None, LockGuard)?.ok_or_else(odd)
    }

    /// Takes the lock, or returns `None` if it is not free.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn try_lock(&self) -> Result<Option<LockGuard<'_>>, ManagerError> {
        self.handle.acquire(Some(0), LockGuard)
    }

    /// Takes the lock like [`lock`](Lock::lock), but blocks for at most `limit`. Returns `None` if the lock was not
    /// free in time.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn lock_timeout(&self, limit: Duration) -> Result<Option<LockGuard<'_>>, ManagerError> {
        self.handle.acquire(nanos(limit), LockGuard)
    }
}

/// Holds a [`Lock`]. Dropping the guard releases the lock, and blocks until the manager has confirmed that.
#[must_use = "the lock is free again when the guard is dropped"]
pub struct LockGuard<'a>(Held<'a>);

impl LockGuard<'_> {
    /// Returns whether the previous holder's process died while it held the lock, so that the guarded state may be
    /// half changed. Only the next holder gets true.
    pub fn was_abandoned(&self) -> bool {
        self.0.was_abandoned
    }
}

impl std::fmt::Debug for LockGuard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockGuard").field("was_abandoned", &self.was_abandoned()).finish_non_exhaustive()
    }
}
