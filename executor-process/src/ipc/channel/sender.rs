//! The end that messages go into.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;

use super::end::{End, end};
use super::error::SendError;
use crate::ipc::socket::Wait;

/// The end of a [`channel`](crate::channel()) that messages go into. A clone sends into the same channel.
///
/// In a job, it is the worker's: this process has it no longer once the job is sent. Keep a clone to send from here as well, and
/// drop it for the receiver to see an end.
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
        Self::new(self.end.clone())
    }
}

end! { Sender<T>, "a `Sender`" }
