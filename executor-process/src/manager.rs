//! Handles of the state that a [`Manager`] keeps for several processes: values, maps, lists, queues, locks and
//! events.
//!
//! | to share | see |
//! |---|---|
//! | one value, updated atomically | [`Value`] |
//! | many values, by key, index or name | [`SharedMap`], [`List`], [`Array`], [`Namespace`] |
//! | work among several consumers | [`SharedQueue`] |
//! | a resource that one or a few may use at a time | [`Lock`], [`Semaphore`] |
//! | a signal that something happened | [`SharedEvent`], [`Condition`], [`Barrier`] |
//!
//! A handle is cheap to clone. It can be an argument of a job or of a process, part of a result, a message of a
//! [`channel`](crate::channel()), or a value of the same manager. It also works in the manager's own process. In each
//! process, all handles of one manager share a connection, and threads that wait do not delay each other.
//!
//! Every method can fail with [`ManagerError::Gone`], [`Discarded`](ManagerError::Discarded),
//! [`Disconnected`](ManagerError::Disconnected) or [`Io`](ManagerError::Io). The methods' `# Errors` sections add
//! what else can happen.

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

/// Keeps state that several processes share. Its handles (see [`manager`](crate::manager)) are sent to jobs and
/// processes, and are used there like local objects.
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
/// A manager is a thread in the process that created it, with a connection for each process that uses a handle. It
/// stores encoded bytes: it never decodes your types or runs your code. An object lives until the manager is dropped
/// or the object is [discarded](SharedMap::discard). Dropping the manager ends its thread; waiting and later calls
/// then fail with [`ManagerError::Gone`].
///
/// Each method of a handle is a round trip to that thread: about 20 µs. Combine frequent calls with `extend`,
/// `update` or `snapshot`. The calls of one thread take effect in their order. When a call has returned, all
/// processes see its effect.
///
/// # When a process dies
///
/// If a process dies, in any way:
///
/// - its locks and permits are released, even if processes that it started live on;
/// - a value that it was updating keeps its old contents; completed changes stay;
/// - an item that was being delivered to it goes to another process;
/// - its waiting calls are cancelled.
///
/// Other processes are not affected. If a process sends invalid data, only its own connection is closed.
///
/// # Access
///
/// A manager has no address and no key: a handle carries a file descriptor, which is passed from process to process
/// with jobs, results and messages. Only a process that was given a handle can use it.
///
/// # Memory
///
/// All state is in the memory of the manager's process. A queue without a capacity grows while no process takes
/// items; maps and lists have no limit.
pub struct Manager {
    /// The handle of no object: it creates them.
    root: Handle,
    _server: Server,
}

impl Manager {
    /// Starts a manager whose values are encoded with [`Codec::Postcard`].
    ///
    /// # Errors
    ///
    /// If the system has no file descriptor or thread left.
    pub fn new() -> io::Result<Self> {
        Self::with_codec(Codec::default())
    }

    /// Starts a manager with another codec.
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
    /// If the system has no file descriptor or thread left.
    pub fn with_codec(codec: Codec) -> io::Result<Self> {
        let id = random::bytes().map_err(io::Error::other)?;
        let (ours, theirs) = socket::pair()?;
        let server = Server::start(ours)?;
        Ok(Self { root: Handle::new(Link::new(id, theirs), 0, codec), _server: server })
    }

    /// Creates an empty map.
    ///
    /// ```
    /// # use executor::Manager;
    /// let manager = Manager::new()?;
    /// let ages = manager.map()?;
    /// ages.insert("Ann".to_owned(), 42)?;
    /// assert_eq!(ages.get(&"Ann".to_owned())?, Some(42));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the system has no file descriptor left.
    pub fn map<K: Serialize + DeserializeOwned, V: Serialize + DeserializeOwned>(
        &self,
    ) -> Result<SharedMap<K, V>, ManagerError> {
        self.create(New::Map).map(SharedMap::new)
    }

    /// Creates an empty list.
    ///
    /// # Errors
    ///
    /// If the system has no file descriptor left.
    pub fn list<T: Serialize + DeserializeOwned>(&self) -> Result<List<T>, ManagerError> {
        self.create(New::List { values: Vec::new(), is_fixed: false }).map(List::new)
    }

    /// Creates an empty namespace.
    ///
    /// # Errors
    ///
    /// If the system has no file descriptor left.
    pub fn namespace(&self) -> Result<Namespace, ManagerError> {
        self.create(New::Map).map(Namespace::new)
    }

    /// Creates an array of `values`, with a fixed length.
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
    /// If a value cannot be encoded, or the system has no file descriptor left.
    pub fn array<T: Serialize + DeserializeOwned>(
        &self,
        values: impl IntoIterator<Item = T>,
    ) -> Result<Array<T>, ManagerError> {
        let values = self.root.encode_all(values)?;
        let values = values.iter().map(|value| Raw(value)).collect();
        self.create(New::List { values, is_fixed: true }).map(Array::new)
    }

    /// Creates an empty queue. With a capacity (at least 1), `put` waits while the queue holds that many items; with
    /// `None`, `put` never waits.
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
    /// If the system has no file descriptor left.
    pub fn queue<T: Serialize + DeserializeOwned>(
        &self,
        capacity: impl Into<Option<usize>>,
    ) -> Result<SharedQueue<T>, ManagerError> {
        let capacity = capacity.into().map(|capacity| capacity as u64);
        self.create(New::Queue { capacity }).map(SharedQueue::new)
    }

    /// Creates a shared value.
    ///
    /// # Errors
    ///
    /// If the value cannot be encoded, or the system has no file descriptor left.
    pub fn value<T: Serialize + DeserializeOwned>(&self, value: T) -> Result<Value<T>, ManagerError> {
        let value = self.root.encode(&value)?;
        self.create(New::List { values: vec![Raw(&value)], is_fixed: true }).map(Value::new)
    }

    /// Creates a lock, which is free at first.
    ///
    /// # Errors
    ///
    /// If the system has no file descriptor left.
    pub fn lock(&self) -> Result<Lock, ManagerError> {
        self.create(New::Lock).map(Lock::new)
    }

    /// Creates a semaphore with `permits` permits; [`release`](Semaphore::release) can add more.
    ///
    /// # Errors
    ///
    /// If the system has no file descriptor left.
    pub fn semaphore(&self, permits: usize) -> Result<Semaphore, ManagerError> {
        self.create(New::Semaphore { permits: permits as u64, most: None }).map(Semaphore::new)
    }

    /// Creates a semaphore with `permits` permits, which never has more.
    ///
    /// # Errors
    ///
    /// If the system has no file descriptor left.
    pub fn bounded_semaphore(&self, permits: usize) -> Result<Semaphore, ManagerError> {
        let permits = permits as u64;
        self.create(New::Semaphore { permits, most: Some(permits) }).map(Semaphore::new)
    }

    /// Creates a condition, whose lock is free at first.
    ///
    /// # Errors
    ///
    /// If the system has no file descriptor left.
    pub fn condition(&self) -> Result<Condition, ManagerError> {
        self.create(New::Lock).map(Condition::new)
    }

    /// Creates an event, which is not set at first.
    ///
    /// # Errors
    ///
    /// If the system has no file descriptor left.
    pub fn event(&self) -> Result<SharedEvent, ManagerError> {
        self.create(New::Event).map(SharedEvent::new)
    }

    /// Creates a barrier for `parties` threads.
    ///
    /// # Errors
    ///
    /// If the system has no file descriptor left.
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
