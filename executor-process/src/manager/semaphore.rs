//! A semaphore.

use std::time::Duration;

use super::error::ManagerError;
use super::handle::{handle, nanos, odd};
use super::hold::Held;
use super::protocol::Op;

handle! {
    /// A number of permits that processes share.
    ///
    /// The permits of a process that dies are free again. Those who wait get one in the order in which they came.
    ///
    /// ```
    /// use executor::Manager;
    ///
    /// let manager = Manager::new()?;
    /// let connections = manager.semaphore(2)?;
    /// let (first, second) = (connections.acquire()?, connections.acquire()?);
    /// assert!(connections.try_acquire()?.is_none());
    /// drop(first);
    /// assert!(connections.try_acquire()?.is_some());
    /// # drop(second);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Semaphore, "a `Semaphore`"
}

impl Semaphore {
    /// Blocks until a permit is free, and takes it.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn acquire(&self) -> Result<Permit<'_>, ManagerError> {
        self.handle.acquire(None, Permit)?.ok_or_else(odd)
    }

    /// Takes a permit if one is free.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn try_acquire(&self) -> Result<Option<Permit<'_>>, ManagerError> {
        self.handle.acquire(Some(0), Permit)
    }

    /// As [`acquire`](Semaphore::acquire), and blocks no longer than `limit`. `None` when none was free in time.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn acquire_timeout(&self, limit: Duration) -> Result<Option<Permit<'_>>, ManagerError> {
        self.handle.acquire(nanos(limit), Permit)
    }

    /// Adds a permit: one that was [forgotten](Permit::forget), here or elsewhere, or one more than there were.
    ///
    /// ```
    /// # use executor::{Manager, manager::ManagerError};
    /// let manager = Manager::new()?;
    /// let semaphore = manager.bounded_semaphore(1)?;
    /// semaphore.acquire()?.forget()?;
    /// assert!(semaphore.try_acquire()?.is_none());
    /// semaphore.release()?;
    /// assert!(matches!(semaphore.release(), Err(ManagerError::TooManyPermits)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ManagerError::TooManyPermits`] when the semaphore is [bounded](crate::Manager::bounded_semaphore) and has all its permits;
    /// when the manager is gone.
    pub fn release(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::Return)
    }
}

/// A permit of a [`Semaphore`]. Its drop gives it back, and returns when that is so.
#[must_use = "the permit is given back when it is dropped"]
pub struct Permit<'a>(Held<'a>);

impl Permit<'_> {
    /// Keeps the permit taken after this drop, even if this process dies: only a call of
    /// [`release`](Semaphore::release) gives it back.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn forget(self) -> Result<(), ManagerError> {
        let ticket = self.0.ticket();
        self.0.end(Op::Forget(ticket))
    }
}

impl std::fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
