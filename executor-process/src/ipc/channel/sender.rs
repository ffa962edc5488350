//! The end that messages go into.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;

use super::end::{End, end};
use super::error::SendError;
use crate::ipc::socket::Wait;

/// The sending end of a [`channel`](crate::channel()) or a [`queue`](crate::queue()). A clone sends into the same
/// channel.
///
/// An end that is sent in a job belongs to the worker: it leaves this process when the job is sent. To send from here
/// as well, keep a clone; drop the clone to let the receiver see the end of the channel.
pub struct Sender<T> {
    end: End,
    carries: PhantomData<fn(T)>,
}

impl<T> Sender<T> {
    pub(super) fn new(end: End) -> Self {
        Self { end, carries: PhantomData }
    }
}

impl<T: Serialize> Sender<T> {
    /// Sends a message. Blocks while the channel is full, until a receiver has made room or all receivers are gone.
    ///
    /// # Errors
    ///
    /// Returns the value, in a [`SendError`], if:
    ///
    /// - all receivers are gone;
    /// - the message cannot be encoded, or holds more than 64 handles;
    /// - the system has no shared memory for a message above 64 KiB.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.end.send(value, Wait::Forever)
    }

    /// Sends a message like [`send`](Sender::send), but never blocks.
    ///
    /// # Errors
    ///
    /// As for `send`, and if the channel is full.
    pub fn try_send(&self, value: T) -> Result<(), SendError<T>> {
        self.end.send(value, Wait::No)
    }

    /// Sends a message like [`send`](Sender::send), but blocks for at most `limit`.
    ///
    /// # Errors
    ///
    /// As for `send`, and if the channel was full for `limit`.
    pub fn send_timeout(&self, value: T, limit: Duration) -> Result<(), SendError<T>> {
        self.end.send(value, Wait::within(limit))
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self::new(self.end.clone())
    }
}

end! { Sender<T>, "a `Sender`" }
