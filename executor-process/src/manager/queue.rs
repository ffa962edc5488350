//! A queue.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{ManagerError, PutError};
use super::handle::{handle, nanos, odd};
use super::protocol::{Op, Raw};

handle! {
    /// A queue between processes with any number of producers and consumers: each item goes to one consumer.
    ///
    /// Items come out in the order in which they were put. Callers that wait, for an item or for room, are served in
    /// the order in which they came.
    ///
    /// **If a consumer dies.** An item belongs to a consumer's process once the process has confirmed its arrival,
    /// just before [`get`](SharedQueue::get) returns. If the process dies before that, the item goes to the next
    /// consumer. If the process dies later, the item is lost: it is not delivered twice, as a job is not run twice.
    /// [`join`](SharedQueue::join) treats a lost item as done, and counts it.
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
    /// Puts an item into the queue. Blocks while the queue is full.
    ///
    /// # Errors
    ///
    /// Returns the item if the manager is gone, or the item cannot be encoded.
    pub fn put(&self, item: T) -> Result<(), PutError<T>> {
        self.put_within(item, None)
    }

    /// Puts an item like [`put`](SharedQueue::put), but does not wait for room.
    ///
    /// # Errors
    ///
    /// As for `put`, and if the queue is full.
    pub fn try_put(&self, item: T) -> Result<(), PutError<T>> {
        self.put_within(item, Some(0))
    }

    /// Puts an item like [`put`](SharedQueue::put), but waits for room for at most `limit`.
    ///
    /// # Errors
    ///
    /// As for `put`, and if the queue was full for `limit`.
    pub fn put_timeout(&self, item: T, limit: Duration) -> Result<(), PutError<T>> {
        self.put_within(item, nanos(limit))
    }

    /// Takes the next item. Blocks until there is one.
    ///
    /// # Errors
    ///
    /// If the manager is gone, or the item cannot be decoded; then the item is lost.
    pub fn get(&self) -> Result<T, ManagerError> {
        self.get_within(None)?.ok_or_else(odd)
    }

    /// Takes the next item, or returns `None` if there is none now.
    ///
    /// # Errors
    ///
    /// As for [`get`](SharedQueue::get).
    pub fn try_get(&self) -> Result<Option<T>, ManagerError> {
        self.get_within(Some(0))
    }

    /// Takes an item like [`get`](SharedQueue::get), but blocks for at most `limit`. Returns `None` if no item came
    /// in time.
    ///
    /// # Errors
    ///
    /// As for `get`.
    pub fn get_timeout(&self, limit: Duration) -> Result<Option<T>, ManagerError> {
        self.get_within(nanos(limit))
    }

    /// Marks one item that this process took as done. Needed only for [`join`](SharedQueue::join).
    ///
    /// # Errors
    ///
    /// [`ManagerError::NothingToDo`] if this process has already marked every item that it took; also if the manager
    /// is gone.
    pub fn task_done(&self) -> Result<(), ManagerError> {
        self.handle.done(Op::TaskDone)
    }

    /// Blocks until every item that was put is marked as [done](SharedQueue::task_done). Returns the number of lost
    /// items: those whose consumers died after taking them and before marking them.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn join(&self) -> Result<usize, ManagerError> {
        self.handle.count(Op::Join)
    }

    /// Joins like [`join`](SharedQueue::join), but blocks for at most `limit`. Returns `None` if some items are not
    /// done in time.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn join_timeout(&self, limit: Duration) -> Result<Option<usize>, ManagerError> {
        self.handle.count_within(nanos(limit), Op::Join)
    }

    /// Returns the number of items that wait for a consumer.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
    pub fn len(&self) -> Result<usize, ManagerError> {
        self.handle.count(Op::Len)
    }

    /// Returns whether no item waits for a consumer.
    ///
    /// # Errors
    ///
    /// If the manager is gone.
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
