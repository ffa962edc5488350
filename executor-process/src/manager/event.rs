//! An event, and a barrier.

use std::time::Duration;

use super::error::ManagerError;
use super::handle::{handle, nanos, odd};
use super::protocol::Op;

handle! {
    /// A flag that processes wait for.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{Manager, ProcessPool, call, manager::SharedEvent};
    ///
    /// fn wait(start: SharedEvent) -> bool {
    ///     start.wait().is_ok()
    /// }
    ///
    /// let (manager, pool) = (Manager::new()?, ProcessPool::new(1)?);
    /// let start = manager.event()?;
    /// let job = pool.submit(call!(wait(start.clone())));
    /// assert!(!start.is_set()? && !start.wait_timeout(Duration::from_millis(1))?);
    /// start.set()?;
    /// assert!(job.result()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Between the threads of one process, [`executor_core::Event`] does it without a manager.
    SharedEvent, "a `SharedEvent`"
}

impl SharedEvent {
    /// Sets the flag, and wakes all who wait.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn set(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::Set(true))
    }

    /// Clears the flag: from now on, waits block until the next `set`.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn clear(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::Set(false))
    }

    /// Whether the flag is set.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn is_set(&self) -> Result<bool, ManagerError> {
        self.handle.flag_within(None, Op::IsSet)?.ok_or_else(odd)
    }

    /// Blocks until the flag is set.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn wait(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::Await)
    }

    /// As [`wait`](SharedEvent::wait), and no longer than `limit`. False when it was not set in time.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn wait_timeout(&self, limit: Duration) -> Result<bool, ManagerError> {
        self.handle.done_within(nanos(limit), Op::Await)
    }
}

handle! {
    /// Where processes wait for each other: a set number of them goes on together, and then the next as many.
    ///
    /// If a waiter dies or gives up, it does not count, and the barrier does not break: the others wait for another.
    ///
    /// ```
    /// use std::thread;
    /// use executor::Manager;
    ///
    /// let manager = Manager::new()?;
    /// let barrier = manager.barrier(2)?;
    /// let other = thread::spawn({
    ///     let barrier = barrier.clone();
    ///     move || barrier.wait()
    /// });
    /// let leads = barrier.wait()?;
    /// assert_ne!(leads, other.join().unwrap()?, "one of them");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Barrier, "a `Barrier`"
}

impl Barrier {
    /// Blocks until as many as it is made for have come. True for one of them, the last.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn wait(&self) -> Result<bool, ManagerError> {
        self.handle.flag_within(None, Op::Await)?.ok_or_else(odd)
    }

    /// As [`wait`](Barrier::wait), and no longer than `limit`. `None` when the others did not come in time.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn wait_timeout(&self, limit: Duration) -> Result<Option<bool>, ManagerError> {
        self.handle.flag_within(nanos(limit), Op::Await)
    }

    /// How many wait now.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn waiting(&self) -> Result<usize, ManagerError> {
        self.handle.count(Op::Len)
    }
}
