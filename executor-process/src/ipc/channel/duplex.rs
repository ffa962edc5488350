//! An end that both sends and receives.

use std::io;
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::end::{End, end};
use super::error::{RecvError, SendError};
use super::receiver::Messages;
use crate::ipc::codec::Codec;
use crate::ipc::socket::{self, Wait};

/// Creates two connected ends: each receives in order what the other sends. The first end sends `A`s and receives
/// `B`s.
///
/// Each end can be an argument of a job, a part of its result, or a message of a channel; it has then left this
/// process. If the process that holds an end dies, the end is closed: the other end receives the remaining messages,
/// and then gets [`RecvError::Disconnected`].
///
/// ```
/// use executor::{Duplex, Process, call, duplex};
///
/// /// Answers each number with its text.
/// fn serve(end: Duplex<String, u32>) {
///     for number in &end {
///         if end.send(number.unwrap().to_string()).is_err() {
///             return; // the other end is gone
///         }
///     }
/// }
///
/// let (ours, theirs) = duplex::<u32, String>()?;
/// let server = Process::spawn(call!(serve(theirs)))?;
/// ours.send(42)?;
/// assert_eq!(ours.recv()?, "42");
/// drop(ours); // its loop ends
/// server.join()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Each direction has its own capacity, the same as that of a [`channel`](crate::channel()). If both sides only send
/// and never receive, both block for ever once both directions are full.
///
/// # Errors
///
/// If this process has no file descriptor left (`ulimit -n`).
pub fn duplex<A, B>() -> io::Result<(Duplex<A, B>, Duplex<B, A>)>
where
    A: Serialize + DeserializeOwned,
    B: Serialize + DeserializeOwned,
{
    duplex_with(Codec::default())
}

/// Creates a [`duplex`] with another codec.
///
/// ```
/// use executor::{Codec, duplex_with};
///
/// let (here, there) = duplex_with::<serde_json::Value, u8>(Codec::MessagePack)?;
/// here.send(serde_json::json!([1, "two"])).unwrap();
/// assert_eq!(there.recv()?[1], "two");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If this process has no file descriptor left (`ulimit -n`).
pub fn duplex_with<A, B>(codec: Codec) -> io::Result<(Duplex<A, B>, Duplex<B, A>)>
where
    A: Serialize + DeserializeOwned,
    B: Serialize + DeserializeOwned,
{
    let (one, other) = socket::pair()?;
    Ok((Duplex::new(End::new(one, codec)), Duplex::new(End::new(other, codec))))
}

/// One end of a [`duplex`](crate::duplex()), which sends `S`s and receives `R`s. One thread may send while another
/// receives.
pub struct Duplex<S, R> {
    end: End,
    carries: PhantomData<fn(S) -> R>,
}

impl<S, R> Duplex<S, R> {
    fn new(end: End) -> Self {
        Self { end, carries: PhantomData }
    }
}

impl<S: Serialize, R> Duplex<S, R> {
    /// Sends a message. Blocks while this direction is full.
    ///
    /// # Errors
    ///
    /// Returns the value, in a [`SendError`], if:
    ///
    /// - the other end is gone;
    /// - the message cannot be encoded, or holds more than 64 handles;
    /// - the system has no shared memory for a message above 64 KiB.
    pub fn send(&self, value: S) -> Result<(), SendError<S>> {
        self.end.send(value, Wait::Forever)
    }

    /// Sends a message like [`send`](Duplex::send), but never blocks.
    ///
    /// # Errors
    ///
    /// As for `send`, and if this direction is full.
    pub fn try_send(&self, value: S) -> Result<(), SendError<S>> {
        self.end.send(value, Wait::No)
    }

    /// Sends a message like [`send`](Duplex::send), but blocks for at most `limit`.
    ///
    /// # Errors
    ///
    /// As for `send`, and if this direction was full for `limit`.
    pub fn send_timeout(&self, value: S, limit: Duration) -> Result<(), SendError<S>> {
        self.end.send(value, Wait::within(limit))
    }
}

impl<S, R: DeserializeOwned> Duplex<S, R> {
    /// Receives the next message. Blocks until there is one, or the other end is gone.
    ///
    /// # Errors
    ///
    /// [`RecvError::Disconnected`] after the last message; [`RecvError::Lost`] for a message that cannot be decoded.
    pub fn recv(&self) -> Result<R, RecvError> {
        self.end.receive(Wait::Forever)
    }

    /// Receives a message like [`recv`](Duplex::recv), but never blocks.
    ///
    /// # Errors
    ///
    /// As for `recv`, and [`RecvError::Empty`] if there is no message now.
    pub fn try_recv(&self) -> Result<R, RecvError> {
        self.end.receive(Wait::No)
    }

    /// Receives a message like [`recv`](Duplex::recv), but blocks for at most `limit`.
    ///
    /// # Errors
    ///
    /// As for `recv`, and [`RecvError::Empty`] if no message came within `limit`.
    pub fn recv_timeout(&self, limit: Duration) -> Result<R, RecvError> {
        self.end.receive(Wait::within(limit))
    }

    /// Blocks until there is a message or the other end is gone, but for at most `limit`. Returns true if
    /// [`recv`](Duplex::recv) would now return at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{RecvError, duplex};
    ///
    /// let (here, there) = duplex::<u8, u8>()?;
    /// assert!(!here.poll(Duration::ZERO));
    /// there.send(1)?;
    /// assert!(here.poll(Duration::MAX));
    /// assert_eq!(here.recv()?, 1);
    /// drop(there);
    /// assert!(here.poll(Duration::MAX), "the end is told, too");
    /// assert!(matches!(here.recv(), Err(RecvError::Disconnected)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn poll(&self, limit: Duration) -> bool {
        self.end.poll(limit)
    }

    /// Iterates over the messages until the other end is gone. Each step blocks like [`recv`](Duplex::recv). A lost
    /// message is an `Err`, and the iteration goes on.
    pub fn iter(&self) -> Messages<'_, R> {
        Messages::new(&self.end)
    }
}

impl<'a, S, R: DeserializeOwned> IntoIterator for &'a Duplex<S, R> {
    type Item = Result<R, RecvError>;
    type IntoIter = Messages<'a, R>;

    fn into_iter(self) -> Messages<'a, R> {
        self.iter()
    }
}

end! { Duplex<S, R>, "a `Duplex`" }
