//! Messages between a client and the manager's thread, and their framing.
//!
//! A frame is the length of a message (four bytes, little-endian) and the message. Users' values are bytes that the manager passes
//! on and never decodes.

use std::fmt;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use serde::{Deserialize, Serialize, Serializer};

/// Names an object of a manager.
pub(super) type ObjectId = u64;

/// Names a wait or a hold.
pub(super) type Ticket = u64;

/// How long either side may spin for the other's next message, where that pays: about as long as waking a thread takes.
pub(super) const AWAKE: Duration = Duration::from_micros(20);

/// How many bytes a frame's length takes.
const HEAD: usize = 4;

/// The least room for a read, and about the most by which the buffer exceeds the received bytes.
const CHUNK: usize = 64 * 1024;

/// Bytes of a message, where they lie.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub(super) struct Raw<'a>(#[serde(borrow)] pub(super) &'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// From a client.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request<'a> {
    /// The answer has the same.
    pub(super) id: u64,
    pub(super) object: ObjectId,
    /// How many nanoseconds it may wait. None is for ever.
    pub(super) limit: Option<u64>,
    #[serde(borrow)]
    pub(super) op: Op<'a>,
}

/// A place in a map or a list.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Place<'a> {
    #[serde(borrow)]
    Key(Raw<'a>),
    Index(u64),
}

/// The object to create.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum New<'a> {
    Map,
    /// If it is fixed, it keeps its length.
    List {
        #[serde(borrow)]
        values: Vec<Raw<'a>>,
        is_fixed: bool,
    },
    Queue {
        capacity: Option<u64>,
    },
    /// Of one permit, which its holder alone gives back.
    Lock,
    /// With a most, no more than that can be free.
    Semaphore {
        permits: u64,
        most: Option<u64>,
    },
    Event,
    Barrier {
        parties: u64,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Op<'a> {
    #[serde(borrow)]
    Create(New<'a>),
    Discard,

    // Maps and lists. None of them waits, but those that change what somebody holds.
    Get(Place<'a>),
    Len,
    All,
    Put(Place<'a>, Raw<'a>),
    /// Unless there is one.
    PutNew(Raw<'a>, Raw<'a>),
    Insert(u64, Raw<'a>),
    Extend(Vec<Raw<'a>>),
    Pop,
    Remove(Place<'a>),
    Swap(u64, u64),
    Clear,
    /// To change a value, or all of them.
    Hold(Option<Place<'a>>),
    Commit(Ticket, Change<'a>),

    // Queues.
    Send(Raw<'a>),
    Receive,
    /// The received item has arrived. Not answered.
    Arrived(Ticket),
    TaskDone,
    Join,

    // Semaphores, locks and conditions.
    Acquire,
    Release(Ticket),
    /// Ends the hold, and keeps the permit until a `Return`.
    Forget(Ticket),
    Return,
    /// Releases, waits for a notification, and acquires.
    Wait(Ticket),
    Notify {
        ticket: Ticket,
        all: bool,
    },

    // Events and barriers.
    Set(bool),
    IsSet,
    Await,
}

/// The change of the held values.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Change<'a> {
    None,
    #[serde(borrow)]
    Put(Raw<'a>),
    Remove,
    All(Vec<Raw<'a>>),
}

/// From the manager. `B` is bytes: its own, or borrowed ones of a frame.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Reply<B> {
    Done,
    Flag(bool),
    Count(u64),
    Value(Option<B>),
    Values(Vec<B>),
    Pairs(Vec<(B, B)>),
    /// The client holds what the ticket names.
    Granted {
        ticket: Ticket,
        /// Its last holder died with it.
        was_abandoned: bool,
        /// It was not notified in time.
        is_late: bool,
        values: Vec<B>,
    },
    /// There was nothing in the time given, or no room.
    Expired,
    Refused(Refusal),
}

/// Why something was not done. Nothing is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Refusal {
    /// The object was discarded.
    NotThere,
    OutOfRange {
        len: u64,
    },
    /// More tasks were said to be done than were received.
    NothingToDo,
    /// More permits were given back than there are.
    TooMany,
    /// The answer is too large.
    TooLarge,
}

/// Appends a frame that holds what `write` appends.
///
/// # Errors
///
/// When it is longer than a frame can be; nothing is left of it then.
pub(super) fn frame(buffer: &mut Vec<u8>, message: &impl Serialize) -> Result<(), String> {
    let start = buffer.len();
    buffer.extend([0; HEAD]);
    let written = crate::ipc::codec::append_message(message, buffer);
    let framed = written.and_then(|()| {
        let len = u32::try_from(buffer.len() - start - HEAD);
        len.map_err(|_| "it is larger than 4 GiB, the limit of a single request to a manager".to_owned())
    });
    match framed {
        Ok(len) => buffer[start..start + HEAD].copy_from_slice(&len.to_le_bytes()),
        Err(_) => buffer.truncate(start),
    }
    framed.map(drop)
}

/// Decodes a message. Never panics, for any bytes.
pub(super) fn parse<'a, T: Deserialize<'a>>(message: &'a [u8]) -> Option<T> {
    match postcard::take_from_bytes(message) {
        Ok((parsed, [])) => Some(parsed),
        _ => None,
    }
}

/// Frames that come from a socket. It never holds much more than what has come, whatever length is announced.
#[derive(Default)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    /// Where the next frame begins.
    start: usize,
}

impl Frames {
    /// Reads what is there. False at the end of the connection.
    ///
    /// # Errors
    ///
    /// Those of `recv(2)`.
    pub(super) fn read(&mut self, socket: impl std::os::fd::AsFd, flags: RecvFlags) -> Result<bool, Errno> {
        self.buffer.drain(..self.start);
        self.start = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > 4 * CHUNK {
            self.buffer = Vec::new();
        }
        self.buffer.reserve(CHUNK);
        let (_, read) = recv(socket, spare_capacity(&mut self.buffer), flags)?;
        Ok(read > 0)
    }

    /// The next message, if it is whole.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let rest = &self.buffer[self.start..];
        let (head, rest) = rest.split_first_chunk::<HEAD>()?;
        let len = usize::try_from(u32::from_le_bytes(*head)).ok()?;
        let message = rest.get(..len)?;
        self.start += HEAD + len;
        Some(message)
    }
}

#[cfg(all(test, not(loom)))]
impl Frames {
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }
}
