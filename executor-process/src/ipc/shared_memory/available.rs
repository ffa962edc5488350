//! The memory that the system has left.

use std::fs;
use std::io::{self, ErrorKind};

/// Less than that is not looked into: to ask takes some 50 microseconds, and to make as many bytes takes a thousand times as long.
const LARGE: usize = 64 << 20;

/// Refuses more than the system has left. The kernel would give page after page until none is left, and then end processes of any program.
pub(super) fn check_available(len: usize) -> io::Result<()> {
    if len < LARGE {
        return Ok(());
    }
    // Without `/proc`, the kernel decides.
    fs::read_to_string("/proc/meminfo").map_or(Ok(()), |facts| check(len as u64, &facts))
}

/// `facts` are those of `/proc/meminfo` (`proc_meminfo(5)`).
fn check(len: u64, facts: &str) -> io::Result<()> {
    let Some(available) = bytes(facts, "MemAvailable:") else { return Ok(()) };
    let available = available.saturating_add(bytes(facts, "SwapFree:").unwrap_or(0));
    if len <= available {
        return Ok(());
    }
    let text = format!("memory ran out: {len} bytes of shared memory are wanted, and the system has {available} left");
    Err(io::Error::new(ErrorKind::OutOfMemory, text))
}

fn bytes(facts: &str, name: &str) -> Option<u64> {
    let line = facts.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_system_has_left() {
        let facts =
            "MemTotal:       24684000 kB\nMemAvailable:   2048 kB\nSwapTotal:      9 kB\nSwapFree:             1 kB\n";
        assert!(check(2049 << 10, facts).is_ok());
        let error = check((2049 << 10) + 1, facts).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        assert_eq!(
            error.to_string(),
            "memory ran out: 2098177 bytes of shared memory are wanted, and the system has 2098176 left"
        );
        assert!(check(u64::MAX, "MemTotal: 1 kB").is_ok(), "an old kernel does not say");
        assert!(check_available(isize::MAX as usize).is_err());
        assert!(check_available(LARGE - 1).is_ok());
    }
}
