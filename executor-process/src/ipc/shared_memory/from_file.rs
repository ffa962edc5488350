//! A file's bytes in shared memory, as they are at one time: a mapping of the file itself could change, or end, under its readers.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{fcntl_add_seals, sendfile};
use rustix::io::Errno;

use super::{Frozen, OF_ONE_LENGTH, check_available, check_file_size, file, large};

/// Opens a regular file, and no other: the open of a pipe with a name waits for its writer.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    check_regular(&fs::metadata(path)?)?;
    File::open(path)
}

fn check_regular(found: &Metadata) -> io::Result<()> {
    if found.is_file() { Ok(()) } else { Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file")) }
}

/// A frozen copy of a regular file, or `None` if the file is empty. The kernel makes the copy, where it can.
pub(crate) fn copy_of_file(from: &File) -> io::Result<Option<Frozen>> {
    let found = from.metadata()?;
    check_regular(&found)?;
    let len = usize::try_from(found.len()).map_err(|_| ErrorKind::OutOfMemory)?;
    if len == 0 {
        return copy_as_read(from);
    }
    match copy_of_start(from, len) {
        Ok(copy) => Frozen::seal(copy).map(Some),
        // One of `/sys` tells a length that it has not, and some file systems have no such copy.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof && found.blocks() == 0 => copy_as_read(from),
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => copy_as_read(from),
        Err(error) => Err(error),
    }
}

/// The same of a file whose bytes are made as they are read, such as those of `/proc`, which have no length.
fn copy_as_read(mut from: &File) -> io::Result<Option<Frozen>> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    if bytes.is_empty() { Ok(None) } else { Frozen::copy_of(&bytes).map(Some) }
}

/// A copy of the first `len` bytes of a file, of which the bytes can be changed, but not the length.
pub(crate) fn copy_of_one_length(from: &OwnedFd, len: u64) -> io::Result<OwnedFd> {
    let len = usize::try_from(len).map_err(|_| ErrorKind::OutOfMemory)?;
    let copy = copy_of_start(from, len)?;
    fcntl_add_seals(&copy, OF_ONE_LENGTH)?;
    Ok(copy)
}

/// A copy of the first `len` bytes.
fn copy_of_start(from: impl AsFd, len: usize) -> io::Result<OwnedFd> {
    check_available(len)?;
    check_file_size(0, len)?;
    let (to, mut at) = (file()?, 0);
    large::make(&to, 0, len);
    while at < len as u64 {
        let left = len - usize::try_from(at).unwrap_or(len);
        match sendfile(&to, &from, Some(&mut at), left) {
            Ok(0) => {
                let why = format!("the file was shortened while it was read: {at} of {len} bytes are left");
                return Err(io::Error::new(ErrorKind::UnexpectedEof, why));
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(to)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::io::Write;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    #[test]
    fn copy_stays_as_it_is() {
        let mut source = tempfile();
        assert!(copy_of_file(&source).unwrap().is_none(), "it is empty");
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        source.write_all(&bytes).unwrap();
        let copy = copy_of_file(&source).unwrap().unwrap();
        source.set_len(10).unwrap();
        assert_eq!(*copy, bytes);
    }

    #[test]
    fn file_that_shrinks_is_an_error() {
        let mut source = tempfile();
        source.write_all(b"0123456789").unwrap();
        let error = copy_of_start(&source, 11).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(error.to_string(), "the file was shortened while it was read: 10 of 11 bytes are left");
    }

    #[test]
    fn only_regular_files_are_read() {
        for other in ["/", "/dev/zero"] {
            let error = copy_of_file(&File::open(other).unwrap()).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{other}");
        }
        // No process writes to it, and an open would wait for one.
        let pipe = std::env::temp_dir().join(format!("executor-pipe-{}", std::process::id()));
        mkfifoat(CWD, &pipe, Mode::RUSR).unwrap();
        let error = open_regular(&pipe).unwrap_err();
        fs::remove_file(&pipe).unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    /// They have no length, or one that is a guess.
    #[test]
    fn files_of_the_kernel_are_read() {
        for path in ["/proc/version", "/sys/devices/system/cpu/possible"] {
            let copy = copy_of_file(&open_regular(path.as_ref()).unwrap()).unwrap().expect("it is not empty");
            assert_eq!(*copy, fs::read(path).unwrap(), "{path}");
        }
    }

    #[test]
    fn holes_are_zeros() {
        let source = tempfile();
        source.set_len(10).unwrap();
        assert_eq!(*copy_of_file(&source).unwrap().unwrap(), [0; 10]);
    }

    /// An empty file without a name.
    fn tempfile() -> File {
        File::from(super::super::file().unwrap())
    }
}
