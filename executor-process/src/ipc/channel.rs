//! Channels whose ends can be sent in a job, in its result, or in a message of another channel: one way, both ways, and for many.

mod duplex;
mod end;
mod error;
mod receiver;
mod sender;

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use duplex::{Duplex, duplex, duplex_with};
pub use error::{RecvError, SendError};
pub use receiver::{Messages, Receiver};
pub use sender::Sender;

use self::end::End;
use crate::ipc::codec::Codec;
use crate::ipc::socket;

/// Creates a channel between processes: values sent into the [`Sender`] come out of the [`Receiver`] in order.
///
/// Both ends can be arguments of a job, parts of its result, or messages of another channel. If a worker ends, its
/// ends are closed: after the last sender is gone, the receiver gets the remaining messages and then
/// [`RecvError::Disconnected`].
///
/// **Capacity.** Messages wait in a socket, which holds about 200 KiB or about 200 small messages;
/// [`send`](Sender::send) blocks while it is full. Messages larger than 64 KiB are passed in shared memory and count
/// as small.
///
/// **Encoding.** Messages are encoded with [`Codec::Postcard`]; for another codec, see [`channel_with`].
///
/// ```
/// use executor::{ProcessPool, Sender, call, channel};
///
/// fn search(from: u64, to: u64, found: Sender<u64>) {
///     for n in (from..to).filter(|n| n % 1000 == 0) {
///         if found.send(n).is_err() {
///             return; // the receiver is gone
///         }
///     }
/// }
///
/// let pool = ProcessPool::new(2)?;
/// let (sender, receiver) = channel()?;
/// let first = pool.submit(call!(search(0, 5000, sender.clone())));
/// let second = pool.submit(call!(search(5000, 10_000, sender)));
/// // The senders are in the jobs now, so this ends with them.
/// let found = receiver.iter().collect::<Result<Vec<u64>, _>>()?;
/// assert_eq!(found.len(), 10);
/// first.result()?;
/// second.result()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A queued job holds the ends among its arguments. A job whose arguments hold a channel's end is never sent to a
/// second worker: if its worker dies before it starts the job, the job fails with
/// [`JobError::Broken`](executor_core::JobError::Broken).
///
/// # Errors
///
/// If this process has no file descriptor left (`ulimit -n`).
pub fn channel<T: Serialize + DeserializeOwned>() -> io::Result<(Sender<T>, Receiver<T>)> {
    channel_with(Codec::default())
}

/// Creates a queue that many processes share at both ends: each message goes to exactly one receiver, whichever is
/// free.
///
/// Both ends are `Clone` and can be sent to any number of processes. When all senders are gone, in every process, the
/// receivers get the remaining messages and then [`RecvError::Disconnected`]. When all receivers are gone, sending
/// fails. The messages of one sender are received in the order in which they were sent.
///
/// A message is received whole or not at all, whatever its size. A process that dies while receiving leaves no
/// half-read message and no lock behind; at most, the one message that it has just taken is lost. If that matters,
/// let the receiver acknowledge each message, and send unacknowledged messages again.
///
/// ```
/// use executor::{ProcessPool, Receiver, Sender, call, queue};
///
/// fn square(numbers: Receiver<u64>, squares: Sender<u64>) {
///     for number in &numbers {
///         squares.send(number.unwrap().pow(2)).unwrap();
///     }
/// }
///
/// let pool = ProcessPool::new(3)?;
/// let (numbers, taken) = queue()?;
/// let (squared, squares) = queue()?;
/// for _ in 0..3 {
///     pool.execute(call!(square(taken.clone(), squared.clone())));
/// }
/// drop((taken, squared)); // ours: those of the jobs are left
/// for number in 1..=10 {
///     numbers.send(number)?;
/// }
/// drop(numbers); // the consumers end with the last message, and so do the squares
/// assert_eq!(squares.iter().sum::<Result<u64, _>>()?, 385);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A queue is a [`channel`] by another name, with the same capacity. For a queue with a limit on the number of
/// messages, or one that knows when all work is done, use [`Manager::queue`](crate::Manager::queue).
///
/// # Errors
///
/// If this process has no file descriptor left (`ulimit -n`).
pub fn queue<T: Serialize + DeserializeOwned>() -> io::Result<(Sender<T>, Receiver<T>)> {
    channel()
}

/// Creates a [`channel`] with another codec.
///
/// ```
/// use executor::{Codec, channel_with};
///
/// let (sender, receiver) = channel_with(Codec::MessagePack)?;
/// sender.send(serde_json::json!({"any": ["value"]})).unwrap();
/// assert_eq!(receiver.recv()?["any"][0], "value");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If this process has no file descriptor left (`ulimit -n`).
pub fn channel_with<T: Serialize + DeserializeOwned>(codec: Codec) -> io::Result<(Sender<T>, Receiver<T>)> {
    let (from, to) = socket::pair()?;
    Ok((Sender::new(End::new(from, codec)), Receiver::new(End::new(to, codec))))
}

/// The receiver of a channel whose socket somebody else has the other end of.
#[cfg(any(test, fuzzing))]
pub(crate) fn receiver_of<T>(socket: std::os::fd::OwnedFd, codec: Codec) -> Receiver<T> {
    Receiver::new(End::new(socket, codec))
}
