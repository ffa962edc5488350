//! A map.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ManagerError;
use super::handle::handle;
use super::protocol::{Change, Op, Place, Raw};

handle! {
    /// A map that processes share.
    ///
    /// Keys are equal when they are encoded to the same bytes; so a `HashMap` or a `HashSet` is no good key. There is no order.
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
    /// The value of a key. While somebody updates it, as it was before.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or the key or value cannot be encoded or decoded.
    pub fn get(&self, key: &K) -> Result<Option<V>, ManagerError> {
        let key = self.handle.encode(key)?;
        self.handle.value(Op::Get(at(&key)))
    }

    /// Whether there is such a key.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or the key cannot be encoded.
    pub fn contains(&self, key: &K) -> Result<bool, ManagerError> {
        let key = self.handle.encode(key)?;
        self.handle.has(Op::Get(at(&key)))
    }

    /// Sets the value of a key, and returns the one before. Waits while somebody updates it.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or the key or a value cannot be encoded or decoded.
    pub fn insert(&self, key: K, value: V) -> Result<Option<V>, ManagerError> {
        let (key, value) = (self.handle.encode(&key)?, self.handle.encode(&value)?);
        self.handle.value(Op::Put(at(&key), Raw(&value)))
    }

    /// The value of a key, which is this one if there was none. Waits while somebody updates it.
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
    /// When the manager is gone, or the key or a value cannot be encoded or decoded.
    pub fn get_or_insert(&self, key: K, value: V) -> Result<V, ManagerError> {
        let (key, encoded) = (self.handle.encode(&key)?, self.handle.encode(&value)?);
        Ok(self.handle.value(Op::PutNew(Raw(&key), Raw(&encoded)))?.unwrap_or(value))
    }

    /// Takes a key out, and returns its value. Waits while somebody updates it.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or the key or value cannot be encoded or decoded.
    pub fn remove(&self, key: &K) -> Result<Option<V>, ManagerError> {
        let key = self.handle.encode(key)?;
        self.handle.value(Op::Remove(at(&key)))
    }

    /// Changes the value of a key in one step, and returns the result of `change`. `None` is no value, before and after. Other
    /// changes of that key wait meanwhile; other keys are free. If `change` panics, or this process dies in it, the value stays as
    /// it was, and the next change runs.
    ///
    /// `change` runs here, once. It must not change the same key through another handle: that would deadlock.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or the key or value cannot be encoded or decoded.
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

    /// All keys and values, as they are at one moment.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or one of them cannot be decoded.
    pub fn snapshot(&self) -> Result<Vec<(K, V)>, ManagerError> {
        self.handle.pairs(|handle, key, value| Ok((handle.decode(key)?, handle.decode(value)?)))
    }

    /// All keys, as they are at one moment.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or one of them cannot be decoded.
    pub fn keys(&self) -> Result<Vec<K>, ManagerError> {
        self.handle.pairs(|handle, key, _| handle.decode(key))
    }

    /// All values, as they are at one moment.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or one of them cannot be decoded.
    pub fn values(&self) -> Result<Vec<V>, ManagerError> {
        self.handle.pairs(|handle, _, value| handle.decode(value))
    }

    /// How many keys there are.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn len(&self) -> Result<usize, ManagerError> {
        self.handle.count(Op::Len)
    }

    /// Whether there is no key.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn is_empty(&self) -> Result<bool, ManagerError> {
        Ok(self.len()? == 0)
    }

    /// Takes all keys out. Waits while somebody updates one.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn clear(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::Clear)
    }
}

fn at(key: &[u8]) -> Place<'_> {
    Place::Key(Raw(key))
}
