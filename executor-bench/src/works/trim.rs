//! Free memory goes back to the system. Unsafe, because only the C library knows how.
#![allow(unsafe_code)]

/// Has the allocator give unused memory back to the system, if the allocator can be told to.
pub(crate) fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes a number, is safe in threads (malloc_trim(3)), and only touches memory that is free.
    unsafe {
        libc::malloc_trim(0);
    }
}
