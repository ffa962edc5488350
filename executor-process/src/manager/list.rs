//! A list.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ManagerError;
use super::handle::{handle, odd};
use super::protocol::{Change, Op, Place, Raw};

handle! {
    /// A list that processes share.
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
    /// Calls that change its length, [`swap`](List::swap) and [`update`](List::update) wait while any part is updated.
    List<T>, "a `List`"
}

impl<T: Serialize + DeserializeOwned> List<T> {
    /// The value at `index`, if there is one. During an update, the value before it.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or the value cannot be decoded.
    pub fn get(&self, index: usize) -> Result<Option<T>, ManagerError> {
        self.handle.value(Op::Get(Place::Index(index as u64)))
    }

    /// Replaces the value at `index`, and returns the one before.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] when there is none; when the manager is gone, or a value cannot be encoded or decoded.
    pub fn set(&self, index: usize, value: T) -> Result<T, ManagerError> {
        self.handle.set_at(index as u64, &value)
    }

    /// Appends a value.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or the value cannot be encoded.
    pub fn push(&self, value: T) -> Result<(), ManagerError> {
        self.extend([value])
    }

    /// Appends values, with no other between them.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or a value cannot be encoded; then none is appended.
    pub fn extend(&self, values: impl IntoIterator<Item = T>) -> Result<(), ManagerError> {
        let values = self.handle.encode_all(values)?;
        self.handle.done(Op::Extend(values.iter().map(|value| Raw(value)).collect()))
    }

    /// Takes the last value out.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or the value cannot be decoded.
    pub fn pop(&self) -> Result<Option<T>, ManagerError> {
        self.handle.value(Op::Pop)
    }

    /// Puts a value before the one at `index`.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] when `index` is beyond the length; when the manager is gone, or the value cannot be encoded.
    pub fn insert(&self, index: usize, value: T) -> Result<(), ManagerError> {
        let value = self.handle.encode(&value)?;
        self.handle.done(Op::Insert(index as u64, Raw(&value)))
    }

    /// Takes the value at `index` out.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] when there is none; when the manager is gone, or the value cannot be decoded.
    pub fn remove(&self, index: usize) -> Result<T, ManagerError> {
        self.handle.value(Op::Remove(Place::Index(index as u64)))?.ok_or_else(odd)
    }

    /// Swaps two values.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] when one of them is not there; when the manager is gone.
    pub fn swap(&self, one: usize, other: usize) -> Result<(), ManagerError> {
        self.handle.done(Op::Swap(one as u64, other as u64))
    }

    /// Changes the list in one step (sorts it, say), and returns the result of `change`. Other changes wait meanwhile. If `change`
    /// panics, or this process dies in it, the list stays as it was, and the next change runs.
    ///
    /// `change` runs here, once. It must not change the same list through another handle: that would deadlock.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or a value cannot be encoded or decoded.
    pub fn update<R>(&self, change: impl FnOnce(&mut Vec<T>) -> R) -> Result<R, ManagerError> {
        let held = self.handle.hold(None)?;
        let mut values = held.values()?.into_iter().map(|value| self.handle.decode(value)).collect::<Result<_, _>>()?;
        let result = change(&mut values);
        let values = self.handle.encode_all(values)?;
        held.commit(Change::All(values.iter().map(|value| Raw(value)).collect()))?;
        Ok(result)
    }

    /// As [`update`](List::update), for the value at `index`; the others are free.
    ///
    /// # Errors
    ///
    /// [`ManagerError::OutOfRange`] when there is none; when the manager is gone, or the value cannot be encoded or decoded.
    pub fn update_at<R>(&self, index: usize, change: impl FnOnce(&mut T) -> R) -> Result<R, ManagerError> {
        self.handle.update_at(index as u64, change)
    }

    /// All values, as they are at one moment.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or a value cannot be decoded.
    pub fn snapshot(&self) -> Result<Vec<T>, ManagerError> {
        self.handle.values()
    }

    /// How many values there are.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn len(&self) -> Result<usize, ManagerError> {
        self.handle.count(Op::Len)
    }

    /// Whether there is no value.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn is_empty(&self) -> Result<bool, ManagerError> {
        Ok(self.len()? == 0)
    }

    /// Takes all values out.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn clear(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::Clear)
    }
}
