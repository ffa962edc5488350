//! A condition.

use std::time::{Duration, Instant};

use super::error::ManagerError;
use super::handle::{handle, nanos, odd};
use super::hold::Held;
use super::protocol::Op;

handle! {
    /// A condition variable with its lock, shared by processes.
    ///
    /// Like a [`Lock`](crate::manager::Lock), it is not reentrant, and it is released if its holder's process dies.
    /// If a waiting process dies, its notification goes to another.
    ///
    /// ```
    /// use executor::{Manager, ProcessPool, call, manager::{Condition, Value}};
    ///
    /// fn produce(stock: Value<u32>, changed: Condition) -> Result<(), executor::RemoteError> {
    ///     let guard = changed.lock()?;
    ///     stock.update(|stock| *stock += 1)?;
    ///     guard.notify_one()?;
    ///     Ok(())
    /// }
    ///
    /// let (manager, pool) = (Manager::new()?, ProcessPool::new(1)?);
    /// let (stock, changed) = (manager.value(0)?, manager.condition()?);
    /// let mut guard = changed.lock()?;
    /// let job = pool.submit(call!(produce(stock.clone(), changed.clone())));
    /// guard.wait_while(|| Ok(stock.get()? == 0))?;
    /// assert_eq!(stock.get()?, 1);
    /// drop(guard);
    /// job.flatten().result()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Condition, "a `Condition`"
}

impl Condition {
    /// Blocks until the lock is free, takes it, and returns a guard that holds it.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn lock(&self) -> Result<ConditionGuard<'_>, ManagerError> {
        self.handle.acquire(None, ConditionGuard)?.ok_or_else(odd)
    }

    /// Takes the lock, or returns `None` if it is not free.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn try_lock(&self) -> Result<Option<ConditionGuard<'_>>, ManagerError> {
        self.handle.acquire(Some(0), ConditionGuard)
    }

    /// Takes the lock like [`lock`](Condition::lock), but blocks for at most `limit`. Returns `None` if the lock was
    /// not free in time.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn lock_timeout(&self, limit: Duration) -> Result<Option<ConditionGuard<'_>>, ManagerError> {
        self.handle.acquire(nanos(limit), ConditionGuard)
    }
}

/// Holds the lock of a [`Condition`]. Dropping the guard releases the lock, and blocks until the manager has
/// confirmed that.
#[must_use = "the lock is free again when the guard is dropped"]
pub struct ConditionGuard<'a>(Held<'a>);

impl ConditionGuard<'_> {
    /// Returns whether the previous holder's process died while it held the lock, so that the guarded state may be
    /// half changed. Only the next holder gets true.
    pub fn was_abandoned(&self) -> bool {
        self.0.was_abandoned
    }

    /// Releases the lock, blocks until notified, and takes the lock again.
    ///
    /// There are no spurious wake-ups, but another process may have changed the state before this call gets the lock
    /// again: in most cases, use [`wait_while`](ConditionGuard::wait_while).
    ///
    /// # Errors
    ///
    /// If the manager is gone; the lock is then no longer held.
    pub fn wait(&mut self) -> Result<(), ManagerError> {
        self.wait_within(None).map(drop)
    }

    /// Waits like [`wait`](ConditionGuard::wait), but for at most `limit`. Returns false if no notification came in
    /// time. In both cases it takes the lock again, however long that takes.
    ///
    /// # Errors
    ///
    /// As for `wait`.
    pub fn wait_timeout(&mut self, limit: Duration) -> Result<bool, ManagerError> {
        self.wait_within(nanos(limit))
    }

    /// Waits as long as `is_so` returns true. `is_so` is called with the lock held.
    ///
    /// # Errors
    ///
    /// As for [`wait`](ConditionGuard::wait), and the errors of `is_so`.
    pub fn wait_while(&mut self, mut is_so: impl FnMut() -> Result<bool, ManagerError>) -> Result<(), ManagerError> {
        while is_so()? {
            self.wait()?;
        }
        Ok(())
    }

    /// Waits like [`wait_while`](ConditionGuard::wait_while), but for at most `limit`. Returns false if `is_so` is
    /// still true then.
    ///
    /// # Errors
    ///
    /// As for `wait_while`.
    pub fn wait_while_timeout(
        &mut self,
        mut is_so: impl FnMut() -> Result<bool, ManagerError>,
        limit: Duration,
    ) -> Result<bool, ManagerError> {
        let deadline = Instant::now().checked_add(limit);
        while is_so()? {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if !self.wait_within(left.and_then(nanos))? {
                return Ok(!is_so()?);
            }
        }
        Ok(true)
    }

    /// Wakes the caller that has waited longest; it proceeds when it gets the lock.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn notify_one(&self) -> Result<(), ManagerError> {
        self.notify(false)
    }

    /// Wakes all waiting callers; each proceeds when it gets the lock.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn notify_all(&self) -> Result<(), ManagerError> {
        self.notify(true)
    }

    fn notify(&self, all: bool) -> Result<(), ManagerError> {
        self.0.ask(None, Op::Notify { ticket: self.0.ticket(), all })?.reply().map(drop)
    }

    /// Whether it was notified in time.
    fn wait_within(&mut self, limit: Option<u64>) -> Result<bool, ManagerError> {
        let ticket = self.0.ticket();
        self.0.exchange(limit, Op::Wait(ticket))?;
        Ok(!self.0.is_late)
    }
}

impl std::fmt::Debug for ConditionGuard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConditionGuard").field("was_abandoned", &self.was_abandoned()).finish_non_exhaustive()
    }
}
