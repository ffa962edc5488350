//! A program that a test runs: another one, or this one in another role.

use std::env;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Sooner than a test is given up, so that a program that hangs does not outlive the test that fails by it.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs it to its end, or to that of its time: then its status tells that it was killed.
pub(crate) fn output(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).expect("a descriptor for the process");
    let (ended, end) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if let Err(RecvTimeoutError::Timeout) = end.recv_timeout(LIMIT) {
            pidfd_send_signal(process, Signal::KILL).expect("nobody has waited for it");
        }
    });
    let output = child.wait_with_output().expect("its output can be read");
    drop(ended);
    watch.join().expect("it does not panic");
    output
}

/// The variable that gives this program a role.
const ROLE: &str = "EXECUTOR_TEST_ROLE";

/// This program, doing `role` instead of running its tests. It must be one of [`ROLES`].
pub(crate) fn in_role(role: fn()) -> Command {
    let of = |role: fn()| ROLES.iter().position(|known| std::ptr::fn_addr_eq(*known, role));
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.args(["--exact", "none"]).env(ROLE, of(role).expect("it is one of `ROLES`").to_string());
    command
}

/// Roles of this program besides testing. None of them is a test, which would pass without having checked anything.
const ROLES: [fn(); 5] = [
    crate::processes::odd_parents::parent_in_a_group,
    crate::processes::orphans::parent,
    crate::processes::rendezvous::parent,
    crate::processes::spawned_leftovers::parent,
    crate::processes::surroundings::unlinked,
];

/// The value of a variable that the test has set for the role.
pub(crate) fn given<T: serde::de::DeserializeOwned>(variable: &str) -> T {
    let text = env::var(variable).unwrap_or_else(|error| panic!("{variable} is to be set by the test: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{variable} cannot be read: {error}"))
}

/// Does the program's role, if it has one, after a `main` that finds no test to run: pools want all constructors to have run.
extern "C" fn take_role() {
    if env::var_os(ROLE).is_some() {
        // SAFETY: it ends the process, so that nothing comes after it.
        unsafe { libc::atexit(do_role) };
    }
}

extern "C" fn do_role() {
    let role: usize = given(ROLE);
    // SAFETY: `main` has ended, and its threads with it. Without the variable, the workers have no role.
    unsafe { env::remove_var(ROLE) };
    // The thread-locals of this thread are gone.
    let outcome = thread::spawn(ROLES[role]).join();
    // SAFETY: as `main` would be left; there may be pools of the role that are in the way of another exit.
    unsafe { libc::_exit(i32::from(outcome.is_err())) };
}

#[used]
// SAFETY: the section holds pointers to functions, which may ignore what they are called with.
#[unsafe(link_section = ".init_array")]
static TAKE_ROLE: extern "C" fn() = take_role;
