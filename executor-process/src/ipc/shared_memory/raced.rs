//! Memory that another process may write at any time.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::ptr;

use rustix::fs::{SealFlags, fcntl_get_seals, fstat, fstatfs};

use super::mapping::{Advice, Mapping};
use super::room;
use crate::ipc::plain::Plain;

/// The type that `fstatfs(2)` gives for files of `memfd_create(2)` in pages of the usual size. A file in pages that are reserved may have none left, which
/// is a SIGBUS.
const TMPFS_MAGIC: i64 = 0x0102_1994;

/// A part of a file that cannot be shortened, so accessing it never causes a SIGBUS. It is written and read by copies only: the other process
/// may change the bytes meanwhile, and a copy then has some of both.
///
/// The system calls that copy to and from a file take three times as long, once the pages are there.
pub(crate) struct Raced(Mapping);

impl Raced {
    /// Maps `len` bytes from `start` on, to be read, and to be written if `is_written`.
    ///
    /// # Errors
    ///
    /// When the file could be shortened, is too short, or is no memory; and when the system cannot map it.
    pub(crate) fn open(file: &OwnedFd, start: usize, len: NonZeroUsize, is_written: bool) -> io::Result<Self> {
        let is_sealed = fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SealFlags::SHRINK));
        let size = usize::try_from(fstat(file)?.st_size).unwrap_or_default();
        if !is_sealed || fstatfs(file)?.f_type != TMPFS_MAGIC || size < start.saturating_add(len.get()) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mapping = Mapping::new(file, start, len, is_written)?;
        // A failure costs the time of page faults.
        let _ = mapping.advise(0, if is_written { Advice::PopulateWrite } else { Advice::PopulateRead });
        Ok(Self(mapping))
    }

    /// The length.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Writes to the start.
    ///
    /// # Panics
    ///
    /// If there is no room. It must be open for writing.
    pub(crate) fn write(&self, bytes: &[u8]) {
        assert!(bytes.len() <= self.len(), "it has no room for so many bytes");
        // SAFETY: they fit. No reference to the mapping exists, and another process that accesses it meanwhile spoils bytes only.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.start(), bytes.len()) };
    }

    /// A copy of the first `len` bytes, as values of `N`.
    ///
    /// # Errors
    ///
    /// When there are fewer, or this process has no memory.
    pub(crate) fn read<N: Plain>(&self, len: usize) -> io::Result<Vec<N>> {
        if len > self.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut values = room::<N>(len)?;
        // SAFETY: the mapping has `len` bytes, and there is room for them. Any bytes are values, whatever another process writes meanwhile.
        unsafe {
            ptr::copy_nonoverlapping(self.0.start().cast_const(), values.as_mut_ptr().cast::<u8>(), len);
            values.set_len(len / size_of::<N>());
        }
        Ok(values)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::ipc::shared_memory::{file, scratch, scratch_of, write};

    const LEN: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

    #[test]
    fn both_sides_see_what_was_written() {
        let file = scratch_of(&[7; 8192], 4096).unwrap();
        let (ours, theirs) =
            (Raced::open(&file, 4096, LEN, true).unwrap(), Raced::open(&file, 4096, LEN, false).unwrap());
        assert_eq!(theirs.read::<u8>(8192).unwrap(), [7; 8192]);
        ours.write(&[8; 100]);
        assert_eq!(theirs.read::<u8>(101).unwrap(), [&[8; 100][..], &[7]].concat());
        assert_eq!(theirs.read::<u8>(8193).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn files_that_could_be_shortened_are_not_mapped() {
        let unsealed = file().unwrap();
        write(&unsealed, &[7; 8192], 0).unwrap();
        assert!(Raced::open(&unsealed, 0, LEN, false).is_err());
        let short = scratch().unwrap();
        write(&short, &[7; 8191], 0).unwrap();
        assert!(Raced::open(&short, 0, LEN, false).is_err());
        assert!(rustix::fs::ftruncate(&short, 0).is_err(), "it cannot be shortened");
        let socket = crate::ipc::socket::pair().unwrap().0;
        assert!(Raced::open(&socket, 0, LEN, false).is_err());
    }
}
