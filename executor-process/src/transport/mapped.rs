//! The parent's files of payloads, mapped once they are used again.
//!
//! The first write makes the pages, and the first read is of pages that the worker has: a system call does both faster than a mapping, whose
//! pages fault. From the second on, a copy through the mapping takes a third of the time; in large pages, from the first on.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;

use super::slots::START;
use crate::ipc::numbers::{Numbers, Width};
use crate::ipc::payload::Bytes;
use crate::ipc::plain::Plain;
use crate::ipc::shared_memory::{self, Raced};

/// A file that this process writes, and its worker reads.
pub(super) struct Outbox {
    file: OwnedFd,
    /// The most bytes that were written since its memory was last given back.
    written: usize,
    /// The most bytes that were ever written.
    capacity: usize,
    mapping: Option<Raced>,
}

impl Outbox {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { file: shared_memory::scratch()?, written: 0, capacity: 0, mapping: None })
    }

    pub(super) fn file(&self) -> &OwnedFd {
        &self.file
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn unmap(&mut self) {
        (self.mapping, self.written) = (None, 0);
    }

    /// Writes all of `bytes`, of which there is at least one.
    ///
    /// # Errors
    ///
    /// When the system has no memory.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > self.written {
            self.mapping = None;
            let is_mapped = shared_memory::is_better_mapped(bytes.len());
            if is_mapped {
                shared_memory::reserve(&self.file, START, bytes.len())?;
            } else {
                shared_memory::write(&self.file, bytes, START)?;
            }
            self.written = bytes.len();
            self.capacity = self.capacity.max(bytes.len());
            if !is_mapped {
                return Ok(());
            }
        }
        if self.mapping.is_none() {
            self.mapping = map(&self.file, self.written, true);
        }
        match &self.mapping {
            Some(mapping) => mapping.write(bytes),
            None => shared_memory::write(&self.file, bytes, START)?,
        }
        Ok(())
    }
}

/// A file that a worker writes, and this process reads.
pub(super) struct Inbox {
    file: OwnedFd,
    /// The most bytes that were read since its memory was last given back.
    read: usize,
    mapping: Option<Raced>,
}

impl Inbox {
    pub(super) fn new(file: OwnedFd) -> Self {
        Self { file, read: 0, mapping: None }
    }

    pub(super) fn file(&self) -> &OwnedFd {
        &self.file
    }

    pub(super) fn unmap(&mut self) {
        (self.mapping, self.read) = (None, 0);
    }

    /// A copy of the first `len` bytes, which are encoded, or numbers of a width.
    ///
    /// # Errors
    ///
    /// When the file holds fewer, these are no whole numbers, or this process has no memory.
    pub(super) fn copy(&mut self, len: usize, numbers: Option<Width>) -> io::Result<Bytes> {
        Ok(match numbers {
            None => self.read::<u8>(len)?.into(),
            Some(Width::One) => Numbers::One(self.read(len)?).into(),
            Some(Width::Two) => Numbers::Two(self.read(len)?).into(),
            Some(Width::Four) => Numbers::Four(self.read(len)?).into(),
            Some(Width::Eight) => Numbers::Eight(self.read(len)?).into(),
        })
    }

    fn read<N: Plain>(&mut self, len: usize) -> io::Result<Vec<N>> {
        if len > self.read {
            self.mapping = None;
            let bytes = shared_memory::read(&self.file, START, len)?;
            self.read = len;
            return Ok(bytes);
        }
        // The worker may have given pages back, and a mapping would make them.
        shared_memory::check_held(&self.file, len)?;
        if self.mapping.is_none() {
            self.mapping = map(&self.file, self.read, false);
        }
        match &self.mapping {
            Some(mapping) => mapping.read(len),
            None => shared_memory::read(&self.file, START, len),
        }
    }
}

/// `None` if the worker has sent a file that cannot be mapped, or the system refuses it: then it is read and written by system calls.
fn map(file: &OwnedFd, len: usize, is_written: bool) -> Option<Raced> {
    Raced::open(file, START, NonZeroUsize::new(len)?, is_written).ok()
}
