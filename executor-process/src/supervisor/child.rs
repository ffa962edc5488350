//! A child process, from its start until it is reaped. The one place that holds process ids, and sends signals.
//!
//! A pid names a process only until that is reaped; afterwards it may name a stranger. So the lock that guards the exit is held
//! while a signal is sent, and while the child is reaped.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::Exit;
use executor_thread::fork::Origin;
use parking_lot::{Condvar, Mutex, MutexGuard};
use rustix::process::{Signal, pidfd_send_signal};

use crate::supervisor::claims::Kill;
use crate::supervisor::lifeline::{Lifeline, arm};
use crate::supervisor::reply_receiver::ReplyReceiverEnd;
use crate::supervisor::watcher::{self, Watched};
use crate::worker::crash_handler;

mod look;
mod oom;
mod pids;
mod start;
mod sys;

use oom::OomKills;
pub(crate) use pids::{Pids, Starts};
pub(crate) use start::Started;

/// A worker's process.
pub(crate) struct Child {
    pid: u32,
    /// Names the process for ever, unlike the pid. Ready when it has died.
    pidfd: Arc<OwnedFd>,
    grace: Duration,
    pids: Arc<Pids>,
    /// The process whose child it is. One that is forked from that leaves it alone.
    origin: Origin,
    state: Mutex<State>,
    gone: Condvar,
    oom_kills: OomKills,
}

struct State {
    life: Life,
    /// Whether it lived when it was killed by us.
    is_killed: bool,
    /// Whether it was killed because it had become another program.
    is_replaced: bool,
    /// The file number of its page, once it has that.
    page: Option<u64>,
    /// Where its messages come in, once it has said hello.
    inbox: Option<ReplyReceiverEnd>,
    ending: Ending,
    lifeline: Option<Lifeline>,
}

enum Life {
    Alive,
    /// Processes that it started, and that this process adopted, may still be there.
    Reaped,
    Gone(Ended, Option<u64>),
}

/// How a process ended. `None` where somebody else in this program has reaped it.
pub(crate) type Ended = Option<Exit>;

/// How a process was told to end, which decides what follows if it does not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It is not to end.
    No,
    /// It was asked to, by the end of its channel.
    Asked,
    /// It was sent SIGTERM.
    Terminated,
}

impl Child {
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// It said hello: from now on, its death ends `inbox`. The kernel kills it when `lifeline` closes, which happens
    /// when it is gone. `page` is the file number of its page.
    pub(crate) fn connected(&self, inbox: ReplyReceiverEnd, lifeline: Lifeline, page: u64) {
        let mut state = self.state.lock();
        if matches!(state.life, Life::Alive) {
            self.pids.add(self.pid);
            state.inbox = Some(inbox);
            state.lifeline = Some(lifeline);
            state.page = Some(page);
        }
    }

    /// It takes jobs from now on, or no longer does.
    pub(crate) fn set_ready(&self, is_ready: bool) {
        self.pids.set_ready(self.pid, is_ready);
    }

    /// Whether it has died. Processes that it started may still be there.
    pub(crate) fn has_died(&self) -> bool {
        self.is_ours() && !matches!(self.state.lock().life, Life::Alive)
    }

    /// Whether it has died, and was reaped.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_ours() && matches!(self.state.lock().life, Life::Gone(..))
    }

    /// How it ended, once it is reaped.
    pub(crate) fn ended(&self) -> Option<Ended> {
        if !self.is_ours() {
            return None;
        }
        match self.state.lock().life {
            Life::Gone(ended, _) => Some(ended),
            Life::Alive | Life::Reaped => None,
        }
    }

    /// The most memory that it held, in bytes, once it is gone: as the system counts, which includes what this process held when
    /// it started that one.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        match self.state.lock().life {
            Life::Gone(_, peak_memory) => peak_memory,
            Life::Alive | Life::Reaped => None,
        }
    }

    /// More about a death by SIGKILL, once it is gone: whose doing it was, as far as that is known.
    pub(crate) fn why_killed(&self) -> Option<&'static str> {
        let state = self.state.lock();
        if state.is_replaced {
            return Some(
                "it had replaced itself by another program (`exec`), which a job cannot do; start the program with \
                 `Command::spawn`",
            );
        }
        let is_by_others = !state.is_killed && matches!(state.life, Life::Gone(Some(Exit::Signal(libc::SIGKILL)), _));
        drop(state);
        if is_by_others { self.oom_kills.why_killed() } else { None }
    }

    /// Whether it was the kernel's, most likely, because memory ran out.
    pub(crate) fn was_killed_for_memory(&self) -> bool {
        self.why_killed() == Some(oom::LIKELY)
    }

    /// The same, to follow what is said of how it ended.
    pub(crate) fn why_clause(&self) -> String {
        self.why_killed().map(|why| format!(" ({why})")).unwrap_or_default()
    }

    /// Ties its life to the lifeline of `end`, see [`arm`]. Does nothing if the process has died: the next wait tells how.
    pub(crate) fn tie_to(&self, end: &OwnedFd) -> io::Result<()> {
        let state = self.state.lock();
        let Life::Alive = state.life else { return Ok(()) };
        match arm(end, self.pid) {
            // The kernel has reaped the process (SIGCHLD is ignored), or another thread that waits for any child.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            armed => armed,
        }
    }

    /// Asks the thread that runs its jobs to write down where it is. False if it is gone.
    pub(crate) fn ask_where(&self) -> bool {
        let state = self.state.lock();
        matches!(state.life, Life::Alive)
            && sys::signal_first_thread(&self.pidfd, self.pid, crash_handler::locate_signal())
    }

    fn signal(&self, state: &MutexGuard<'_, State>, signal: Signal) {
        if let Life::Alive = state.life {
            // Where there is nothing left to kill, it is refused: a zombie stays until we reap it.
            let is_sent = sys::signal_group(&self.pidfd, self.pid, signal);
            // A job may have moved it to another group. SIGTERM comes once, since a job may count.
            if !is_sent || signal == Signal::KILL {
                let _ = pidfd_send_signal(&*self.pidfd, signal);
            }
        }
    }

    /// Its channel is closed, so it should end. If it has not at the end of `limit`, it is [`stop`](Kill::stop)ped. Does not block.
    pub(crate) fn end_within(&self, limit: Duration) {
        let mut state = self.state.lock();
        // One that was terminated has its alarm already.
        if state.ending == Ending::No {
            state.ending = Ending::Asked;
            drop(state);
            self.on_alarm(limit);
        }
    }

    /// SIGTERM for it and its group now, and SIGKILL at the end of `grace`. Does not block.
    pub(crate) fn terminate(&self, grace: Duration) {
        let mut state = self.state.lock();
        if state.ending == Ending::Terminated {
            return;
        }
        state.ending = Ending::Terminated;
        self.signal(&state, Signal::TERM);
        drop(state);
        self.on_alarm(grace);
    }

    /// Whether it is this process's child, and not that of the process from which this one was forked: there, its lock may be held for ever.
    pub(crate) fn is_ours(&self) -> bool {
        self.origin.is_here()
    }

    /// Sends SIGTERM to it and its group. Nothing follows if it does not end.
    pub(crate) fn ask_to_end(&self) {
        if !self.is_ours() {
            return;
        }
        self.signal(&self.state.lock(), Signal::TERM);
    }

    fn on_alarm(&self, limit: Duration) {
        if watcher::alarm(self, limit).is_err() {
            // No timer would ring: better too early than never.
            self.kill();
        }
    }

    /// It has closed its end of a socket. If it has become another program, nothing of its jobs is left, and it is killed. If it ends, that
    /// is told otherwise; and if a job has closed its descriptors, the job may end still.
    fn hung_up(&self) {
        let mut state = self.state.lock();
        let Some(page) = state.page else { return };
        let is_there = matches!(state.life, Life::Alive) && !sys::is_ending(self.pid);
        if is_there && !state.is_killed && !sys::has_mapped(self.pid, page) {
            (state.is_killed, state.is_replaced) = (true, true);
            self.signal(&state, Signal::KILL);
        }
    }

    /// It had the time that [`end_within`](Child::end_within) or [`terminate`](Child::terminate) gave it.
    fn time_is_up(&self) {
        let ending = self.state.lock().ending;
        match ending {
            Ending::No => {}
            Ending::Asked => self.stop(),
            Ending::Terminated => self.kill(),
        }
    }

    /// Kills the process if it is still alive, waits until it is reaped, and returns how it ended.
    pub(crate) fn kill_and_wait(&self) -> Ended {
        let mut state = self.state.lock();
        state.is_killed |= matches!(state.life, Life::Alive) && !sys::is_ending(self.pid);
        self.signal(&state, Signal::KILL);
        drop(state);
        self.wait()
    }

    /// Blocks until it is reaped, and says how it ended.
    pub(crate) fn wait(&self) -> Ended {
        if !self.is_ours() {
            return None;
        }
        let mut state = self.state.lock();
        loop {
            if let Life::Gone(ended, _) = state.life {
                return ended;
            }
            self.gone.wait(&mut state);
        }
    }

    /// Blocks until it is reaped, until `deadline` at most. Returns whether it is reaped.
    pub(crate) fn wait_until(&self, deadline: Option<Instant>) -> bool {
        if !self.is_ours() {
            return false;
        }
        let Some(deadline) = deadline else {
            self.wait();
            return true;
        };
        let mut state = self.state.lock();
        while !matches!(state.life, Life::Gone(..)) {
            if self.gone.wait_until(&mut state, deadline).timed_out() {
                return matches!(state.life, Life::Gone(..));
            }
        }
        true
    }

    /// Reaps a process that has died, after what is left of its group was killed, and wakes its owner.
    fn reap(&self) {
        let mut state = self.state.lock();
        self.signal(&state, Signal::KILL);
        let Life::Alive = state.life else { return };
        // Off the list first: once it is reaped, its pid may be a stranger's.
        self.pids.remove(self.pid);
        // It has died, so this does not block.
        let (ended, peak_memory) = sys::reap(&self.pidfd);
        state.life = Life::Reaped;
        drop(state);
        // Not under the lock, which a time limit needs.
        sys::reap_group(self.pid);
        let mut state = self.state.lock();
        state.life = Life::Gone(ended, peak_memory);
        let (inbox, lifeline) = (state.inbox.take(), state.lifeline.take());
        drop(state);
        self.gone.notify_all();
        drop(lifeline);
        // Not a message: for that, the owner might have to make room first, and it may be in code of a user's.
        if let Some(inbox) = inbox {
            inbox.end();
        }
    }
}

impl Kill for Child {
    /// Kills it, and what it has started in its process group.
    fn kill(&self) {
        if !self.is_ours() {
            return;
        }
        let mut state = self.state.lock();
        state.is_killed |= matches!(state.life, Life::Alive);
        self.signal(&state, Signal::KILL);
    }

    /// Kills it at the end of its grace. At once where it has none.
    fn stop(&self) {
        if self.is_ours() {
            if self.grace.is_zero() { self.kill() } else { self.terminate(self.grace) }
        }
    }
}

impl Watched for Child {
    fn pid(&self) -> u32 {
        Self::pid(self)
    }

    fn on_death(&self) {
        self.reap();
    }

    fn on_timer(&self) {
        self.time_is_up();
    }

    fn on_hang_up(&self) {
        self.hung_up();
    }
}
