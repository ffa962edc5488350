//! System calls on a child process that the standard library does not offer. Unsafe, because they take a process id that must be a
//! child's: the caller holds the lock under which it is one.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::fmt::Display;
use std::fs;
use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, OwnedFd};

use executor_core::Exit;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid};

/// `PIDFD_SIGNAL_THREAD` and `PIDFD_SIGNAL_PROCESS_GROUP` of `linux/pidfd.h` (kernel 6.9), which libc has no name for.
const TO_THREAD: libc::c_uint = 1;
const TO_GROUP: libc::c_uint = 4;

/// The time that a killed process has to end: more than one with all memory of a machine takes, also where all cores are busy.
const LAST_MOMENTS: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// Reaps a child that has died: how it ended, and the most memory that it held, in bytes. Blocks while it lives. `None` where
/// somebody else has reaped it.
pub(crate) fn reap(pidfd: &OwnedFd) -> (Option<Exit>, Option<u64>) {
    // SAFETY: all zeros is a valid `rusage`, and a valid `siginfo_t`.
    let (mut usage, mut info): (libc::rusage, libc::siginfo_t) = unsafe { (zeroed(), zeroed()) };
    loop {
        // SAFETY: it writes to these two, and reaps this child, which is ours: no other code waits for it. The C library's function lacks
        // the usage, which the system call has (waitid(2)).
        let result = unsafe {
            libc::syscall(
                libc::SYS_waitid,
                libc::P_PIDFD,
                pidfd.as_raw_fd(),
                &raw mut info,
                libc::WEXITED,
                &raw mut usage,
            )
        };
        if result == 0 {
            break;
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return (None, None);
        }
    }
    // SAFETY: what the system says of a child has a status.
    let status = unsafe { info.si_status() };
    let exit = if info.si_code == libc::CLD_EXITED { Exit::Code(status) } else { Exit::Signal(status) };
    // In kilobytes on Linux (getrusage(2)).
    let peak_memory = u64::try_from(usage.ru_maxrss).ok().map(|kilobytes| kilobytes * 1024);
    (Some(exit), peak_memory)
}

/// Reaps what is left of the group of a child that was reaped, and was killed with it: where this process is PID 1 or a subreaper (prctl(2)),
/// it adopts them. Elsewhere it asks once, and returns.
pub(crate) fn reap_group(group: u32) {
    // Without a number, it would be the group of this process.
    let Some(pgid) = raw(group) else { return };
    loop {
        match waitid(WaitId::Pgid(Some(pgid)), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) if wait_for_member(group) => {}
            Ok(None) | Err(_) => return,
        }
    }
}

/// Waits for the death of a child that is of the group. False if there is none, or it does not end.
fn wait_for_member(group: u32) -> bool {
    let own = std::process::id();
    // Behind the state are the parent and the group.
    let is_member = |&pid: &i32| stat(pid, 1) == Some(u64::from(own)) && stat(pid, 2) == Some(u64::from(group));
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    let mut pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let Some(pidfd) = pids.find(is_member).and_then(Pid::from_raw) else { return false };
    let Ok(pidfd) = pidfd_open(pidfd, PidfdFlags::empty()) else { return false };
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&LAST_MOMENTS)).is_ok_and(|ready| ready > 0)
}

/// The pid as the system calls take it.
pub(crate) fn raw(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Sends `signal` to the group that a child has made. False if there is none.
pub(crate) fn signal_group(pidfd: &OwnedFd, pid: u32, signal: Signal) -> bool {
    match send(pidfd, signal.as_raw(), TO_GROUP) {
        Ok(()) => true,
        // An older kernel. The number is the group's as long as the child is not reaped, which it may be by the system itself (SIGCHLD ignored).
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            send(pidfd, 0, 0).is_ok() && raw(pid).is_some_and(|group| kill_process_group(group, signal).is_ok())
        }
        Err(_) => false,
    }
}

fn send(pidfd: &OwnedFd, signal: c_int, flags: libc::c_uint) -> io::Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: plain system call (pidfd_send_signal(2)), which touches no memory of ours.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, none, flags) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether a child that is not reaped has begun to end, or has ended.
pub(crate) fn is_ending(pid: u32) -> bool {
    /// In the kernel's flags of a task (`PF_EXITING`): set before it closes its descriptors.
    const EXITING: u64 = 4;
    stat(pid, 6).is_some_and(|flags| flags & EXITING != 0)
}

/// The letter of a process's state (`proc_pid_stat(5)`).
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().next()?.chars().next()
}

/// A number of what the system says of a process, by its place from 0 behind the name, which may hold anything (`proc_pid_stat(5)`).
fn stat(pid: impl Display, place: usize) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(place)?.parse().ok()
}

/// Whether a child that is not reaped has mapped the unnamed file of number `inode`. False if its mappings cannot be read.
pub(crate) fn has_mapped(pid: u32, inode: u64) -> bool {
    let Ok(maps) = fs::read_to_string(format!("/proc/{pid}/maps")) else { return false };
    let inode = inode.to_string();
    // The fifth field is the number, and behind it is the name (proc_pid_maps(5)).
    let is_it = |line: &str| line.split_whitespace().nth(4) == Some(&inode) && line.contains(" /memfd:");
    maps.lines().any(is_it)
}

/// Sends `signal` to the first thread of a child. False if that is not there.
pub(crate) fn signal_first_thread(pidfd: &OwnedFd, pid: u32, signal: c_int) -> bool {
    match send(pidfd, signal, TO_THREAD) {
        Ok(()) => true,
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            // An older kernel. The first thread of a process has the number of the process, which no other has while it is there.
            let is_there = send(pidfd, 0, 0).is_ok();
            // SAFETY: plain system call.
            let send = |pid: libc::pid_t| unsafe { libc::syscall(libc::SYS_tgkill, pid, pid, signal) } == 0;
            is_there && libc::pid_t::try_from(pid).is_ok_and(send)
        }
        Err(_) => false,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;

    use super::*;

    /// A shell, which is not waited for.
    fn shell(script: &str) -> (u32, OwnedFd) {
        let pid =
            Command::new("/bin/sh").args(["-c", script]).spawn().map(|child| child.id()).expect("there is a shell");
        let raw = raw(pid).expect("it is one");
        (pid, pidfd_open(raw, PidfdFlags::empty()).expect("it is not reaped"))
    }

    #[test]
    fn a_child_that_has_ended_is_told_from_one_that_lives() {
        assert!(!is_ending(std::process::id()));
        let (child, pidfd) = shell("exit 7");
        while !is_ending(child) {
            std::thread::yield_now();
        }
        assert_eq!(reap(&pidfd).0, Some(Exit::Code(7)));
        assert!(!is_ending(child), "there is none");
    }

    /// Where SIGCHLD is ignored, a child's number may be another process's before its death is heard.
    #[test]
    fn signals_spare_strangers_of_same_number() {
        let (dead, pidfd) = shell("exit 7");
        assert_eq!(reap(&pidfd).0, Some(Exit::Code(7)));
        let mut stranger = Command::new("sleep").arg("1000").process_group(0).spawn().expect("a system has `sleep`");
        for pid in [dead, stranger.id()] {
            assert!(!signal_group(&pidfd, pid, Signal::KILL) && !signal_first_thread(&pidfd, pid, libc::SIGKILL));
        }
        assert!(!is_ending(stranger.id()), "it is spared");
        stranger.kill().expect("it is a child");
        assert_eq!(stranger.wait().expect("it is a child").signal(), Some(libc::SIGKILL));
    }

    #[test]
    fn a_child_is_reaped_once_with_what_it_held() {
        let (_, pidfd) = shell("exit 7");
        let (exit, peak_memory) = reap(&pidfd);
        assert_eq!(exit, Some(Exit::Code(7)));
        assert!(peak_memory.unwrap() > 100 * 1024);
        assert_eq!(reap(&pidfd), (None, None), "somebody has reaped it");
        assert_eq!(reap(&shell("kill -9 $$").1).0, Some(Exit::Signal(9)));
    }
}
