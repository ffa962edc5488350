//! A worker's result, encoded: a small one in a buffer, a large one in memory that the parent reads.

use std::io;
use std::num::NonZeroUsize;

use super::slots::Slot;
use crate::ipc::attachments::Attachment;
use crate::ipc::numbers::Width;
use crate::ipc::os_error::with_remedy;
use crate::ipc::payload::Sealed;
use crate::ipc::shared_memory::Draft;

/// By how much a result's memory grows, at most: half as much of it again is wasted on none.
const MOST_GROWTH: usize = 16 << 20;

/// A result, encoded.
pub(crate) struct Outgoing {
    pub(super) written: Written,
    /// If it is not encoded, but large numbers as they lie in memory: how many bytes each has.
    pub(super) numbers: Option<Width>,
    pub(super) attachments: Vec<Attachment>,
}

impl Outgoing {
    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        match &self.written {
            Written::Small(bytes) => bytes.len(),
            Written::Large(large) => large.len,
            Written::Sealed(bytes) => bytes.len,
        }
    }
}

pub(super) fn no_memory(error: &io::Error) -> String {
    format!("the worker process has no shared memory for it ({})", with_remedy(error))
}

pub(super) enum Written {
    Small(Vec<u8>),
    Large(Large),
    /// Memory of its own, of which no part will be used again.
    Sealed(Sealed),
}

/// A slot that is being written to.
pub(super) struct Large {
    pub(super) number: Option<u8>,
    pub(super) slot: Slot<Draft>,
    /// How much of it is written.
    pub(super) len: usize,
}

impl Large {
    pub(super) fn extend(&mut self, bytes: &[u8]) -> io::Result<()> {
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
