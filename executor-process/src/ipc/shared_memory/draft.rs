//! Memory that this process alone writes, until it is frozen.

use std::io;
use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::os::fd::OwnedFd;
use std::slice;
use std::sync::Arc;

use rustix::fs::fcntl_add_seals;
use rustix::io::Errno;

use super::mapping::{Advice, Mapping};
use super::{FROZEN, Frozen, read, reserve};

/// Bytes of a file that this process writes, and no other.
pub(crate) struct Draft {
    mapping: Mapping,
    file: OwnedFd,
    /// Where in the file they start.
    offset: usize,
}

impl Draft {
    /// `len` zero bytes from `offset` on, a multiple of the page size. No other code may write to that part of the file.
    pub(crate) fn new(file: OwnedFd, offset: usize, len: NonZeroUsize) -> io::Result<Self> {
        reserve(&file, offset, len.get())?;
        let mapping = Mapping::new(&file, offset, len, true)?;
        let draft = Self { mapping, file, offset };
        draft.populate(0);
        Ok(draft)
    }

    /// Lengthens it to `len` bytes.
    pub(crate) fn grow(&mut self, len: NonZeroUsize) -> io::Result<()> {
        let before = self.mapping.len();
        reserve(&self.file, self.offset + before, len.get().saturating_sub(before))?;
        self.mapping = Mapping::new(&self.file, self.offset, len, true)?;
        self.populate(before);
        Ok(())
    }

    /// A failure costs the time of page faults.
    fn populate(&self, from: usize) {
        let _ = self.mapping.advise(from, Advice::PopulateWrite);
    }

    pub(crate) fn file(&self) -> &OwnedFd {
        &self.file
    }

    /// Seals it against any change. It must be the whole of its file.
    pub(crate) fn freeze(self) -> io::Result<Frozen> {
        debug_assert_eq!(self.offset, 0);
        let Self { mapping, file, .. } = self;
        let len = mapping.len();
        // The seal is refused while there is a mapping that can be written to.
        drop(mapping);
        match fcntl_add_seals(&file, FROZEN) {
            Ok(()) => Frozen::open(Arc::new(file)),
            // A process that was forked meanwhile has such a mapping, too.
            Err(Errno::BUSY) => Frozen::written(&read::<u8>(&file, 0, len)?),
            Err(error) => Err(error.into()),
        }
    }
}

impl Deref for Draft {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: all of the mapping is within the file, which no process shortens, and all bytes are valid. At most the parent of this worker has
        // the file, too, and copies from it only; so no other code writes there.
        unsafe { slice::from_raw_parts(self.mapping.start(), self.mapping.len()) }
    }
}

impl DerefMut for Draft {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and the borrow is exclusive.
        unsafe { slice::from_raw_parts_mut(self.mapping.start(), self.mapping.len()) }
    }
}
