//! An array.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ManagerError;
use super::handle::handle;
use super::protocol::{Op, Place};

handle! {
    /// Values that processes share, of which there are always as many.
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
    /// assert_eq!(error.to_string(), "there is no such place: the length is 3");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Array<T>, "an `Array`"
}

impl<T: Serialize + DeserializeOwned> Array<T> {
    /// The value at `index`. While somebody updates it, as it was before.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] when there is none; when the manager is gone, or the value cannot be decoded.
    pub fn get(&self, index: usize) -> Result<T, ManagerError> {
        match self.handle.value(Op::Get(Place::Index(index as u64)))? {
            Some(value) => Ok(value),
            None => Err(ManagerError::OutOfRange { len: self.len()? }),
        }
    }

    /// Replaces the value at `index`, and returns the one before. Waits while somebody updates it.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] when there is none; when the manager is gone, or a value cannot be encoded or decoded.
    pub fn set(&self, index: usize, value: T) -> Result<T, ManagerError> {
        self.handle.set_at(index as u64, &value)
    }

    /// Changes the value at `index` in one step, and returns the result of `change`. Other changes of that value wait meanwhile;
    /// other values are free. If `change` panics, or this process dies in it, the value stays as it was, and the next change runs.
    ///
    /// `change` runs here, once. It must not change the same value through another handle: that would deadlock.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] when there is none; when the manager is gone, or the value cannot be encoded or decoded.
    pub fn update<R>(&self, index: usize, change: impl FnOnce(&mut T) -> R) -> Result<R, ManagerError> {
        self.handle.update_at(index as u64, change)
    }

    /// Swaps two values. Waits while somebody updates anything of the array.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] when one of them is not there; when the manager is gone.
    pub fn swap(&self, one: usize, other: usize) -> Result<(), ManagerError> {
        self.handle.done(Op::Swap(one as u64, other as u64))
    }

    /// All values, as they are at one moment.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or a value cannot be decoded.
    pub fn snapshot(&self) -> Result<Vec<T>, ManagerError> {
        self.handle.values()
    }

    /// How many there are.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn len(&self) -> Result<usize, ManagerError> {
        self.handle.count(Op::Len)
    }

    /// Whether there is none.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn is_empty(&self) -> Result<bool, ManagerError> {
        Ok(self.len()? == 0)
    }
}
