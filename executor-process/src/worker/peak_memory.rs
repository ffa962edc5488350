//! The memory that this process has, and the most that it has held. The file of the kernel that tells it is read without allocating, so that a
//! handler of signals can. Unsafe, because it asks for what the system counts.
#![allow(unsafe_code)]

use std::mem::zeroed;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::read;

/// In bytes, of this program alone. 0 where it is not known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    /// The most that was in RAM.
    pub(super) peak: u64,
    /// The memory counted against `RLIMIT_DATA`.
    pub(super) data: u64,
}

impl Memory {
    pub(super) fn now() -> Self {
        let mut text = [0_u8; 4096];
        let Ok(file) = open(c"/proc/self/status", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else {
            return Self::default();
        };
        let len = read(&file, &mut text).unwrap_or_default();
        let bytes = |name| number_after(name, &text[..len]).unwrap_or_default().saturating_mul(1024);
        Self { peak: bytes(b"VmHWM:"), data: bytes(b"VmData:") }
    }
}

/// The bytes that the system counts as this process's peak (`getrusage(2)`) by now. In a process that has just begun, they may have been its
/// parent's: from the time between its making and its start of the program.
pub(super) fn counted() -> u64 {
    // SAFETY: all zeros is a valid `rusage`, which the call fills.
    let usage = unsafe {
        let mut usage: libc::rusage = zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    1024 * u64::try_from(usage.ru_maxrss).unwrap_or_default()
}

fn number_after(name: &[u8], text: &[u8]) -> Option<u64> {
    let at = text.windows(name.len()).position(|bytes| bytes == name)? + name.len();
    let digits =
        text[at..].iter().skip_while(|byte| byte.is_ascii_whitespace()).take_while(|byte| byte.is_ascii_digit());
    digits
        .map(|byte| u64::from(byte - b'0'))
        .try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(digit))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_in_the_kernels_text() {
        let text = b"Name:\tx\nVmPeak:\t  99 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 7 kB\n";
        assert_eq!(number_after(b"VmHWM:", text), Some(1234));
        assert_eq!(number_after(b"VmXYZ:", text), None);
        assert_eq!(number_after(b"VmHWM:", b"VmHWM: 99999999999999999999 kB"), None);
    }

    #[test]
    fn this_process_has_held_something() {
        let Memory { peak, data } = Memory::now();
        assert!(peak > 100 * 1024 && data > 100 * 1024, "{peak}, {data}");
    }
}
