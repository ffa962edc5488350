//! The end that messages go into.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::end::{End, Wire};
use super::error::SendError;
use crate::ipc::codec::Codec;
use crate::ipc::socket::Wait;

const NAME: &str = "a `Sender`";

/// The end of a [`channel`](crate::channel()) that messages go into. A clone sends into the same channel.
///
/// In a job, it is the worker's: this process has it no longer once the job is sent. Keep a clone to send from here as well, and
/// drop it for the receiver to see an end.
pub struct Sender<T> {
    end: End,
    carries: PhantomData<fn(T)>,
}

impl<T> Sender<T> {
    pub(super) fn new(socket: OwnedFd, codec: Codec) -> Self {
        Self { end: End::new(socket, codec), carries: PhantomData }
    }
}

impl<T: Serialize> Sender<T> {
    /// Sends a message. Blocks while the channel is full, until a receiver has taken some, or all are gone.
    ///
    /// # Errors
    ///
    /// When every receiver is gone, the message cannot be encoded or holds more than 64 handles, or the system has no shared
    /// memory for a large one. The value comes back.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.end.send(value, Wait::Forever)
    }

    /// As [`send`](Sender::send), and never blocks.
    ///
    /// # Errors
    ///
    /// As for `send`, and when the channel is full.
    pub fn try_send(&self, value: T) -> Result<(), SendError<T>> {
        self.end.send(value, Wait::No)
    }

    /// As [`send`](Sender::send), and blocks no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for `send`, and when the channel is full.
    pub fn send_timeout(&self, value: T, limit: Duration) -> Result<(), SendError<T>> {
        self.end.send(value, Wait::within(limit))
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { end: self.end.clone(), carries: PhantomData }
    }
}

/// For waiting on several things at once with poll(2). Reading from the descriptor, writing to it or changing its flags breaks it.
impl<T> AsFd for Sender<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> Serialize for Sender<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.end.wire(NAME).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Sender<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let end = End::from_wire(NAME, Wire::deserialize(deserializer)?).map_err(de::Error::custom)?;
        Ok(Self { end, carries: PhantomData })
    }
}
