//! The end that messages come out of.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::end::{End, Wire};
use super::error::RecvError;
use crate::ipc::codec::Codec;
use crate::ipc::socket::Wait;

const NAME: &str = "a `Receiver`";

/// The end of a [`channel`](crate::channel()) or a [`queue`](crate::queue()) that messages come out of. A clone takes from the same one:
/// each message goes to one of them.
///
/// In a job, it is the worker's: this process has it no longer once the job is sent, so a sender here sees when it is gone. Keep no
/// clone then.
pub struct Receiver<T> {
    end: End,
    carries: PhantomData<fn() -> T>,
}

impl<T> Receiver<T> {
    pub(super) fn new(socket: OwnedFd, codec: Codec) -> Self {
        Self { end: End::new(socket, codec), carries: PhantomData }
    }
}

impl<T: DeserializeOwned> Receiver<T> {
    /// The next message. Blocks until there is one, or every sender is gone.
    ///
    /// # Errors
    ///
    /// [`RecvError::Disconnected`] after the last message; [`RecvError::Lost`] for a message that cannot be decoded.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.end.receive(Wait::Forever)
    }

    /// As [`recv`](Receiver::recv), and never blocks.
    ///
    /// # Errors
    ///
    /// As for `recv`, and [`RecvError::Empty`] when there is none now.
    pub fn try_recv(&self) -> Result<T, RecvError> {
        self.end.receive(Wait::No)
    }

    /// As [`recv`](Receiver::recv), and blocks no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for `recv`, and [`RecvError::Empty`] when there was none in time.
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvError> {
        self.end.receive(Wait::within(limit))
    }

    /// The messages, one after the other, until every sender is gone. Blocks for each. One that is lost is an error in its place.
    pub fn iter(&self) -> Messages<'_, T> {
        Messages::new(&self.end)
    }

    /// Whether there is a message to receive, or every sender is gone: then a receive does not block, unless another receiver was faster.
    /// Blocks until it is so, for `limit` at most.
    pub fn poll(&self, limit: Duration) -> bool {
        self.end.poll(limit)
    }
}

/// The messages of a channel, until there will be none; see [`Receiver::iter`] and [`Duplex::iter`](crate::Duplex::iter).
#[derive(Debug)]
pub struct Messages<'a, T> {
    end: &'a End,
    carries: PhantomData<fn() -> T>,
}

impl<'a, T> Messages<'a, T> {
    pub(super) fn new(end: &'a End) -> Self {
        Self { end, carries: PhantomData }
    }
}

impl<T: DeserializeOwned> Iterator for Messages<'_, T> {
    type Item = Result<T, RecvError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.end.receive(Wait::Forever) {
            Err(RecvError::Disconnected) => None,
            other => Some(other),
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { end: self.end.clone(), carries: PhantomData }
    }
}

impl<'a, T: DeserializeOwned> IntoIterator for &'a Receiver<T> {
    type Item = Result<T, RecvError>;
    type IntoIter = Messages<'a, T>;

    fn into_iter(self) -> Messages<'a, T> {
        self.iter()
    }
}

/// For waiting on several things at once with poll(2). Reading from the descriptor, writing to it or changing its flags breaks it.
impl<T> AsFd for Receiver<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

impl<T> Serialize for Receiver<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.end.wire(NAME).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Receiver<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let end = End::from_wire(NAME, Wire::deserialize(deserializer)?).map_err(de::Error::custom)?;
        Ok(Self { end, carries: PhantomData })
    }
}
