//! One value.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ManagerError;
use super::handle::{handle, odd};
use super::protocol::{Op, Place};

handle! {
    /// One value that processes share.
    ///
    /// ```
    /// use executor::{Manager, ProcessPool, call, manager::Value};
    ///
    /// fn count(words: String, total: Value<usize>) {
    ///     let n = words.split_whitespace().count();
    ///     total.update(|total| *total += n).expect("the manager is there");
    /// }
    ///
    /// let (manager, pool) = (Manager::new()?, ProcessPool::new(2)?);
    /// let total = manager.value(0)?;
    /// let jobs = ["one two", "three"].map(|words| pool.submit(call!(count(words.to_owned(), total.clone()))));
    /// for job in jobs {
    ///     job.result()?;
    /// }
    /// assert_eq!(total.get()?, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Value<T>, "a `Value`"
}

impl<T: Serialize + DeserializeOwned> Value<T> {
    /// Returns the current value. During an update, it is the value before the update.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or the value cannot be decoded.
    pub fn get(&self) -> Result<T, ManagerError> {
        self.handle.value(Op::Get(Place::Index(0)))?.ok_or_else(odd)
    }

    /// Replaces the value and returns the old one. Blocks while the value is being updated.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or a value cannot be encoded or decoded.
    pub fn set(&self, value: T) -> Result<T, ManagerError> {
        self.handle.set_at(0, &value)
    }

    /// Changes the value in one atomic step, and returns the result of `change`. Blocks while another update is in
    /// progress.
    ///
    /// `change` runs once, in this process. If it panics, or this process dies, the value stays unchanged and the
    /// next update proceeds. Changing the same value through another handle inside `change` deadlocks.
    ///
    /// ```
    /// # use executor::Manager;
    /// let manager = Manager::new()?;
    /// let next = manager.value(7)?;
    /// let mine = next.update(|next| std::mem::replace(next, *next + 1))?;
    /// assert_eq!((mine, next.get()?), (7, 8));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the manager is gone, or the value cannot be encoded or decoded.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, ManagerError> {
        self.handle.update_at(0, change)
    }
}
