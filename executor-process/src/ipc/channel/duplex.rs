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

/// Two ends that talk to each other: what one sends, the other receives, in order. The first sends `A`s and receives `B`s.
///
/// Each end can be an argument of a job, a part of its result, and a message of a channel, and has then left this process. The end of the
/// process that holds one is the end of what it held: the other end receives what was sent before, and then is
/// [`Disconnected`](RecvError::Disconnected).
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
/// Messages wait as those of a [`channel`](crate::channel()) do, each way in a socket of its own room. Two that send and do not receive wait for
/// each other for ever once both are full.
///
/// # Errors
///
/// When the system has no descriptor left.
pub fn duplex<A, B>() -> io::Result<(Duplex<A, B>, Duplex<B, A>)>
where
    A: Serialize + DeserializeOwned,
    B: Serialize + DeserializeOwned,
{
    duplex_with(Codec::default())
}

/// As [`duplex`], with a codec of your choice.
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
/// When the system has no descriptor left.
pub fn duplex_with<A, B>(codec: Codec) -> io::Result<(Duplex<A, B>, Duplex<B, A>)>
where
    A: Serialize + DeserializeOwned,
    B: Serialize + DeserializeOwned,
{
    let (one, other) = socket::pair()?;
    Ok((Duplex::new(End::new(one, codec)), Duplex::new(End::new(other, codec))))
}

/// An end of a [`duplex`](crate::duplex()), which sends `S`s and receives `R`s. One thread may send while another receives.
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
    /// Sends a message. Blocks while the other end has no room for it.
    ///
    /// # Errors
    ///
    /// When the other end is gone, the message cannot be encoded or holds more than 64 handles, or the system has no shared
    /// memory for a large one. The value comes back.
    pub fn send(&self, value: S) -> Result<(), SendError<S>> {
        self.end.send(value, Wait::Forever)
    }

    /// As [`send`](Duplex::send), and never blocks.
    ///
    /// # Errors
    ///
    /// As for `send`, and when there is no room.
    pub fn try_send(&self, value: S) -> Result<(), SendError<S>> {
        self.end.send(value, Wait::No)
    }

    /// As [`send`](Duplex::send), and blocks no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for `send`, and when there was no room in time.
    pub fn send_timeout(&self, value: S, limit: Duration) -> Result<(), SendError<S>> {
        self.end.send(value, Wait::within(limit))
    }
}

impl<S, R: DeserializeOwned> Duplex<S, R> {
    /// The next message. Blocks until there is one, or the other end is gone.
    ///
    /// # Errors
    ///
    /// [`RecvError::Disconnected`] after the last message; [`RecvError::Lost`] for a message that cannot be decoded.
    pub fn recv(&self) -> Result<R, RecvError> {
        self.end.receive(Wait::Forever)
    }

    /// As [`recv`](Duplex::recv), and never blocks.
    ///
    /// # Errors
    ///
    /// As for `recv`, and [`RecvError::Empty`] when there is none now.
    pub fn try_recv(&self) -> Result<R, RecvError> {
        self.end.receive(Wait::No)
    }

    /// As [`recv`](Duplex::recv), and blocks no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for `recv`, and [`RecvError::Empty`] when there was none in time.
    pub fn recv_timeout(&self, limit: Duration) -> Result<R, RecvError> {
        self.end.receive(Wait::within(limit))
    }

    /// Whether there is a message to receive, or the other end is gone: then [`recv`](Duplex::recv) does not block. Blocks until it is so,
    /// for `limit` at most.
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

    /// The messages, one after the other, until the other end is gone. Blocks for each. One that is lost is an error in its place.
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
