//! Programs that the tests start, which end with the tests.

use std::env;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Sender};
use std::thread;

use rustix::process::{Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal};

use super::wait_for;

/// The path of a `nats-server`.
///
/// Panics if there is none, with the command that installs it.
pub(crate) fn nats_server() -> &'static Path {
    static FOUND: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        // Empty after a script that has failed.
        if let Some(named) = env::var_os("NATS_SERVER").filter(|named| !named.is_empty()) {
            return Some(PathBuf::from(named));
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is inside of the target directory");
        let path = env::var_os("PATH").unwrap_or_default();
        let mut places = env::split_paths(&path).chain([target.join("nats-server/bin")]);
        places.find_map(|place| Some(place.join("nats-server")).filter(|program| program.is_file()))
    });
    FOUND.as_deref().expect(
        "no nats-server found: run executor-nats/servers.sh, which installs one below the target directory, \
         or name one in NATS_SERVER",
    )
}

/// A running program. Dropped, it is killed.
pub(crate) struct Program(Child);

impl Program {
    /// Starts `command` so that the kernel kills the program when this process ends, in whichever way.
    pub(crate) fn start(mut command: Command) -> Self {
        let parent = getpid();
        let die_with_parent = move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            if getppid() == Some(parent) { Ok(()) } else { Err(io::Error::other("the tests have ended")) }
        };
        // SAFETY: the closure makes two system calls, and takes no lock and no memory unless it fails.
        unsafe { command.pre_exec(die_with_parent) };
        let name = format!("{command:?}");
        let (answer, child) = mpsc::channel();
        SPAWNER.send((command, answer)).expect("the thread that starts programs never ends");
        let child = child.recv().expect("it answers");
        Self(child.unwrap_or_else(|error| panic!("{name} cannot be started: {error}")))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// How the program has ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.0.try_wait().expect("it is our child")
    }

    /// Kills the program, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("it is our child");
        self.0.wait().expect("it is our child");
    }

    /// Asks the program to end, and waits until it has.
    pub(crate) fn terminate(&mut self) {
        self.signal(Signal::TERM);
        wait_for("a program ends when it is asked to", || self.ended());
    }

    /// Stops the program where it is, until [`resume`](Self::resume).
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", self.id());
        let is_stopped = |stat: &str| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'));
        wait_for("a program stops", || fs::read_to_string(&stat).ok().filter(|stat| is_stopped(stat)));
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it is our child, and not waited for yet");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

type Order = (Command, Sender<io::Result<Child>>);

/// A thread that never ends: the kernel kills a program when the thread that started it ends, not the process.
static SPAWNER: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (sender, orders) = mpsc::channel::<Order>();
    let run = move || {
        for (mut command, answer) in orders {
            drop(answer.send(command.spawn()));
        }
    };
    thread::Builder::new().name("test-spawner".to_owned()).spawn(run).expect("a thread");
    sender
});

/// Set in a process that [`again`] makes.
const AGAIN: &str = "EXECUTOR_NATS_TEST_AGAIN";

/// This program, running one test alone. `test` is the test function itself, for its name; [`is_again`] holds in it.
pub(crate) fn again<F: Fn()>(test: F) -> Command {
    let path = std::any::type_name_of_val(&test);
    let (_, name) = path.split_once("::").expect("a path starts with its crate");
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.args(["--exact", name, "--nocapture"]).env(AGAIN, "1");
    command
}

/// Whether this process is one that another process of the tests has made, by [`again`].
pub(crate) fn is_again() -> bool {
    env::var_os(AGAIN).is_some()
}

/// Whether the process is there, and has not ended.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}
