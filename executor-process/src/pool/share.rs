//! Values that many jobs of a pool read.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ipc::shared::Shared;
use crate::pool::handle::ProcessHandle;

impl ProcessHandle {
    /// Encodes a value that many jobs read, once. Each worker decodes the value once, with the first job that has a handle of it; see
    /// [`Shared`].
    ///
    /// ```
    /// use executor::{ProcessPool, Shared, call};
    ///
    /// fn nth(words: Shared<Vec<String>>, n: usize) -> Option<String> { words.get(n).cloned() }
    ///
    /// let pool = ProcessPool::new(2)?;
    /// let words = pool.share(vec!["to".to_owned(), "be".to_owned()])?;
    /// let (first, third) = (pool.submit(call!(nth(words.clone(), 0))), pool.submit(call!(nth(words, 2))));
    /// assert_eq!((first.result()?, third.result()?), (Some("to".to_owned()), None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the value cannot be encoded or holds handles, or the system has no memory or no file descriptor left.
    pub fn share<T>(&self, value: T) -> io::Result<Shared<T>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        Shared::new(value, self.0.policy.codec)
    }
}
