//! Encodes a worker's result: a small one into a buffer that goes in the message, a large one into memory that the parent reads.

use std::io;
use std::mem;

use executor_core::bytes::{self, InOnePiece};
use serde::Serialize;

use super::outgoing::{Large, Outgoing, Written, no_memory};
use super::worker::WorkerEnd;
use crate::ipc::attachments::Attachment;
use crate::ipc::codec::{Codec, Fault, Output, Restart, write_behind};
use crate::ipc::numbers;
use crate::ipc::payload::MAX_INLINE;

/// The first memory of a result that is too large for a message.
const FIRST: usize = 1 << 20;

/// A result from encoded bytes.
///
/// # Errors
///
/// When it is large, and the system has no memory for it.
pub(crate) fn outgoing(bytes: &[u8], attachments: Vec<Attachment>, end: &WorkerEnd) -> Result<Outgoing, String> {
    let mut sink = Sink::new(end);
    match sink.extend(bytes) {
        Ok(()) => sink.finish(attachments),
        Err(Refused) => Err(sink.abandon(String::new())),
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
    if let Some((bytes, width)) = numbers::in_memory(value).filter(|(bytes, _)| bytes.len() > MAX_INLINE) {
        user_code_ended();
        return outgoing(bytes, Vec::new(), end).map(|outgoing| Outgoing { numbers: Some(width), ..outgoing });
    }
    if let Some((bytes, attachments)) = codec.encode_in_place(&InOnePiece(value), bytes::size_hint(value)) {
        user_code_ended();
        return Ok(Outgoing { written: Written::Sealed(bytes), numbers: None, attachments });
    }
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
    /// The last bytes written: no more than [`MAX_INLINE`].
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
        Ok(Outgoing { written, numbers: None, attachments })
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
        if self.buffer.len() >= MAX_INLINE {
            self.empty()?;
        }
        self.buffer.push(byte);
        Ok(())
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        if self.buffer.len() + bytes.len() > MAX_INLINE {
            if !self.buffer.is_empty() {
                self.empty()?;
            }
            if bytes.len() > MAX_INLINE {
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
