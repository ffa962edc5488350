//! A queue.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{ManagerError, PutError};
use super::handle::{handle, nanos, odd};
use super::protocol::{Op, Raw};

handle! {
    /// A queue between processes: many put items in, and many take them out, each item one.
    ///
    /// Items come out in the order in which they went in. Those who wait, for an item or for room, are served in the order in which they
    /// came.
    ///
    /// **When a consumer dies.** An item is a consumer's once its process has said that it arrived, which it does just before
    /// [`get`](SharedQueue::get) returns. If the process dies earlier, the item goes to another consumer, before all others; if it dies
    /// later, the item is gone with it, and is not given to a second one, as a job is not run twice. For [`join`](SharedQueue::join) it is
    /// done then, and counted.
    ///
    /// ```
    /// use executor::{Manager, ProcessPool, call, manager::{List, SharedQueue}};
    ///
    /// fn work(numbers: SharedQueue<u64>, squares: List<u64>) -> Result<(), executor::RemoteError> {
    ///     while let Some(number) = numbers.try_get()? {
    ///         squares.push(number * number)?;
    ///         numbers.task_done()?;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// let (manager, pool) = (Manager::new()?, ProcessPool::new(2)?);
    /// let (numbers, squares) = (manager.queue(None)?, manager.list()?);
    /// for number in 1..=10 {
    ///     numbers.put(number)?;
    /// }
    /// let workers = [(); 2].map(|()| pool.submit(call!(work(numbers.clone(), squares.clone()))));
    /// assert_eq!(numbers.join()?, 0);
    /// assert_eq!(squares.snapshot()?.iter().sum::<u64>(), 385);
    /// for worker in workers {
    ///     worker.flatten().result()?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    SharedQueue<T>, "a `SharedQueue`"
}

impl<T: Serialize + DeserializeOwned> SharedQueue<T> {
    /// Puts an item in. Blocks while the queue is full.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or the item cannot be encoded. The item comes back.
    pub fn put(&self, item: T) -> Result<(), PutError<T>> {
        self.put_within(item, None)
    }

    /// As [`put`](SharedQueue::put), and never blocks for room.
    ///
    /// # Errors
    ///
    /// As for `put`, and when the queue is full.
    pub fn try_put(&self, item: T) -> Result<(), PutError<T>> {
        self.put_within(item, Some(0))
    }

    /// As [`put`](SharedQueue::put), and blocks for room no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for `put`, and when the queue was full for `limit`.
    pub fn put_timeout(&self, item: T, limit: Duration) -> Result<(), PutError<T>> {
        self.put_within(item, nanos(limit))
    }

    /// Takes the next item. Blocks until there is one.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or the item cannot be decoded; then it is lost.
    pub fn get(&self) -> Result<T, ManagerError> {
        self.get_within(None)?.ok_or_else(odd)
    }

    /// Takes the next item, if there is one.
    ///
    /// # Errors
    ///
    /// As for [`get`](SharedQueue::get).
    pub fn try_get(&self) -> Result<Option<T>, ManagerError> {
        self.get_within(Some(0))
    }

    /// As [`get`](SharedQueue::get), and blocks no longer than `limit`. `None` when there was none in time.
    ///
    /// # Errors
    ///
    /// As for `get`.
    pub fn get_timeout(&self, limit: Duration) -> Result<Option<T>, ManagerError> {
        self.get_within(nanos(limit))
    }

    /// Marks one item that this process took as done. Needed only if [`join`](SharedQueue::join) is used.
    ///
    /// # Errors
    ///
    /// [`ManagerError::NothingToDo`] when this process has said so of all that it took; when the manager is gone.
    pub fn task_done(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::TaskDone)
    }

    /// Blocks until every item that was put is [done](SharedQueue::task_done). Returns how many of all of them were lost: their
    /// consumers died between taking an item and being done with it.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn join(&self) -> Result<usize, ManagerError> {
        self.handle.count(Op::Join)
    }

    /// As [`join`](SharedQueue::join), and blocks no longer than `limit`. `None` when not all was done in time.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn join_timeout(&self, limit: Duration) -> Result<Option<usize>, ManagerError> {
        self.handle.count_within(nanos(limit), Op::Join)
    }

    /// How many items wait for a consumer.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn len(&self) -> Result<usize, ManagerError> {
        self.handle.count(Op::Len)
    }

    /// Whether no item waits for a consumer.
    ///
    /// # Errors
    ///
    /// When the manager is gone.
    pub fn is_empty(&self) -> Result<bool, ManagerError> {
        Ok(self.len()? == 0)
    }

    fn put_within(&self, item: T, limit: Option<u64>) -> Result<(), PutError<T>> {
        let bytes = self.handle.encode(&item);
        match bytes.and_then(|bytes| self.handle.done_within(limit, Op::Send(Raw(&bytes)))) {
            Ok(true) => Ok(()),
            Ok(false) => Err(PutError::new(item, None)),
            Err(cause) => Err(PutError::new(item, Some(cause))),
        }
    }

    fn get_within(&self, limit: Option<u64>) -> Result<Option<T>, ManagerError> {
        // Its drop says that the item has arrived.
        let Some(held) = self.handle.take(limit, Op::Receive, Op::Arrived)? else { return Ok(None) };
        let [item] = held.values()?[..] else { return Err(odd()) };
        self.handle.decode(item).map(Some)
    }
}
