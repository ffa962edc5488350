//! The end that messages come out of.

use std::any::type_name;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::end::{End, Wire};
use super::error::RecvError;
use crate::Codec;
use crate::socket::Wait;

const NAME: &str = "a `Receiver`";

/// The end of a [`channel`](crate::channel()) that messages come out of.
///
/// In a job, it is the worker's: this process has it no longer once the job is sent, so a sender here sees when it is gone.
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
        self.receive(Wait::Forever)
    }

    /// As [`recv`](Receiver::recv), and never blocks.
    ///
    /// # Errors
    ///
    /// As for `recv`, and [`RecvError::Empty`] when there is none now.
    pub fn try_recv(&self) -> Result<T, RecvError> {
        self.receive(Wait::No)
    }

    /// As [`recv`](Receiver::recv), and blocks no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for `recv`, and [`RecvError::Empty`] when there was none in time.
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvError> {
        self.receive(Instant::now().checked_add(limit).map_or(Wait::Forever, Wait::Until))
    }

    /// The messages, one after the other, until every sender is gone. Blocks for each. One that is lost is an error in its place.
    pub fn iter(&self) -> Messages<'_, T> {
        Messages(self)
    }

    fn receive(&self, wait: Wait) -> Result<T, RecvError> {
        let lost =
            |cause: String| RecvError::Lost(format!("a message `{}` could not be decoded: {cause}", type_name::<T>()));
        match self.end.receive(wait) {
            Ok(Some(message)) => self.end.codec.decode_payload(&message).map_err(lost),
            Ok(None) => Err(RecvError::Disconnected),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::WouldBlock => RecvError::Empty,
                io::ErrorKind::InvalidData => lost(error.to_string()),
                _ => RecvError::Io(error),
            }),
        }
    }
}

/// The messages of a channel; see [`Receiver::iter`].
#[derive(Debug)]
pub struct Messages<'a, T>(&'a Receiver<T>);

impl<T: DeserializeOwned> Iterator for Messages<'_, T> {
    type Item = Result<T, RecvError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.recv() {
            Err(RecvError::Disconnected) => None,
            other => Some(other),
        }
    }
}

impl<'a, T: DeserializeOwned> IntoIterator for &'a Receiver<T> {
    type Item = Result<T, RecvError>;
    type IntoIter = Messages<'a, T>;

    fn into_iter(self) -> Messages<'a, T> {
        self.iter()
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
