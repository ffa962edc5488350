//! What the system says of a child process, and the standard library does not ask. Unsafe, because it calls the system with a process id
//! that must be a child's; whoever calls holds the lock under which it is one.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::fs;
use std::io;
use std::mem::zeroed;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use executor_core::Exit;

/// Reaps a child that has died: how it ended, and the most memory that it held, in bytes. Blocks while it lives. `None` where
/// somebody else has reaped it.
pub(crate) fn reap(pid: u32) -> (Option<Exit>, Option<u64>) {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return (None, None) };
    let mut status: c_int = 0;
    // SAFETY: all zeros is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { zeroed() };
    loop {
        // SAFETY: it writes to these two, and reaps this child, which is ours and nobody else's to wait for.
        if unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) } == pid {
            break;
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return (None, None);
        }
    }
    let status = ExitStatus::from_raw(status);
    let exit = status.code().map(Exit::Code).or_else(|| status.signal().map(Exit::Signal));
    // In kilobytes on Linux (getrusage(2)).
    let peak_memory = u64::try_from(usage.ru_maxrss).ok().map(|kilobytes| kilobytes * 1024);
    (exit, peak_memory)
}

/// Whether a child that is not reaped has begun to end, or has ended.
pub(crate) fn is_ending(pid: u32) -> bool {
    /// In the kernel's flags of a task (`PF_EXITING`): set before it closes its descriptors.
    const EXITING: u64 = 4;
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // The name, in brackets, may hold anything. Behind it, the 7th field is the flags (proc_pid_stat(5)).
    let flags = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(6)?.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & EXITING != 0)
}

/// Sends `signal` to the first thread of a child. False if that is not there.
pub(crate) fn signal_first_thread(pid: u32, signal: c_int) -> bool {
    // SAFETY: plain system call. The first thread of a process has the number of the process, which is a child's of ours
    // that is not reaped, so the number is nobody else's.
    libc::pid_t::try_from(pid).is_ok_and(|pid| unsafe { libc::syscall(libc::SYS_tgkill, pid, pid, signal) } == 0)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// The pid of a shell, which is not waited for.
    fn shell(script: &str) -> u32 {
        Command::new("/bin/sh").args(["-c", script]).spawn().map(|child| child.id()).expect("there is a shell")
    }

    #[test]
    fn a_child_that_has_ended_is_told_from_one_that_lives() {
        assert!(!is_ending(std::process::id()));
        let child = shell("exit 7");
        while !is_ending(child) {
            std::thread::yield_now();
        }
        assert_eq!(reap(child).0, Some(Exit::Code(7)));
        assert!(!is_ending(child), "there is none");
    }

    #[test]
    fn a_child_is_reaped_once_with_what_it_held() {
        let child = shell("exit 7");
        let (exit, peak_memory) = reap(child);
        assert_eq!(exit, Some(Exit::Code(7)));
        assert!(peak_memory.unwrap() > 100 * 1024);
        assert_eq!(reap(child), (None, None), "somebody has reaped it");
        assert_eq!(reap(shell("kill -9 $$")).0, Some(Exit::Signal(9)));
    }
}
