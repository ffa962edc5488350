//! The end that messages come out of.

use std::marker::PhantomData;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::end::{End, end};
use super::error::RecvError;
use crate::ipc::socket::Wait;

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
    pub(super) fn new(end: End) -> Self {
        Self { end, carries: PhantomData }
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
