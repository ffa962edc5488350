//! Encodes a worker's result: a small one into a buffer that goes in the message, a large one into memory that the parent reads.

use std::io;
use std::mem;
use std::num::NonZeroUsize;

use serde::Serialize;

use super::slots::Slot;
use super::worker::WorkerEnd;
use crate::ipc::attachments::Attachment;
use crate::ipc::codec::{Codec, Fault, Output, Restart, write_behind};
use crate::ipc::os_error::because;
use crate::ipc::payload::INLINE;
use crate::ipc::shared_memory::Draft;

/// By how much a result's memory grows, at most: half as much of it again is wasted on none.
const MOST_GROWTH: usize = 16 << 20;

/// The first memory of a result that is too large for a message.
const FIRST: usize = 1 << 20;

/// A result, encoded.
pub(crate) struct Outgoing {
    pub(super) written: Written,
    pub(super) attachments: Vec<Attachment>,
}

impl Outgoing {
    /// From encoded bytes.
    ///
    /// # Errors
    ///
    /// When it is large, and the system has no memory for it.
    pub(crate) fn new(bytes: &[u8], attachments: Vec<Attachment>, end: &WorkerEnd) -> Result<Self, String> {
        let mut sink = Sink::new(end);
        match sink.extend(bytes) {
            Ok(()) => sink.finish(attachments),
            Err(Refused) => Err(sink.abandon(String::new())),
        }
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        match &self.written {
            Written::Small(bytes) => bytes.len(),
            Written::Large(large) => large.len,
        }
    }
}

pub(super) fn no_memory(error: &io::Error) -> String {
    format!("there is no shared memory for it in the worker process ({})", because(error))
}

pub(super) enum Written {
    Small(Vec<u8>),
    Large(Large),
}

/// A slot that is being written to.
pub(super) struct Large {
    pub(super) number: Option<u8>,
    pub(super) slot: Slot<Draft>,
    /// How much of it is written.
    pub(super) len: usize,
}

impl Large {
    fn extend(&mut self, bytes: &[u8]) -> io::Result<()> {
        let draft = &mut self.slot.store;
        let end = self.len.checked_add(bytes.len()).ok_or(io::ErrorKind::OutOfMemory)?;
        if end > draft.len() {
            let more = draft.len().min(MOST_GROWTH);
            let len = end.max(draft.len().saturating_add(more));
            draft.grow(NonZeroUsize::new(len).ok_or(io::ErrorKind::InvalidInput)?)?;
        }
        draft[self.len..end].copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }
}

/// `value`, encoded where a large one is to lie for the parent to read. `user_code_ended` is called before any memory is given back or handed on.
///
/// # Errors
///
/// Why it cannot be encoded.
pub(crate) fn encode_result<T: Serialize + 'static>(
    codec: Codec,
    value: &T,
    end: &WorkerEnd,
    user_code_ended: impl FnOnce(),
) -> Result<Outgoing, String> {
    let mut sink = Sink::new(end);
    let (encoded, attachments) = codec.encode_out(value, &mut sink);
    user_code_ended();
    match encoded {
        Ok(()) => sink.finish(attachments),
        Err(cause) => Err(sink.abandon(cause)),
    }
}

/// The system has no memory. The sink knows what it said.
struct Refused;

/// A codec writes a byte or a number at a time, which is fast into a buffer, and slow if each write must check for room in shared
/// memory. So large results go through the buffer, too.
pub(crate) struct Sink<'a> {
    end: &'a WorkerEnd,
    /// The last bytes written: no more than [`INLINE`].
    buffer: Vec<u8>,
    /// The bytes before them.
    large: Option<Large>,
    /// The system's error. Serde's errors cannot hold it.
    refused: Option<io::Error>,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(end: &'a WorkerEnd) -> Self {
        Self { end, buffer: Vec::new(), large: None, refused: None }
    }

    /// The encoded result.
    ///
    /// # Errors
    ///
    /// When the system has no memory for it.
    pub(crate) fn finish(mut self, attachments: Vec<Attachment>) -> Result<Outgoing, String> {
        if self.large.is_some()
            && let Err(Refused) = self.empty()
        {
            return Err(self.abandon(String::new()));
        }
        let written = match self.large {
            None => Written::Small(self.buffer),
            Some(large) => Written::Large(large),
        };
        Ok(Outgoing { written, attachments })
    }

    /// Leaves its memory to the next. Returns what the system said, where it refused any, in place of what the codec made of that.
    pub(crate) fn abandon(self, cause: String) -> String {
        if let Some(large) = self.large {
            self.end.give_back(large);
        }
        self.refused.map_or(cause, |error| no_memory(&error))
    }

    #[inline]
    fn push(&mut self, byte: u8) -> Result<(), Refused> {
        if self.buffer.len() >= INLINE {
            self.empty()?;
        }
        self.buffer.push(byte);
        Ok(())
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        if self.buffer.len() + bytes.len() > INLINE {
            self.empty()?;
            if bytes.len() > INLINE {
                return self.write(bytes);
            }
        }
        write_behind(&mut self.buffer, bytes);
        Ok(())
    }

    /// Writes the buffer to the memory.
    #[cold]
    fn empty(&mut self) -> Result<(), Refused> {
        let mut buffer = mem::take(&mut self.buffer);
        let written = self.write(&buffer);
        buffer.clear();
        self.buffer = buffer;
        written
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.try_write(bytes).map_err(|error| {
            self.end.is_short();
            self.refused = Some(error);
            Refused
        })
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let large = match &mut self.large {
            Some(large) => large,
            none => none.insert(self.end.take(FIRST.max(bytes.len()))?),
        };
        large.extend(bytes)
    }
}

impl Restart for Sink<'_> {
    fn restart(&mut self) {
        self.buffer.clear();
        if let Some(large) = &mut self.large {
            large.len = 0;
        }
    }
}

impl Output for Sink<'_> {
    #[inline]
    fn push(&mut self, byte: u8) -> Result<(), Fault> {
        Sink::push(self, byte).map_err(|Refused| no_room())
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        Sink::extend(self, bytes).map_err(|Refused| no_room())
    }
}

/// In place of which the sink says what the system said.
#[cold]
fn no_room() -> Fault {
    Fault::new("there is no room for it")
}
