//! How a process becomes a child that is watched.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use executor_thread::fork::Origin;
use parking_lot::{Condvar, Mutex};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpgid, pidfd_open, pidfd_send_signal, setpgid, waitid,
};

use super::oom::OomKills;
use super::{Child, Ending, Life, Pids, State, sys};
use crate::supervisor::claims::Kill;
use crate::supervisor::watcher;

/// A child, and the descriptor that becomes ready when the process dies.
pub(crate) type Started = (Arc<Child>, Arc<OwnedFd>);

impl Child {
    /// Starts `command`. `grace` is the time that it is given to end after SIGTERM, where it is to be stopped.
    ///
    /// # Errors
    ///
    /// When the system refuses a process, a descriptor or a thread.
    pub(crate) fn spawn(command: &mut Command, grace: Duration, pids: &Arc<Pids>) -> io::Result<Started> {
        let mut child = command.spawn()?;
        match pidfd_open(sys::raw(child.id()).expect("it has one"), PidfdFlags::empty()) {
            Ok(pidfd) => Self::watched(child.id(), pidfd, grace, pids),
            Err(error) => {
                // It is not reaped yet, so its pid is its own.
                drop(child.kill());
                drop(child.wait());
                Err(error.into())
            }
        }
    }

    /// Takes on a process that was forked by a child of this process, to be a child as well, and that is in the group of that one. It gets
    /// a group of its own.
    ///
    /// # Errors
    ///
    /// When it has ended and was reaped, or is no such process. When the system refuses a descriptor, it is left to its group's end.
    pub(crate) fn adopt(pid: u32, group: u32, grace: Duration, pids: &Arc<Pids>) -> io::Result<Started> {
        let raw = sys::raw(pid).filter(|&pid| is_child_in(pid, group)).ok_or(Errno::SRCH)?;
        let pidfd = pidfd_open(raw, PidfdFlags::empty())?;
        if let Err(error) = setpgid(Some(raw), Some(raw)) {
            // Not by its number: where its group has ended meanwhile, it was reaped with that.
            let _ = pidfd_send_signal(&pidfd, Signal::KILL);
            sys::reap(&pidfd);
            return Err(error.into());
        }
        Self::watched(pid, pidfd, grace, pids)
    }

    fn watched(pid: u32, pidfd: OwnedFd, grace: Duration, pids: &Arc<Pids>) -> io::Result<Started> {
        let pidfd = Arc::new(pidfd);
        let state = State {
            life: Life::Alive,
            is_killed: false,
            is_replaced: false,
            page: None,
            inbox: None,
            ending: Ending::No,
            lifeline: None,
        };
        let death = Arc::clone(&pidfd);
        let process = Arc::new(Self {
            pid,
            pidfd,
            grace,
            pids: Arc::clone(pids),
            origin: Origin::here(),
            state: Mutex::new(state),
            gone: Condvar::new(),
            oom_kills: OomKills::around(pid),
        });
        if let Err(error) = watcher::watch(Arc::<Self>::clone(&process), Arc::clone(&death)) {
            process.kill();
            process.reap();
            return Err(error);
        }
        Ok((process, death))
    }
}

/// Whether it is a child of this process that is not reaped, and of this group.
fn is_child_in(pid: Pid, group: u32) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let is_child = waitid(WaitId::Pid(pid), options).is_ok();
    is_child && getpgid(Some(pid)).ok() == sys::raw(group)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::os::unix::process::CommandExt;

    use super::*;

    /// A template may name any process, and only those that it has forked are taken on.
    #[test]
    fn strangers_are_not_adopted() {
        let mut other = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
        let own = std::process::id();
        for (pid, group) in [(own, own), (1, 1), (other.id(), own), (0, own), (u32::MAX, own)] {
            let adopted = Child::adopt(pid, group, Duration::ZERO, &Arc::default()).map(|_| ());
            assert_eq!(adopted.unwrap_err().raw_os_error(), Some(libc::ESRCH), "{pid}");
        }
        assert_eq!(other.try_wait().unwrap(), None, "it is left alone");
        // A group cannot be changed from outside after `exec`.
        let adopted = Child::adopt(other.id(), other.id(), Duration::ZERO, &Arc::default()).map(|_| ());
        assert_eq!(adopted.unwrap_err().raw_os_error(), Some(libc::EACCES));
        assert!(other.wait().is_err(), "it was killed and reaped");
    }
}
