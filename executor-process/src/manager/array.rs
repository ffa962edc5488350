//! An array.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ManagerError;
use super::handle::handle;
use super::protocol::{Op, Place};

handle! {
    /// A list of fixed length that processes share.
    ///
    /// ```
    /// use executor::Manager;
    ///
    /// let manager = Manager::new()?;
    /// let array = manager.array([1, 2, 3])?;
    /// array.update(0, |value| *value += 10)?;
    /// array.swap(0, 2)?;
    /// assert_eq!(array.set(1, 5)?, 2);
    /// assert_eq!(array.snapshot()?, [3, 5, 11]);
    /// let error = array.get(3).unwrap_err();
    /// assert_eq!(error.to_string(), "the index is out of range: the length is 3");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Array<T>, "an `Array`"
}

impl<T: Serialize + DeserializeOwned> Array<T> {
    /// Returns the value at `index`. During an update, it is the value before the update.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] if there is no such index; also if the manager is gone, or the value cannot be decoded.
    pub fn get(&self, index: usize) -> Result<T, ManagerError> {
        match self.handle.value(Op::Get(Place::Index(index as u64)))? {
            Some(value) => Ok(value),
            None => Err(ManagerError::OutOfRange { len: self.len()? }),
        }
    }

    /// Replaces the value at `index` and returns the old one. Blocks while the value is being updated.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] if there is no such index; also if the manager is gone, or a value cannot be encoded or decoded.
    pub fn set(&self, index: usize, value: T) -> Result<T, ManagerError> {
        self.handle.set_at(index as u64, &value)
    }

    /// Changes the value at `index` in one atomic step, and returns the result of `change`. Blocks while another
    /// update of this value is in progress; other values are not blocked.
    ///
    /// `change` runs once, in this process. If it panics, or this process dies, the value stays unchanged and the
    /// next update proceeds. Changing the same value through another handle inside `change` deadlocks.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] if there is no such index; also if the manager is gone, or the value cannot be encoded or decoded.
    pub fn update<R>(&self, index: usize, change: impl FnOnce(&mut T) -> R) -> Result<R, ManagerError> {
        self.handle.update_at(index as u64, change)
    }

    /// Swaps two values. Blocks while any value of the array is being updated.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] if one of the indices does not exist; also if the manager is gone.
    pub fn swap(&self, one: usize, other: usize) -> Result<(), ManagerError> {
        self.handle.done(Op::Swap(one as u64, other as u64))
    }

    /// Returns all values at one moment.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or a value cannot be decoded.
    pub fn snapshot(&self) -> Result<Vec<T>, ManagerError> {
        self.handle.values()
    }

    /// Returns the number of values.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn len(&self) -> Result<usize, ManagerError> {
        self.handle.count(Op::Len)
    }

    /// Returns whether the array has no values.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn is_empty(&self) -> Result<bool, ManagerError> {
        Ok(self.len()? == 0)
    }
}
