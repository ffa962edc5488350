//! Encodes a large value of a known size where the other process decodes it.

use std::num::NonZeroUsize;

use serde::Serialize;

use super::{Cause, Codec, Fault, MEMORY, Output, Restart};
use crate::ipc::attachments::Attachment;
use crate::ipc::large_pages::LARGE;
use crate::ipc::payload::{Bytes, Payload, Permit, Sealed};
use crate::ipc::shared_memory::{self, Draft};

impl Codec {
    /// `value` in shared memory of its own, if `size` tells that it is large, and is no less than its bytes. `None` also if that fails for any reason: then it
    /// is to be encoded in another way.
    pub(crate) fn encode_in_place(self, value: &impl Serialize, size: usize) -> Option<(Sealed, Vec<Attachment>)> {
        let mut place = InPlace::new(size)?;
        MEMORY.install();
        let (written, attachments) = self.write_out(value, &mut place);
        written.ok().and_then(|()| place.seal()).map(|sealed| (sealed, attachments))
    }

    /// As [`encode`](Codec::encode), of a job that waits. Its memory is of its own if `size` tells that it is large, and is no less than its bytes.
    pub(crate) fn encode_job(self, value: &impl Serialize, size: usize) -> Result<Payload, Cause> {
        let permit = if size >= LARGE { Permit::take() } else { None };
        let Some(permit) = permit else { return self.encode(value) };
        match self.encode_in_place(value, size) {
            Some((sealed, attachments)) => Ok(Payload::new(Bytes::to_send(sealed, permit), attachments)),
            None => self.encode(value),
        }
    }
}

/// New shared memory, and how much of it is written.
struct InPlace {
    draft: Draft,
    len: usize,
}

impl InPlace {
    /// Room for `size` bytes. `None` if they are few, or the system makes no such memory in a short time: then a copy costs less.
    fn new(size: usize) -> Option<Self> {
        let room = NonZeroUsize::new(size).filter(|_| shared_memory::is_better_mapped(size))?;
        let draft = Draft::new(shared_memory::file().ok()?, 0, room).ok()?;
        Some(Self { draft, len: 0 })
    }

    /// The bytes that were written. No process can change them any more.
    fn seal(self) -> Option<Sealed> {
        Some(Sealed { memory: self.draft.freeze().ok()?, len: self.len })
    }
}

impl Output for InPlace {
    fn push(&mut self, byte: u8) -> Result<(), Fault> {
        self.extend(&[byte])
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let end = self.len + bytes.len();
        let place = self.draft.get_mut(self.len..end).ok_or_else(|| Fault::new("it is larger than it said"))?;
        place.copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }
}

impl Restart for InPlace {
    fn restart(&mut self) {
        self.len = 0;
    }
}
