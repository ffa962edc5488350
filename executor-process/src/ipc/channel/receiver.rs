//! The end that messages come out of.

use std::marker::PhantomData;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::end::{End, end};
use super::error::RecvError;
use crate::ipc::socket::Wait;

/// The receiving end of a [`channel`](crate::channel()) or a [`queue`](crate::queue()). A clone receives from the
/// same channel: each message goes to one of them.
///
/// An end that is sent in a job belongs to the worker: it leaves this process when the job is sent. Keep no clone
/// here if the senders are to see that the worker is gone.
pub struct Receiver<T> {
    end: End,
    carries: PhantomData<fn() -> T>,
}

impl<T> Receiver<T> {
    pub(super) fn new(end: End) -> Self {
        Self { end, carries: PhantomData }
    }
}

impl<T: DeserializeOwned> Receiver<T> {
    /// Receives the next message. Blocks until there is one, or all senders are gone.
    ///
    /// # Errors
    ///
    /// [`RecvError::Disconnected`] after the last message; [`RecvError::Lost`] for a message that cannot be decoded.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.end.receive(Wait::Forever)
    }

    /// Receives a message like [`recv`](Receiver::recv), but never blocks.
    ///
    /// # Errors
    ///
    /// As for `recv`, and [`RecvError::Empty`] if there is no message now.
    pub fn try_recv(&self) -> Result<T, RecvError> {
        self.end.receive(Wait::No)
    }

    /// Receives a message like [`recv`](Receiver::recv), but blocks for at most `limit`.
    ///
    /// # Errors
    ///
    /// As for `recv`, and [`RecvError::Empty`] if no message came within `limit`.
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvError> {
        self.end.receive(Wait::within(limit))
    }

    /// Iterates over the messages until all senders are gone. Each step blocks like [`recv`](Receiver::recv). A lost
    /// message is an `Err`, and the iteration goes on.
    pub fn iter(&self) -> Messages<'_, T> {
        Messages::new(&self.end)
    }

    /// Blocks until there is a message or all senders are gone, but for at most `limit`. Returns true if
    /// [`recv`](Receiver::recv) would now return at once, unless another receiver is faster.
    pub fn poll(&self, limit: Duration) -> bool {
        self.end.poll(limit)
    }
}

/// The iterator over a channel's messages; made by [`Receiver::iter`] and [`Duplex::iter`](crate::Duplex::iter).
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
        Self::new(self.end.clone())
    }
}

impl<'a, T: DeserializeOwned> IntoIterator for &'a Receiver<T> {
    type Item = Result<T, RecvError>;
    type IntoIter = Messages<'a, T>;

    fn into_iter(self) -> Messages<'a, T> {
        self.iter()
    }
}

end! { Receiver<T>, "a `Receiver`" }
