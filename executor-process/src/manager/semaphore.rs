//! A semaphore.

use std::time::Duration;

use super::error::ManagerError;
use super::handle::{handle, nanos, odd};
use super::hold::Held;
use super::protocol::Op;

handle! {
    /// A number of permits that processes share.
    ///
    /// If a process dies, its permits are released. Waiting callers get permits in the order in which they came.
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
    /// If the manager is gone.
    pub fn acquire(&self) -> Result<Permit<'_>, ManagerError> {
        self.handle.acquire(None, Permit)?.ok_or_else(odd)
    }

    /// Takes a permit, or returns `None` if none is free.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn try_acquire(&self) -> Result<Option<Permit<'_>>, ManagerError> {
        self.handle.acquire(Some(0), Permit)
    }

    /// Takes a permit like [`acquire`](Semaphore::acquire), but blocks for at most `limit`. Returns `None` if no
    /// permit was free in time.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn acquire_timeout(&self, limit: Duration) -> Result<Option<Permit<'_>>, ManagerError> {
        self.handle.acquire(nanos(limit), Permit)
    }

    /// Adds a permit: to return one that was [forgotten](Permit::forget), in any process, or to raise the number of
    /// permits.
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
    /// [`ManagerError::TooManyPermits`] if the semaphore is [bounded](crate::Manager::bounded_semaphore) and has all
    /// its permits; also if the manager is gone.
    pub fn release(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::Return)
    }
}

/// A permit of a [`Semaphore`]. Dropping it returns the permit, and blocks until the manager has confirmed that.
#[must_use = "the permit is given back when it is dropped"]
pub struct Permit<'a>(Held<'a>);

impl Permit<'_> {
    /// Keeps the permit taken for good, even if this process dies: only a call of [`release`](Semaphore::release)
    /// returns it.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
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
