//! Why a message did not go, or did not come.

use std::any::type_name;
use std::error::Error;
use std::fmt;
use std::io;

use crate::ipc::os_error::with_remedy;

/// The error of a message that could not be sent; [`into_inner`](SendError::into_inner) returns the value.
///
/// ```
/// use executor::channel;
///
/// let (sender, receiver) = channel::<String>()?;
/// drop(receiver);
/// let error = sender.send("hello".to_owned()).unwrap_err();
/// assert!(error.is_disconnected());
/// assert_eq!(error.into_inner(), "hello");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct SendError<T> {
    value: T,
    reason: Reason,
}

#[derive(Debug)]
pub(super) enum Reason {
    Disconnected,
    Full,
    Codec(String),
    Io(io::Error),
}

impl<T> SendError<T> {
    pub(super) fn new(value: T, reason: Reason) -> Self {
        Self { value, reason }
    }

    /// Returns whether all receivers are gone, so that no message can arrive any more.
    pub fn is_disconnected(&self) -> bool {
        matches!(self.reason, Reason::Disconnected)
    }

    /// Returns whether the channel was full; only [`try_send`](crate::Sender::try_send) and
    /// [`send_timeout`](crate::Sender::send_timeout) fail for this reason.
    pub fn is_full(&self) -> bool {
        matches!(self.reason, Reason::Full)
    }

    /// Returns the value that was not sent.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = type_name::<T>();
        match &self.reason {
            Reason::Disconnected => {
                write!(f, "a message `{message}` was not sent: all receivers of its channel are gone")
            }
            Reason::Full => write!(
                f,
                "a message `{message}` was not sent: its channel is full; try again later, or use `send`, which waits"
            ),
            Reason::Codec(cause) => write!(f, "a message `{message}` could not be encoded: {cause}"),
            Reason::Io(error) => {
                write!(f, "a message `{message}` was not sent: the system refused it ({})", with_remedy(error))
            }
        }
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<T> Error for SendError<T> {}

/// The reason why no message was received.
///
/// ```
/// use std::time::Duration;
/// use executor::{RecvError, channel};
///
/// let (sender, receiver) = channel::<u32>()?;
/// assert!(matches!(receiver.try_recv(), Err(RecvError::Empty)));
/// assert!(matches!(receiver.recv_timeout(Duration::from_millis(1)), Err(RecvError::Empty)));
/// drop(sender);
/// assert!(matches!(receiver.recv(), Err(RecvError::Disconnected)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum RecvError {
    /// There is no message now, or none came within the limit. [`recv`](crate::Receiver::recv) never returns this.
    Empty,
    /// There will be no more messages: all senders are gone, and all that they sent was received.
    Disconnected,
    /// A message came but is lost: it could not be decoded, or this process has no file descriptor left for the
    /// handles in it. More messages may follow.
    Lost(String),
    /// The system failed to receive.
    Io(io::Error),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the channel has no message yet; wait longer, or use `recv`"),
            Self::Disconnected => {
                f.write_str("the channel is closed: all senders are gone, and all messages were received")
            }
            Self::Lost(cause) => f.write_str(cause),
            Self::Io(error) => write!(f, "receiving from the channel failed: {}", with_remedy(error)),
        }
    }
}

impl Error for RecvError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}
