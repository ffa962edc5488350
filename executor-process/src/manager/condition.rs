//! A condition.

use std::time::{Duration, Instant};

use super::error::ManagerError;
use super::handle::{handle, nanos, odd};
use super::hold::Held;
use super::protocol::Op;

handle! {
    /// A lock whose holders can wait for each other.
    ///
    /// As a [`Lock`](crate::manager::Lock), it is not reentrant, and free when its holder dies. One that waits and dies is forgotten: a
    /// notification goes to another.
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
    /// Blocks until its lock is free, and takes it.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn lock(&self) -> Result<ConditionGuard<'_>, ManagerError> {
        self.handle.acquire(None, ConditionGuard)?.ok_or_else(odd)
    }

    /// Takes its lock if that is free.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn try_lock(&self) -> Result<Option<ConditionGuard<'_>>, ManagerError> {
        self.handle.acquire(Some(0), ConditionGuard)
    }

    /// As [`lock`](Condition::lock), and blocks no longer than `limit`. `None` when it was not free in time.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn lock_timeout(&self, limit: Duration) -> Result<Option<ConditionGuard<'_>>, ManagerError> {
        self.handle.acquire(nanos(limit), ConditionGuard)
    }
}

/// Holds the lock of a [`Condition`]. Its drop frees it, and returns when that is so.
#[must_use = "the lock is free again when the guard is dropped"]
pub struct ConditionGuard<'a>(Held<'a>);

impl ConditionGuard<'_> {
    /// Whether the holder before died with it, so that what it guards may be half changed. Told once.
    pub fn was_abandoned(&self) -> bool {
        self.0.was_abandoned
    }

    /// Frees the lock, blocks until it is notified, and takes the lock again. There are no other causes to wake up; but what was waited for
    /// may have gone before the lock was free, so [`wait_while`](ConditionGuard::wait_while) is what most want.
    ///
    /// # Errors
    ///
    /// When the manager is gone. The lock is not held any more then.
    pub fn wait(&mut self) -> Result<(), ManagerError> {
        self.wait_within(None).map(drop)
    }

    /// As [`wait`](ConditionGuard::wait), and no longer than `limit` for the notification. False when none came in time. The lock is held
    /// in either case, and is waited for without a limit.
    ///
    /// # Errors
    ///
    /// As for `wait`.
    pub fn wait_timeout(&mut self, limit: Duration) -> Result<bool, ManagerError> {
        self.wait_within(nanos(limit))
    }

    /// Waits for as long as `is_so` says. It is asked with the lock held.
    ///
    /// # Errors
    ///
    /// As for [`wait`](ConditionGuard::wait), and those of `is_so`.
    pub fn wait_while(&mut self, mut is_so: impl FnMut() -> Result<bool, ManagerError>) -> Result<(), ManagerError> {
        while is_so()? {
            self.wait()?;
        }
        Ok(())
    }

    /// As [`wait_while`](ConditionGuard::wait_while), and no longer than `limit`. False when the time is up and it is still so.
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

    /// Wakes the one who has waited for longest. He goes on when this lock is free.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn notify_one(&self) -> Result<(), ManagerError> {
        self.notify(false)
    }

    /// Wakes all who wait. Each goes on when the lock is free for him.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
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
