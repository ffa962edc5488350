//! A child process, from its start until it is reaped. The one place that holds process ids, and sends signals.
//!
//! A pid names a process only until that is reaped; afterwards it may name a stranger. So the lock that guards the exit is held
//! while a signal is sent, and while the child is reaped.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::Exit;
use ipc_channel::ipc::IpcSender;
use parking_lot::{Condvar, Mutex, MutexGuard};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};

use crate::frame::{Greeting, Reply};
use crate::seat::Kill;
use crate::worker::crash;
use crate::{child, watcher};

/// The pids of a pool's workers.
#[derive(Default)]
pub(crate) struct Pids(Mutex<BTreeSet<u32>>);

impl Pids {
    pub(crate) fn list(&self) -> Vec<u32> {
        self.0.lock().iter().copied().collect()
    }
}

/// A worker's process.
pub(crate) struct Process {
    pid: u32,
    pids: Arc<Pids>,
    state: Mutex<State>,
    gone: Condvar,
}

struct State {
    life: Life,
    /// Whether its owner waits for a message.
    is_waited_for: bool,
    wake: Wake,
}

enum Life {
    Alive,
    Gone(Ended, Option<u64>),
}

/// How a process ended. `None` where somebody else in this program has reaped it.
pub(crate) type Ended = Option<Exit>;

/// How to wake the thread that owns the process, should that wait for a message.
enum Wake {
    Nobody,
    /// It waits for somebody to connect to this name.
    Connect(String),
    Post(IpcSender<Reply>),
}

impl Process {
    /// Starts `command`, which will connect to `server`. If it has not done so by the end of `limit`, it is killed.
    ///
    /// # Errors
    ///
    /// When the system refuses a process, a descriptor or a thread.
    pub(crate) fn spawn(
        command: &mut Command,
        server: &str,
        limit: Duration,
        pids: &Arc<Pids>,
    ) -> io::Result<Arc<Self>> {
        let mut child = command.spawn()?;
        match Self::watched(&mut child) {
            Ok((pid, descriptor)) => {
                let wake = Wake::Connect(server.to_owned());
                let state = State { life: Life::Alive, is_waited_for: false, wake };
                let (pids, gone) = (Arc::clone(pids), Condvar::new());
                let process = Arc::new(Self { pid, pids, state: Mutex::new(state), gone });
                if let Err(error) = watcher::watch(&process, descriptor, limit) {
                    process.kill();
                    process.bury();
                    return Err(error);
                }
                Ok(process)
            }
            Err(error) => {
                // It is not reaped yet, so its pid is its own.
                drop(child.kill());
                drop(child.wait());
                Err(error)
            }
        }
    }

    fn watched(child: &mut Child) -> io::Result<(u32, OwnedFd)> {
        let pid = child.id();
        Ok((pid, pidfd_open(raw(pid), PidfdFlags::empty())?))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// It said hello: from now on, its death is posted to `wake`.
    pub(crate) fn connected(&self, wake: IpcSender<Reply>) {
        let mut state = self.state.lock();
        if matches!(state.life, Life::Alive) {
            self.pids.0.lock().insert(self.pid);
            let before = std::mem::replace(&mut state.wake, Wake::Post(wake));
            drop(state);
            drop(before);
            watcher::connected(self.pid);
        }
    }

    /// From now until [`stop_waiting`](Process::stop_waiting) its death is posted. False if it has died.
    pub(crate) fn start_waiting(&self) -> bool {
        let mut state = self.state.lock();
        state.is_waited_for = true;
        matches!(state.life, Life::Alive)
    }

    /// Its owner has what it waited for.
    pub(crate) fn stop_waiting(&self) {
        self.state.lock().is_waited_for = false;
    }

    /// Whether it has died, and was reaped.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.state.lock().life, Life::Gone(..))
    }

    /// The most memory that it held, in bytes, once it is gone: as the system counts, which includes what this process held when
    /// it started that one.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        match self.state.lock().life {
            Life::Gone(_, peak_memory) => peak_memory,
            Life::Alive => None,
        }
    }

    /// Asks the thread that runs its jobs to write down where it is. False if it is gone.
    pub(crate) fn ask_where(&self) -> bool {
        let state = self.state.lock();
        matches!(state.life, Life::Alive) && child::signal_first_thread(self.pid, crash::where_signal())
    }

    fn signal(&self, state: &MutexGuard<'_, State>) {
        if let Life::Alive = state.life {
            // Errors mean that there is nothing left to kill: a zombie stays until we reap it.
            let _ = kill_process_group(raw(self.pid), Signal::KILL);
            // A job may have moved it to another group.
            let _ = kill_process(raw(self.pid), Signal::KILL);
        }
    }

    /// Blocks until it is reaped, and says how it ended.
    pub(crate) fn wait(&self) -> Ended {
        let mut state = self.state.lock();
        loop {
            if let Life::Gone(ended, _) = state.life {
                return ended;
            }
            self.gone.wait(&mut state);
        }
    }

    /// As [`wait`](Process::wait), for at most `limit`. Says whether it is gone.
    pub(crate) fn wait_timeout(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.state.lock();
        while let Life::Alive = state.life {
            if self.gone.wait_until(&mut state, deadline).timed_out() {
                return matches!(state.life, Life::Gone(..));
            }
        }
        true
    }

    /// Reaps a process that has died, after what is left of its group was killed, and wakes its owner.
    pub(crate) fn bury(&self) {
        let mut state = self.state.lock();
        self.signal(&state);
        let Life::Alive = state.life else { return };
        // Off the list first: once it is reaped, its pid may be a stranger's.
        self.pids.0.lock().remove(&self.pid);
        // It has died, so this does not block.
        let (ended, peak_memory) = child::reap(self.pid);
        state.life = Life::Gone(ended, peak_memory);
        let wake = std::mem::replace(&mut state.wake, Wake::Nobody);
        let is_waited_for = state.is_waited_for;
        drop(state);
        self.gone.notify_all();
        // Without the lock: a send may wait for room, until the owner has read what is there, or let go of the receiver.
        match wake {
            Wake::Connect(server) => {
                // An error means that nobody waits there any more.
                drop(IpcSender::connect(server).and_then(|sender| {
                    sender.send(Greeting::Died).map_err(|error| io::Error::other(error.to_string()))
                }));
            }
            Wake::Post(sender) if is_waited_for => drop(sender.send(Reply::Died)),
            Wake::Post(_) | Wake::Nobody => {}
        }
    }
}

impl Kill for Process {
    /// Kills it, and what it has started in its process group.
    fn kill(&self) {
        self.signal(&self.state.lock());
    }
}

fn raw(pid: u32) -> Pid {
    i32::try_from(pid).ok().and_then(Pid::from_raw).expect("the kernel gave this pid")
}
