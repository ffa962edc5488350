//! A mapping of a file that other processes may map, too.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

use rustix::param::page_size;

use crate::ipc::large_pages::PAGE;

/// How often to look for a place: another thread may map something there first.
const PLACES_TRIED: usize = 4;

/// Maps a part of a file where the kernel can use a large page for each large page of the file: otherwise it maps them in small steps, which takes
/// three times as long. It is accessed by pointers only.
pub(super) struct Mapping {
    start: *mut u8,
    len: NonZeroUsize,
}

// SAFETY: it is an address and a length. The memory there belongs to no thread, and each access says why no other code writes there.
unsafe impl Send for Mapping {}
// SAFETY: as above; no method of a shared reference accesses the memory.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// `len` bytes of `file` from `offset` on, a multiple of the page size. Accessing those beyond the end of the file causes a SIGBUS.
    ///
    /// # Errors
    ///
    /// When the system refuses it.
    pub(super) fn new(file: &OwnedFd, offset: usize, len: NonZeroUsize, is_written: bool) -> io::Result<Self> {
        let protection = libc::PROT_READ | if is_written { libc::PROT_WRITE } else { 0 };
        let from = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let map = |place: *mut u8, flags| {
            // SAFETY: the place is the kernel's choice, or one where the kernel maps only if nothing is mapped there.
            mapped(unsafe {
                libc::mmap(place.cast(), len.get(), protection, libc::MAP_SHARED | flags, file.as_raw_fd(), from)
            })
        };
        let anywhere = || map(ptr::null_mut(), 0);
        let start = if len.get() < PAGE {
            anywhere()?
        } else {
            let at_a_place = |_| map(at_large_page(offset % PAGE, len.get()).ok()?, libc::MAP_FIXED_NOREPLACE).ok();
            // There may be no room for the addresses around it.
            (0..PLACES_TRIED).find_map(at_a_place).map_or_else(anywhere, Ok)?
        };
        Ok(Self { start, len })
    }

    pub(super) fn start(&self) -> *mut u8 {
        self.start
    }

    pub(super) fn len(&self) -> usize {
        self.len.get()
    }

    /// Gives the kernel advice on the bytes from `from` on, which is no more than the length.
    ///
    /// # Errors
    ///
    /// When the kernel does not know the advice, or cannot follow it.
    pub(super) fn advise(&self, from: usize, advice: Advice) -> io::Result<()> {
        let from = from / page_size() * page_size();
        let start = self.start.wrapping_add(from).cast();
        // SAFETY: it is a part of this mapping, and the advice changes no byte.
        let result = unsafe { libc::madvise(start, self.len() - from, advice as libc::c_int) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's, and is not used any more.
        unsafe { libc::munmap(self.start.cast(), self.len()) };
    }
}

/// Advice that changes no byte.
#[derive(Clone, Copy)]
pub(super) enum Advice {
    /// Map all pages at once rather than one by one as they are touched. From Linux 5.14 on.
    PopulateRead = libc::MADV_POPULATE_READ as isize,
    PopulateWrite = libc::MADV_POPULATE_WRITE as isize,
    /// Make large pages of small ones. From Linux 6.1 on.
    Collapse = libc::MADV_COLLAPSE as isize,
}

/// A place for `len` bytes that begins `skew` bytes after the start of a large page. Nothing was mapped there just now.
fn at_large_page(skew: usize, len: usize) -> io::Result<*mut u8> {
    let room = len.checked_add(PAGE).ok_or(io::ErrorKind::OutOfMemory)?;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: the place is the kernel's choice. Nothing can be accessed there.
    let around = mapped(unsafe { libc::mmap(ptr::null_mut(), room, libc::PROT_NONE, flags, -1, 0) })?;
    // Not mapped over: a mapping over another one that fails may have removed that one, and another thread may be there by now.
    // SAFETY: the room was made here. A failure leaves some addresses unused.
    unsafe { libc::munmap(around.cast(), room) };
    let before = skew.wrapping_sub(around.addr()) % PAGE;
    Ok(around.wrapping_add(before))
}

fn mapped(place: *mut libc::c_void) -> io::Result<*mut u8> {
    if place == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(place.cast()) }
}
