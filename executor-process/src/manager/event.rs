//! An event, and a barrier.

use std::time::Duration;

use super::error::ManagerError;
use super::handle::{handle, nanos, odd};
use super::protocol::Op;

handle! {
    /// A flag that processes can wait for.
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
    /// Between threads of one process, use [`Event`](executor_core::Event), which needs no manager.
    SharedEvent, "a `SharedEvent`"
}

impl SharedEvent {
    /// Sets the flag and wakes all waiting callers.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn set(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::Set(true))
    }

    /// Clears the flag: later waits block until the next [`set`](SharedEvent::set).
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn clear(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::Set(false))
    }

    /// Returns whether the flag is set.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn is_set(&self) -> Result<bool, ManagerError> {
        self.handle.flag_within(None, Op::IsSet)?.ok_or_else(odd)
    }

    /// Blocks until the flag is set.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn wait(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::Await)
    }

    /// Waits like [`wait`](SharedEvent::wait), but for at most `limit`. Returns false if the flag was not set in
    /// time.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn wait_timeout(&self, limit: Duration) -> Result<bool, ManagerError> {
        self.handle.done_within(nanos(limit), Op::Await)
    }
}

handle! {
    /// A point where a fixed number of threads, in any processes, wait until all have arrived; they then proceed
    /// together. It can be used again.
    ///
    /// If a waiting process dies, or a caller's limit expires, it no longer counts: the others keep waiting, and the
    /// barrier does not break.
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
    /// Blocks until all parties have arrived. Returns true to the last one only.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn wait(&self) -> Result<bool, ManagerError> {
        self.handle.flag_within(None, Op::Await)?.ok_or_else(odd)
    }

    /// Waits like [`wait`](Barrier::wait), but for at most `limit`. Returns `None` if the others did not arrive in
    /// time.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn wait_timeout(&self, limit: Duration) -> Result<Option<bool>, ManagerError> {
        self.handle.flag_within(nanos(limit), Op::Await)
    }

    /// Returns the number of callers that wait now.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn waiting(&self) -> Result<usize, ManagerError> {
        self.handle.count(Op::Len)
    }
}
