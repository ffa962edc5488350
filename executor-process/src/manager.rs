//! State that processes share by asking the one that keeps it: maps, lists, queues, values, locks and the like.
//!
//! A [`Manager`] keeps them, and these are the handles:
//!
//! | to share | see |
//! |---|---|
//! | a value, and change it in one step | [`Value`] |
//! | many values, by key, by place, or by name | [`SharedMap`], [`List`], [`Array`], [`Namespace`] |
//! | work, among many | [`SharedQueue`] |
//! | something that one at a time may use, or a few | [`Lock`], [`Semaphore`] |
//! | the news that something happened | [`SharedEvent`], [`Condition`], [`Barrier`] |
//!
//! A handle is cheap to clone. It can be an argument of a job or of a process, a part of a result, a message of a
//! [`channel`](crate::channel()), and a value of the same manager; and it works in the process of the manager as well. All
//! handles of one manager in a process share one connection, and threads that wait do not hinder each other.

mod array;
mod condition;
mod connection;
mod endpoint;
mod error;
mod event;
mod handle;
mod hold;
mod list;
mod lock;
mod map;
mod namespace;
mod protocol;
mod queue;
mod semaphore;
mod server;
mod state;
mod value;

use std::fmt;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use array::Array;
pub use condition::{Condition, ConditionGuard};
pub use error::{ManagerError, PutError};
pub use event::{Barrier, SharedEvent};
pub use list::List;
pub use lock::{Lock, LockGuard};
pub use map::SharedMap;
pub use namespace::Namespace;
pub use queue::SharedQueue;
pub use semaphore::{Permit, Semaphore};
pub use value::Value;

use crate::ipc::codec::Codec;
use crate::ipc::random;
use crate::ipc::socket;
use endpoint::Link;
use handle::{Handle, odd};
use protocol::{New, Op, Raw, Reply};
use server::Server;

/// Keeps state that processes share. Its handles, in [`manager`](crate::manager), go to jobs and processes, and are used like local
/// objects.
///
/// ```
/// use executor::{Manager, ProcessPool, RemoteError, call, manager::{Lock, SharedMap}};
///
/// fn visit(page: String, seen: SharedMap<String, u32>, log: Lock) -> Result<(), RemoteError> {
///     seen.update(&page, |visits| *visits.get_or_insert(0) += 1)?;
///     let _guard = log.lock()?;
///     // One at a time comes here, in all processes.
///     Ok(())
/// }
///
/// let (manager, pool) = (Manager::new()?, ProcessPool::new(2)?);
/// let (seen, log) = (manager.map()?, manager.lock()?);
/// let jobs = ["a", "b", "a"].map(|page| pool.submit(call!(visit(page.to_owned(), seen.clone(), log.clone()))));
/// for job in jobs {
///     job.flatten().result()?;
/// }
/// assert_eq!(seen.get(&"a".to_owned())?, Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # How it works
///
/// A manager is a thread of the process that makes it, and a connection for each process that uses a handle. It keeps bytes: no code of
/// yours runs in that thread, and none of your types is decoded there. An object lives until the manager is dropped, or until it is
/// [discarded](SharedMap::discard). The drop ends the thread; calls that wait then, and later calls, return [`ManagerError::Gone`].
///
/// Each method of a handle is a round trip to that thread, some 20 µs; combine frequent ones: `extend`, `update`, `snapshot`. Calls of
/// one thread are done in their order. When a call has returned, all processes see its effect.
///
/// # When a process dies
///
/// Its locks and permits are released. A value that it was updating stays as it was, and an item that was on its way to it goes to
/// another process. Its waiting calls are dropped. All that it had changed before stays. It does not matter how it dies, nor whether a
/// process that it started lives on. No other process is harmed, nor by one that sends nonsense: its connection ends.
///
/// # Access
///
/// There is no address that others could connect to, and no key to keep: a handle carries a descriptor, which goes from process to
/// process beside the bytes of jobs, results and messages. Only a process that was given a handle has it.
///
/// # When memory is short
///
/// All state is kept in the process of the manager. A queue without a capacity grows as long as no process takes from it; maps and lists
/// have no limit.
pub struct Manager {
    /// The handle of no object: it creates them.
    root: Handle,
    _server: Server,
}

impl Manager {
    /// Starts one, whose values are encoded with [`Codec::Postcard`].
    ///
    /// # Errors
    ///
    /// When the system has no descriptor or thread left.
    pub fn new() -> io::Result<Self> {
        Self::with_codec(Codec::default())
    }

    /// As [`new`](Manager::new), with a codec of your choice.
    ///
    /// ```
    /// use executor::{Codec, Manager};
    ///
    /// let manager = Manager::with_codec(Codec::MessagePack)?;
    /// let value = manager.value(serde_json::json!({"any": ["value"]}))?;
    /// assert_eq!(value.get()?["any"][0], "value");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the system has no descriptor or thread left.
    pub fn with_codec(codec: Codec) -> io::Result<Self> {
        let id = random::bytes().map_err(io::Error::other)?;
        let (ours, theirs) = socket::pair()?;
        let server = Server::start(ours)?;
        Ok(Self { root: Handle::new(Link::new(id, theirs), 0, codec), _server: server })
    }

    /// A map without keys.
    ///
    /// # Errors
    ///
    /// When the system has no descriptor left.
    pub fn map<K: Serialize + DeserializeOwned, V: Serialize + DeserializeOwned>(
        &self,
    ) -> Result<SharedMap<K, V>, ManagerError> {
        self.create(New::Map).map(SharedMap::new)
    }

    /// A list without values.
    ///
    /// # Errors
    ///
    /// When the system has no descriptor left.
    pub fn list<T: Serialize + DeserializeOwned>(&self) -> Result<List<T>, ManagerError> {
        self.create(New::List { values: Vec::new(), is_fixed: false }).map(List::new)
    }

    /// A namespace without names.
    ///
    /// # Errors
    ///
    /// When the system has no descriptor left.
    pub fn namespace(&self) -> Result<Namespace, ManagerError> {
        self.create(New::Map).map(Namespace::new)
    }

    /// An array of these values, whose number is fixed.
    ///
    /// ```
    /// # use executor::Manager;
    /// let manager = Manager::new()?;
    /// let zeros = manager.array(vec![0; 100])?;
    /// assert_eq!(zeros.len()?, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When one cannot be encoded, or the system has no descriptor left.
    pub fn array<T: Serialize + DeserializeOwned>(
        &self,
        values: impl IntoIterator<Item = T>,
    ) -> Result<Array<T>, ManagerError> {
        let values = self.root.encode_all(values)?;
        let values = values.iter().map(|value| Raw(value)).collect();
        self.create(New::List { values, is_fixed: true }).map(Array::new)
    }

    /// A queue without items. With a capacity (of 1 at least), `put` waits while it holds as many; with `None`, never.
    ///
    /// ```
    /// # use executor::Manager;
    /// let manager = Manager::new()?;
    /// let (small, large) = (manager.queue::<u32>(10)?, manager.queue::<u32>(None)?);
    /// # drop((small, large));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the system has no descriptor left.
    pub fn queue<T: Serialize + DeserializeOwned>(
        &self,
        capacity: impl Into<Option<usize>>,
    ) -> Result<SharedQueue<T>, ManagerError> {
        let capacity = capacity.into().map(|capacity| capacity as u64);
        self.create(New::Queue { capacity }).map(SharedQueue::new)
    }

    /// A value.
    ///
    /// # Errors
    ///
    /// When it cannot be encoded, or the system has no descriptor left.
    pub fn value<T: Serialize + DeserializeOwned>(&self, value: T) -> Result<Value<T>, ManagerError> {
        let value = self.root.encode(&value)?;
        self.create(New::List { values: vec![Raw(&value)], is_fixed: true }).map(Value::new)
    }

    /// A lock, which is free.
    ///
    /// # Errors
    ///
    /// When the system has no descriptor left.
    pub fn lock(&self) -> Result<Lock, ManagerError> {
        self.create(New::Lock).map(Lock::new)
    }

    /// A semaphore of `permits` permits, to which [`release`](Semaphore::release) may add.
    ///
    /// # Errors
    ///
    /// When the system has no descriptor left.
    pub fn semaphore(&self, permits: usize) -> Result<Semaphore, ManagerError> {
        self.create(New::Semaphore { permits: permits as u64, most: None }).map(Semaphore::new)
    }

    /// A semaphore of `permits` permits, and never more.
    ///
    /// # Errors
    ///
    /// When the system has no descriptor left.
    pub fn bounded_semaphore(&self, permits: usize) -> Result<Semaphore, ManagerError> {
        let permits = permits as u64;
        self.create(New::Semaphore { permits, most: Some(permits) }).map(Semaphore::new)
    }

    /// A condition, with a lock that is free.
    ///
    /// # Errors
    ///
    /// When the system has no descriptor left.
    pub fn condition(&self) -> Result<Condition, ManagerError> {
        self.create(New::Lock).map(Condition::new)
    }

    /// An event, which is not set.
    ///
    /// # Errors
    ///
    /// When the system has no descriptor left.
    pub fn event(&self) -> Result<SharedEvent, ManagerError> {
        self.create(New::Event).map(SharedEvent::new)
    }

    /// A barrier for `parties` threads.
    ///
    /// # Errors
    ///
    /// When the system has no descriptor left.
    pub fn barrier(&self, parties: usize) -> Result<Barrier, ManagerError> {
        self.create(New::Barrier { parties: parties as u64 }).map(Barrier::new)
    }

    fn create(&self, new: New<'_>) -> Result<Handle, ManagerError> {
        match self.root.ask(Op::Create(new))?.reply()? {
            Reply::Count(object) => Ok(self.root.of(object)),
            _ => Err(odd()),
        }
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").finish_non_exhaustive()
    }
}
