//! Large pages for files of memory: to make one takes a tenth of the time that its 512 small ones take.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{fstat, ftruncate};
use rustix::io::pwrite;

use super::mapping::{Advice, Mapping};
use crate::ipc::large_pages::PAGE;

/// Whether the kernel never makes them: it is older than Linux 6.1, or is set up so.
static IS_REFUSED: AtomicBool = AtomicBool::new(false);

/// Whether the kernel may make large pages in files of memory.
pub(super) fn is_possible() -> bool {
    // Relaxed: it carries no data, and a late answer costs time only.
    !IS_REFUSED.load(Ordering::Relaxed)
}

/// Makes the memory from `start` on in large pages, as far as there are some, and lengthens the file to `start + len` bytes if it is shorter. Nothing
/// of use may be written there yet. The rest is left to be made in small pages.
pub(super) fn make(file: &OwnedFd, start: usize, len: usize) {
    let Some(end) = start.checked_add(len) else { return };
    let (first, last) = (start / PAGE * PAGE, end / PAGE * PAGE);
    if len < PAGE || !is_possible() {
        return;
    }
    let Some(len) = NonZeroUsize::new(last - first) else { return };
    match try_make(file, first, start, end, len) {
        // Relaxed: as above.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => IS_REFUSED.store(true, Ordering::Relaxed),
        // The memory is too scattered, or too little is left: what was made stays.
        _ => {}
    }
}

fn try_make(file: &OwnedFd, first: usize, start: usize, end: usize, len: NonZeroUsize) -> io::Result<()> {
    if usize::try_from(fstat(file)?.st_size).unwrap_or_default() < end {
        ftruncate(file, end as u64)?;
    }
    // The kernel makes large pages only where there is a small one.
    for page in (first..first + len.get()).step_by(PAGE) {
        pwrite(file, &[0], page.max(start) as u64)?;
    }
    Mapping::new(file, first, len, false)?.advise(0, Advice::Collapse)
}
