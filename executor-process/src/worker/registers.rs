//! The registers at the time of a signal. Unsafe, because it reads the kernel's copy.
#![allow(unsafe_code)]

use std::ffi::c_void;

#[derive(Clone, Copy)]
pub(super) struct Registers {
    /// The instruction that was running, or 0 where that is not known.
    pub(super) program_counter: usize,
    pub(super) stack_pointer: usize,
    /// Where the caller's address is, on machines that keep it in a register.
    link: Option<usize>,
}

impl Registers {
    /// `context` is what the kernel gave to a handler with `SA_SIGINFO`.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn of(context: *mut c_void) -> Self {
        // SAFETY: the kernel saved the registers there.
        let registers = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
        let word = |index: libc::c_int| registers[usize::try_from(index).unwrap_or_default()].cast_unsigned();
        let address = |index| usize::try_from(word(index)).unwrap_or_default();
        Self { program_counter: address(libc::REG_RIP), stack_pointer: address(libc::REG_RSP), link: None }
    }

    /// `context` is what the kernel gave to a handler with `SA_SIGINFO`.
    #[cfg(target_arch = "aarch64")]
    pub(super) fn of(context: *mut c_void) -> Self {
        // SAFETY: the kernel saved the registers there.
        let saved = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
        let address = |word: u64| usize::try_from(word).unwrap_or_default();
        Self {
            program_counter: address(saved.pc),
            stack_pointer: address(saved.sp),
            link: Some(address(saved.regs[30])),
        }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn of(_: *mut c_void) -> Self {
        Self { program_counter: 0, stack_pointer: 0, link: None }
    }

    /// The address that the function returns to, if it has done nothing yet.
    pub(super) fn caller(self) -> Option<usize> {
        self.link.or_else(|| read_word(self.stack_pointer).ok())
    }
}

/// Why a word of memory cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// There is nothing.
    Nothing,
    /// The system does not tell.
    Unknown,
}

/// Reads memory at any address, mapped or not. Async-signal-safe.
pub(super) fn read_word(address: usize) -> Result<usize, Unread> {
    let mut word = 0_usize;
    let len = size_of::<usize>();
    let to = libc::iovec { iov_base: (&raw mut word).cast(), iov_len: len };
    let from = libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: len };
    // SAFETY: the kernel writes to `word`, and fails where there is nothing to read.
    let read = unsafe { libc::process_vm_readv(libc::getpid(), &raw const to, 1, &raw const from, 1, 0) };
    if usize::try_from(read) == Ok(len) {
        return Ok(word);
    }
    let is_nothing = std::io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT);
    Err(if is_nothing { Unread::Nothing } else { Unread::Unknown })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn any_address_can_be_tried() {
        let word = 0x1234_usize;
        let read = read_word((&raw const word).addr());
        // Some sandboxes forbid the question.
        if read != Err(Unread::Unknown) {
            assert_eq!(read, Ok(word));
            assert_eq!(read_word(16), Err(Unread::Nothing));
            assert_eq!(read_word(usize::MAX - 7), Err(Unread::Nothing));
        }
    }
}
