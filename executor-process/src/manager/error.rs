//! Why a manager did not do what it was asked.

use std::any::type_name;
use std::error::Error;
use std::fmt;
use std::io;

use crate::ipc::os_error::with_remedy;

/// The error of a call to a [`Manager`](crate::Manager). Unless the variant says otherwise, the call changed nothing.
///
/// ```
/// use executor::{Manager, manager::ManagerError};
///
/// let manager = Manager::new()?;
/// let value = manager.value(1)?;
/// drop(manager);
/// assert!(matches!(value.get(), Err(ManagerError::Gone)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ManagerError {
    /// The manager was dropped or its process has ended, and its state is lost.
    Gone,
    /// The object of this handle was [discarded](crate::manager::SharedMap::discard).
    Discarded,
    /// The manager closed this process's connection. The locks and permits of this process were released. The last
    /// request may have taken effect.
    Disconnected,
    /// A value could not be encoded or decoded; the text says why.
    Codec(String),
    /// The list or array has no such index.
    OutOfRange {
        /// The length of the list or array.
        len: usize,
    },
    /// `task_done` was called more often than this process took items.
    NothingToDo,
    /// More permits were given back than a bounded semaphore has.
    TooManyPermits,
    /// The system refused a connection to the manager.
    Io(io::Error),
}

impl fmt::Display for ManagerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str(
                "the manager is gone: it was dropped, or its process has ended; keep the `Manager` while its handles \
                 are used",
            ),
            Self::Discarded => f.write_str("the manager no longer has this object: it was discarded; create a new one"),
            Self::Disconnected => f.write_str(
                "the manager closed the connection of this process: it got an invalid request, or one of the two \
                 processes has no file descriptor left; the next call reconnects",
            ),
            Self::Codec(cause) => f.write_str(cause),
            Self::OutOfRange { len } => write!(f, "the index is out of range: the length is {len}"),
            Self::NothingToDo => f.write_str(
                "`task_done` was called more often than this process took items from the queue; call it once for \
                 each item",
            ),
            Self::TooManyPermits => f.write_str(
                "the semaphore already has all its permits; call `release` once for each forgotten permit, or create \
                 it with `Manager::semaphore`, which has no bound",
            ),
            Self::Io(error) => write!(f, "the system refused a connection to the manager: {}", with_remedy(error)),
        }
    }
}

impl Error for ManagerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// The error of an item that could not be put into a [`SharedQueue`](crate::manager::SharedQueue);
/// [`into_inner`](PutError::into_inner) returns the item.
///
/// ```
/// use executor::Manager;
///
/// let manager = Manager::new()?;
/// let queue = manager.queue(1)?;
/// queue.put("one".to_owned())?;
/// let error = queue.try_put("two".to_owned()).unwrap_err();
/// assert!(error.is_full());
/// assert_eq!(error.into_inner(), "two");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PutError<T> {
    item: T,
    /// `None`: the queue is full.
    cause: Option<ManagerError>,
}

impl<T> PutError<T> {
    pub(super) fn new(item: T, cause: Option<ManagerError>) -> Self {
        Self { item, cause }
    }

    /// Returns whether the queue was full; only `try_put` and `put_timeout` fail for this reason.
    pub fn is_full(&self) -> bool {
        self.cause.is_none()
    }

    /// Returns the item that was not put.
    pub fn into_inner(self) -> T {
        self.item
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an item `{}` was not put into the queue: ", type_name::<T>())?;
        match &self.cause {
            None => f.write_str("it is full; try again later, or use `put`, which waits"),
            Some(cause) => cause.fmt(f),
        }
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutError").field("cause", &self.cause).finish_non_exhaustive()
    }
}

impl<T> Error for PutError<T> {}
