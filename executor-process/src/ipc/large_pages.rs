//! Large pages for large buffers. Unsafe, because the kernel is advised on memory by its address.
#![allow(unsafe_code)]

/// Buffers from this length on get them, as the arrays of `NumPy` do.
pub(crate) const LARGE: usize = 4 << 20;

/// The size of a large page on the platforms that run workers. Where pages are larger, the advice does less, or nothing.
pub(crate) const PAGE: usize = 2 << 20;

/// Makes room for `more` bytes behind those of `buffer`, in large pages if the buffer is large: new memory then takes a third of the
/// time, since the kernel clears and maps it in fewer steps.
#[cold]
pub(crate) fn make_room(buffer: &mut Vec<u8>, more: usize) {
    buffer.reserve(more);
    prefer_large_pages(buffer);
}

/// A copy in large pages, if it is large.
pub(crate) fn copied(bytes: &[u8]) -> Vec<u8> {
    let mut copy = Vec::new();
    make_room(&mut copy, bytes.len());
    copy.extend_from_slice(bytes);
    copy
}

/// Asks the kernel for large pages where `buffer` is not written yet.
pub(crate) fn prefer_large_pages<N>(buffer: &mut Vec<N>) {
    let spare = buffer.spare_capacity_mut();
    advise(spare.as_mut_ptr().cast(), size_of_val(spare));
}

/// The same for any memory that is not written yet.
pub(crate) fn advise(start: *mut u8, len: usize) {
    if len < LARGE {
        return;
    }
    let skipped = start.align_offset(PAGE);
    let len = len.saturating_sub(skipped) / PAGE * PAGE;
    // SAFETY: the advice changes the size of pages, and no byte. If it is refused, also where nothing is mapped, pages stay as they are.
    unsafe { libc::madvise(start.wrapping_add(skipped).cast(), len, libc::MADV_HUGEPAGE) };
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn advised_memory_keeps_its_bytes() {
        for room in [10, LARGE, 3 * LARGE + 1] {
            let mut buffer = vec![7; 5];
            make_room(&mut buffer, room);
            assert!(buffer.capacity() >= 5 + room);
            buffer.resize(5 + room, 8);
            make_room(&mut buffer, room);
            assert!(buffer[..5] == [7; 5] && buffer[5..].iter().all(|&byte| byte == 8));
        }
    }
}
