//! A list.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ManagerError;
use super::handle::{handle, odd};
use super::protocol::{Change, Op, Place, Raw};

handle! {
    /// A list that processes share; its length can change.
    ///
    /// ```
    /// use executor::Manager;
    ///
    /// let manager = Manager::new()?;
    /// let list = manager.list()?;
    /// list.extend([3, 1])?;
    /// list.push(2)?;
    /// list.update(|values| values.sort())?;
    /// assert_eq!(list.snapshot()?, [1, 2, 3]);
    /// assert_eq!((list.pop()?, list.get(0)?, list.get(7)?), (Some(3), Some(1), None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Calls that change the length, [`swap`](List::swap) and [`update`](List::update) block while any part of the
    /// list is being updated.
    List<T>, "a `List`"
}

impl<T: Serialize + DeserializeOwned> List<T> {
    /// Returns the value at `index`, or `None` if there is none. During an update, it is the value before the update.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or the value cannot be decoded.
    pub fn get(&self, index: usize) -> Result<Option<T>, ManagerError> {
        self.handle.value(Op::Get(Place::Index(index as u64)))
    }

    /// Replaces the value at `index` and returns the old one. Blocks while the value is being updated.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] if there is no such index; also if the manager is gone, or a value cannot be encoded or decoded.
    pub fn set(&self, index: usize, value: T) -> Result<T, ManagerError> {
        self.handle.set_at(index as u64, &value)
    }

    /// Appends a value.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or the value cannot be encoded.
    pub fn push(&self, value: T) -> Result<(), ManagerError> {
        self.extend([value])
    }

    /// Appends values, with no values of others between them.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or a value cannot be encoded; then none is appended.
    pub fn extend(&self, values: impl IntoIterator<Item = T>) -> Result<(), ManagerError> {
        let values = self.handle.encode_all(values)?;
        self.handle.done(Op::Extend(values.iter().map(|value| Raw(value)).collect()))
    }

    /// Removes the last value and returns it, or `None` if the list is empty.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or the value cannot be decoded.
    pub fn pop(&self) -> Result<Option<T>, ManagerError> {
        self.handle.value(Op::Pop)
    }

    /// Inserts a value before the one at `index`.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] if `index` is greater than the length; also if the manager is gone, or the value cannot be encoded.
    pub fn insert(&self, index: usize, value: T) -> Result<(), ManagerError> {
        let value = self.handle.encode(&value)?;
        self.handle.done(Op::Insert(index as u64, Raw(&value)))
    }

    /// Removes the value at `index` and returns it.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] if there is no such index; also if the manager is gone, or the value cannot be decoded.
    pub fn remove(&self, index: usize) -> Result<T, ManagerError> {
        self.handle.value(Op::Remove(Place::Index(index as u64)))?.ok_or_else(odd)
    }

    /// Swaps two values.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] if one of the indices does not exist; also if the manager is gone.
    pub fn swap(&self, one: usize, other: usize) -> Result<(), ManagerError> {
        self.handle.done(Op::Swap(one as u64, other as u64))
    }

    /// Changes the whole list in one atomic step, for instance to sort it, and returns the result of `change`. Blocks
    /// while another update is in progress.
    ///
    /// `change` runs once, in this process. If it panics, or this process dies, the list stays unchanged and the next
    /// update proceeds. Changing the same list through another handle inside `change` deadlocks.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or a value cannot be encoded or decoded.
    pub fn update<R>(&self, change: impl FnOnce(&mut Vec<T>) -> R) -> Result<R, ManagerError> {
        let held = self.handle.hold(None)?;
        let mut values = held.values()?.into_iter().map(|value| self.handle.decode(value)).collect::<Result<_, _>>()?;
        let result = change(&mut values);
        let values = self.handle.encode_all(values)?;
        held.commit(Change::All(values.iter().map(|value| Raw(value)).collect()))?;
        Ok(result)
    }

    /// Changes the value at `index` like [`update`](List::update), but does not block changes of other values.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] if there is no such index; also if the manager is gone, or the value cannot be encoded or decoded.
    pub fn update_at<R>(&self, index: usize, change: impl FnOnce(&mut T) -> R) -> Result<R, ManagerError> {
        self.handle.update_at(index as u64, change)
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

    /// Returns whether the list has no values.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn is_empty(&self) -> Result<bool, ManagerError> {
        Ok(self.len()? == 0)
    }

    /// Removes all values.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn clear(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::Clear)
    }
}
