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

/// A channel between processes: what goes into the [`Sender`] comes out of the [`Receiver`], in order, wherever they are.
///
/// Both ends can be arguments of a job, parts of its result, and messages of other channels; so can what they carry. The end of
/// a worker is the end of what it held: if it was the last sender, the receiver has had its last message.
///
/// Messages are encoded as those of a pool are, with [`Codec::Postcard`]; see [`channel_with`] for another. They wait in a socket
/// that has room for some 200 KiB, or some 200 small ones; larger ones than 64 KiB lie in shared memory. When it is full,
/// [`send`](Sender::send) blocks.
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
/// A job that is waiting in a queue holds the ends that it was given, and a job with a channel is never sent to a second worker: if
/// the first dies before it begins the job, that fails as [`JobError::Broken`](executor_core::JobError::Broken).
///
/// # Errors
///
/// When the system has no descriptor left.
pub fn channel<T: Serialize + DeserializeOwned>() -> io::Result<(Sender<T>, Receiver<T>)> {
    channel_with(Codec::default())
}

/// A channel for many at both ends: each message goes to one receiver, and which one that is depends on who is free.
///
/// Both ends are `Clone`, and can be sent to as many processes as there is work for. The receivers have had their last message when every
/// sender is gone, in whatever process; a sender is told when every receiver is gone. One sender's messages are taken in the order in
/// which it sent them.
///
/// A message is taken whole or not at all, whatever its size, so a process that dies while it receives leaves nothing half read, and no
/// lock behind: with it goes at most the one message that it has just taken. If that matters, have an answer sent, and send it again.
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
/// It is a [`channel`] by another name, and has as much room. A queue that is bounded by a number of messages, and knows when all are done,
/// needs a process that keeps it.
///
/// # Errors
///
/// When the system has no descriptor left.
pub fn queue<T: Serialize + DeserializeOwned>() -> io::Result<(Sender<T>, Receiver<T>)> {
    channel()
}

/// As [`channel`], with a codec of your choice.
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
/// When the system has no descriptor left.
pub fn channel_with<T: Serialize + DeserializeOwned>(codec: Codec) -> io::Result<(Sender<T>, Receiver<T>)> {
    let (from, to) = socket::pair()?;
    Ok((Sender::new(End::new(from, codec)), Receiver::new(End::new(to, codec))))
}

/// The receiver of a channel whose socket somebody else has the other end of.
#[cfg(any(test, fuzzing))]
pub(crate) fn receiver_of<T>(socket: std::os::fd::OwnedFd, codec: Codec) -> Receiver<T> {
    Receiver::new(End::new(socket, codec))
}
