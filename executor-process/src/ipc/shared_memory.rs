//! Memory that processes share, as files without a name (`memfd_create(2)`). Unsafe, because it maps them.
//!
//! A process that does not trust the other maps only sealed files (`fcntl(2)`, "File sealing"): they can no longer be changed or
//! shortened. So a slice of such a file is a slice like any other, and reading it never causes a SIGBUS.
//! Files that may change are mapped as slices in workers only, which trust their parent. The parent accesses them by system calls, or by
//! copies if they cannot be shortened.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use memmap2::{Mmap, MmapOptions, MmapRaw};
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat};
use rustix::io::{Errno, pread, pwrite};
use rustix::process::{Resource, getrlimit};

use crate::ipc::large_pages::{LARGE, prefer_large_pages};
use crate::ipc::plain::Plain;

/// The seals of a frozen file: it cannot be shortened, lengthened or written to (which includes punching holes).
const FROZEN: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::WRITE);

/// The seals of a shared file: its length is fixed, its bytes are not.
const OF_ONE_LENGTH: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW);

/// An empty file of memory, that can be sealed.
pub(crate) fn file() -> io::Result<OwnedFd> {
    sealable("executor-blob")
}

fn sealable(name: &str) -> io::Result<OwnedFd> {
    Ok(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?)
}

/// An empty file of memory, that can always be written to, and never be shortened.
pub(crate) fn scratch() -> io::Result<OwnedFd> {
    let file = sealable("executor-payload")?;
    // No other seal can be added.
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(file)
}

/// The same, with `bytes` at `start`.
pub(crate) fn scratch_of(bytes: &[u8], start: usize) -> io::Result<OwnedFd> {
    let file = scratch()?;
    write(&file, bytes, start)?;
    Ok(file)
}

/// Refuses what reaches beyond the limit of this process for files, which are these, too: the system would end the process by SIGXFSZ.
pub(crate) fn check_file_size(start: usize, len: usize) -> io::Result<()> {
    let end = start.saturating_add(len) as u64;
    match getrlimit(Resource::Fsize).current {
        Some(limit) if end > limit => Err(Errno::FBIG.into()),
        _ => Ok(()),
    }
}

/// Makes room from `start` on, with memory behind it: it is refused here, where that is an error, and not later, where it would be a
/// SIGBUS.
pub(crate) fn reserve(file: &OwnedFd, start: usize, len: usize) -> io::Result<()> {
    check_available(len)?;
    check_file_size(start, len)?;
    large::make(file, start, len);
    loop {
        match fallocate(file, FallocateFlags::empty(), start as u64, len as u64) {
            Err(Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}

/// Whether new memory for `len` bytes costs less if it is [reserved](reserve) and mapped than if it is written to by the kernel: it does in large pages.
pub(crate) fn is_better_mapped(len: usize) -> bool {
    len >= LARGE && large::is_possible()
}

/// Writes all of `bytes` at `start`, without mapping the file.
pub(crate) fn write(file: &OwnedFd, mut bytes: &[u8], start: usize) -> io::Result<()> {
    check_available(bytes.len())?;
    check_file_size(start, bytes.len())?;
    let mut at = start as u64;
    while !bytes.is_empty() {
        match pwrite(file, bytes, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                at += written as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Gives the memory of a file back, but for what comes before `start`. Its size stays, and it reads as zeros.
pub(crate) fn clear(file: &OwnedFd, start: usize) -> io::Result<()> {
    let size = u64::try_from(fstat(file)?.st_size).unwrap_or_default();
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match size.checked_sub(start as u64) {
        Some(len) if len > 0 => Ok(fallocate(file, hole, start as u64, len)?),
        _ => Ok(()),
    }
}

/// A copy of `len` bytes from `start` on, as values of `N`, made by the kernel: if another process writes to the file or shortens it meanwhile, the
/// copy is wrong or fails, and no worse.
///
/// # Errors
///
/// Also when the file holds less memory than `len` bytes take, even if its size is larger: a size costs nothing.
pub(crate) fn read<N: Plain>(file: &OwnedFd, start: usize, len: usize) -> io::Result<Vec<N>> {
    check_held(file, len)?;
    let (mut values, mut filled) = (room::<N>(len)?, 0);
    while filled < len {
        // SAFETY: there is room for `len` bytes, and nothing is read there.
        let rest: &mut [MaybeUninit<u8>] = unsafe {
            slice::from_raw_parts_mut(values.as_mut_ptr().cast::<MaybeUninit<u8>>().add(filled), len - filled)
        };
        match pread(file, rest, (start + filled) as u64) {
            Ok(([], _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok((read, _)) => filled += read.len(),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // SAFETY: as many values were written. Any bytes are a value of a `Plain` type.
    unsafe { values.set_len(len / size_of::<N>()) };
    Ok(values)
}

/// Room for `len` bytes of values, in large pages if they are many.
///
/// # Errors
///
/// When these are no whole values, or this process has no memory.
fn room<N: Plain>(len: usize) -> io::Result<Vec<N>> {
    if !len.is_multiple_of(size_of::<N>()) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{len} bytes are no whole numbers")));
    }
    let mut values = Vec::new();
    values.try_reserve_exact(len / size_of::<N>()).map_err(|_| io::ErrorKind::OutOfMemory)?;
    prefer_large_pages(&mut values);
    Ok(values)
}

/// Refuses a file that holds less memory than `len` bytes take.
pub(crate) fn check_held(file: &OwnedFd, len: usize) -> io::Result<()> {
    const BLOCK: u64 = 512;
    let held = u64::try_from(fstat(file)?.st_blocks).unwrap_or_default().saturating_mul(BLOCK);
    if held < len as u64 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it claims {len} bytes of shared memory, but holds {held}"),
        ));
    }
    Ok(())
}

/// Whether no process can shorten the file, so that reading a mapping of it never causes a SIGBUS.
pub(crate) fn cannot_shrink(file: &OwnedFd) -> bool {
    fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SealFlags::SHRINK))
}

/// Bytes that no process can change any more.
pub(crate) struct Frozen {
    mapping: Mmap,
    file: Arc<OwnedFd>,
}

impl Frozen {
    /// Maps a file whose seals say that it is frozen.
    ///
    /// # Errors
    ///
    /// When it is no such file, is empty, or holds less memory than its size says; and when the system cannot map it.
    pub(crate) fn open(file: Arc<OwnedFd>) -> io::Result<Self> {
        let not_frozen = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let seals = fcntl_get_seals(&*file).map_err(|_| not_frozen("it is not shared memory"))?;
        if !seals.contains(FROZEN) {
            return Err(not_frozen("its shared memory is not sealed: it could still change"));
        }
        let len = usize::try_from(fstat(&*file)?.st_size).unwrap_or_default();
        let len = NonZeroUsize::new(len).ok_or_else(|| not_frozen("its shared memory is empty"))?;
        // Otherwise reading it would allocate the missing pages.
        check_held(&file, len.get())?;
        // Private, since before Linux 6.7 a shared mapping of a sealed file is refused.
        // SAFETY: the seals forbid every change of the bytes and of the length, by anyone, and cannot be taken back. All of the
        // mapping lies in the file, so no page of it is missing.
        let mapping = unsafe { MmapOptions::new().len(len.get()).map_copy_read_only(&*file) }?;
        Ok(Self { mapping, file })
    }

    /// A copy of `bytes`, of which there is at least one.
    pub(crate) fn copy_of(bytes: &[u8]) -> io::Result<Self> {
        match NonZeroUsize::new(bytes.len()) {
            Some(len) if is_better_mapped(bytes.len()) => {
                let mut draft = Draft::new(file()?, 0, len)?;
                draft.copy_from_slice(bytes);
                draft.freeze()
            }
            _ => Self::written(bytes),
        }
    }

    /// The same, in small pages. That takes less time than to map them: no page is cleared before it is written, or faults.
    fn written(bytes: &[u8]) -> io::Result<Self> {
        let file = file()?;
        write(&file, bytes, 0)?;
        Self::seal(file)
    }

    fn seal(file: OwnedFd) -> io::Result<Self> {
        fcntl_add_seals(&file, FROZEN)?;
        Self::open(Arc::new(file))
    }

    pub(crate) fn file(&self) -> &Arc<OwnedFd> {
        &self.file
    }

    /// The bytes, and their file, which they do not need.
    pub(crate) fn into_parts(self) -> (Mmap, Arc<OwnedFd>) {
        (self.mapping, self.file)
    }
}

impl Deref for Frozen {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.mapping
    }
}

/// Memory that several processes write, in a file whose length is sealed: accessing it never causes a SIGBUS.
pub(crate) struct Shared(MmapRaw);

impl Shared {
    /// `len` zero bytes, and their file for sharing.
    pub(crate) fn new(len: NonZeroUsize) -> io::Result<(Self, OwnedFd)> {
        let file = sealable("executor-page")?;
        reserve(&file, 0, len.get())?;
        fcntl_add_seals(&file, OF_ONE_LENGTH)?;
        Ok((Self::map(&file, len)?, file))
    }

    /// The first `len` bytes of a file that another process has made.
    ///
    /// # Errors
    ///
    /// When its length can be changed, or it is too short; and when the system cannot map it.
    pub(crate) fn open(file: &OwnedFd, len: NonZeroUsize) -> io::Result<Self> {
        let unfit = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let seals = fcntl_get_seals(file).map_err(|_| unfit("it is not shared memory"))?;
        if !seals.contains(OF_ONE_LENGTH) {
            return Err(unfit("its shared memory is not sealed: its length could change"));
        }
        if usize::try_from(fstat(file)?.st_size).unwrap_or_default() < len.get() {
            return Err(unfit("its shared memory is too short"));
        }
        Self::map(file, len)
    }

    fn map(file: &OwnedFd, len: NonZeroUsize) -> io::Result<Self> {
        Ok(Self(MmapOptions::new().len(len.get()).map_raw(file)?))
    }

    /// Takes the place of `old`, at the same address. The memory that was there is no longer mapped.
    ///
    /// # Errors
    ///
    /// When the system refuses it.
    pub(crate) fn take_place_of(self, old: &Self) -> io::Result<()> {
        let (from, to) = (self.start().as_ptr(), old.start().as_ptr());
        debug_assert_eq!(self.0.len(), old.0.len());
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: both are mappings of the same length, and of files of a fixed length, to which others write at any time anyway. Then
        // `old` unmaps the mapping of `self`.
        let moved = unsafe { libc::mremap(from.cast(), self.0.len(), self.0.len(), flags, to) };
        if moved == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        std::mem::forget(self);
        Ok(())
    }

    /// Where it starts: at a page. All of it is there as long as `self` is, and others write to it at any time.
    pub(crate) fn start(&self) -> NonNull<u8> {
        NonNull::new(self.0.as_mut_ptr()).expect("the kernel maps nothing at null")
    }
}

/// Bytes of a file that another process writes, seen without a copy. Only a worker has them, of its parent, which it trusts: the
/// parent writes to the file only when the worker has said that it is done with it, and never shortens it.
pub(crate) struct Window {
    mapping: Mmap,
    file: Arc<OwnedFd>,
}

impl Window {
    /// `len` bytes from `offset` on, which is a multiple of the size of a page.
    pub(crate) fn new(file: Arc<OwnedFd>, offset: usize, len: NonZeroUsize) -> io::Result<Self> {
        let size = usize::try_from(fstat(&*file)?.st_size).unwrap_or_default();
        if size < offset.saturating_add(len.get()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: the range is within the file; the parent does not shorten it, nor write to it while this worker reads.
        let mapping = unsafe { MmapOptions::new().offset(offset as u64).len(len.get()).map(&*file) }?;
        Ok(Self { mapping, file })
    }

    pub(crate) fn file(&self) -> &Arc<OwnedFd> {
        &self.file
    }
}

impl Deref for Window {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.mapping
    }
}

mod available;
mod draft;
mod from_file;
mod large;
mod mapping;
mod raced;
#[cfg(all(test, not(loom)))]
mod tests;

use available::check_available;
pub(crate) use draft::Draft;
pub(crate) use from_file::{copy_of_file, copy_of_one_length, open_regular};
pub(crate) use raced::Raced;
