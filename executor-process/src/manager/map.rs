//! A map.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ManagerError;
use super::handle::handle;
use super::protocol::{Change, Op, Place, Raw};

handle! {
    /// A map that processes share.
    ///
    /// Two keys are equal if their encoded bytes are equal, so a `HashMap` or a `HashSet` cannot be a key. The
    /// entries have no order.
    ///
    /// ```
    /// use executor::{Manager, ProcessPool, call, manager::SharedMap};
    ///
    /// fn count(words: Vec<String>, counts: SharedMap<String, u32>) {
    ///     for word in words {
    ///         counts.update(&word, |count| *count.get_or_insert(0) += 1).expect("the manager is there");
    ///     }
    /// }
    ///
    /// let (manager, pool) = (Manager::new()?, ProcessPool::new(2)?);
    /// let counts = manager.map()?;
    /// let texts = ["to be or", "not to be"].map(|text| text.split(' ').map(str::to_owned).collect());
    /// let jobs = texts.map(|words: Vec<_>| pool.submit(call!(count(words, counts.clone()))));
    /// for job in jobs {
    ///     job.result()?;
    /// }
    /// assert_eq!((counts.get(&"to".to_owned())?, counts.len()?), (Some(2), 4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    SharedMap<K, V>, "a `SharedMap`"
}

impl<K: Serialize + DeserializeOwned, V: Serialize + DeserializeOwned> SharedMap<K, V> {
    /// Returns the value of a key. During an update of the key, it is the value before the update.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or the key or value cannot be encoded or decoded.
    pub fn get(&self, key: &K) -> Result<Option<V>, ManagerError> {
        let key = self.handle.encode(key)?;
        self.handle.value(Op::Get(at(&key)))
    }

    /// Returns whether the map has the key.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or the key cannot be encoded.
    pub fn contains(&self, key: &K) -> Result<bool, ManagerError> {
        let key = self.handle.encode(key)?;
        self.handle.has(Op::Get(at(&key)))
    }

    /// Sets the value of a key and returns the old one. Blocks while the key is being updated.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or the key or a value cannot be encoded or decoded.
    pub fn insert(&self, key: K, value: V) -> Result<Option<V>, ManagerError> {
        let (key, value) = (self.handle.encode(&key)?, self.handle.encode(&value)?);
        self.handle.value(Op::Put(at(&key), Raw(&value)))
    }

    /// Returns the value of a key, after inserting `value` if there was none. Blocks while the key is being updated.
    ///
    /// ```
    /// # use executor::Manager;
    /// let manager = Manager::new()?;
    /// let map = manager.map()?;
    /// assert_eq!(map.get_or_insert("key".to_owned(), 1)?, 1);
    /// assert_eq!(map.get_or_insert("key".to_owned(), 2)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the manager is gone, or the key or a value cannot be encoded or decoded.
    pub fn get_or_insert(&self, key: K, value: V) -> Result<V, ManagerError> {
        let (key, encoded) = (self.handle.encode(&key)?, self.handle.encode(&value)?);
        Ok(self.handle.value(Op::PutNew(Raw(&key), Raw(&encoded)))?.unwrap_or(value))
    }

    /// Removes a key and returns its value. Blocks while the key is being updated.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or the key or value cannot be encoded or decoded.
    pub fn remove(&self, key: &K) -> Result<Option<V>, ManagerError> {
        let key = self.handle.encode(key)?;
        self.handle.value(Op::Remove(at(&key)))
    }

    /// Changes the value of a key in one atomic step, and returns the result of `change`. `None` means that the key
    /// is absent, before and after. Blocks while another update of this key is in progress; other keys are not
    /// blocked.
    ///
    /// `change` runs once, in this process. If it panics, or this process dies, the value stays unchanged and the
    /// next update proceeds. Changing the same key through another handle inside `change` deadlocks.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or the key or value cannot be encoded or decoded.
    pub fn update<R>(&self, key: &K, change: impl FnOnce(&mut Option<V>) -> R) -> Result<R, ManagerError> {
        let key = self.handle.encode(key)?;
        let held = self.handle.hold(Some(at(&key)))?;
        let mut value = held.values()?.first().map(|value| self.handle.decode(*value)).transpose()?;
        let result = change(&mut value);
        match value {
            Some(value) => held.commit(Change::Put(Raw(&self.handle.encode(&value)?)))?,
            None => held.commit(Change::Remove)?,
        }
        Ok(result)
    }

    /// Returns all keys and values at one moment.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or a key or value cannot be decoded.
    pub fn snapshot(&self) -> Result<Vec<(K, V)>, ManagerError> {
        self.handle.pairs(|handle, key, value| Ok((handle.decode(key)?, handle.decode(value)?)))
    }

    /// Returns all keys at one moment.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or a key or value cannot be decoded.
    pub fn keys(&self) -> Result<Vec<K>, ManagerError> {
        self.handle.pairs(|handle, key, _| handle.decode(key))
    }

    /// Returns all values at one moment.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or a key or value cannot be decoded.
    pub fn values(&self) -> Result<Vec<V>, ManagerError> {
        self.handle.pairs(|handle, _, value| handle.decode(value))
    }

    /// Returns the number of keys.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn len(&self) -> Result<usize, ManagerError> {
        self.handle.count(Op::Len)
    }

    /// Returns whether the map has no keys.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn is_empty(&self) -> Result<bool, ManagerError> {
        Ok(self.len()? == 0)
    }

    /// Removes all keys. Blocks while a key is being updated.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn clear(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::Clear)
    }
}

fn at(key: &[u8]) -> Place<'_> {
    Place::Key(Raw(key))
}
