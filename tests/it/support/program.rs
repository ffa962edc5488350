//! A program that a test runs.

use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Sooner than a test is given up, so that a program that hangs does not outlive the test that fails by it.
const LIMIT: Duration = Duration::from_mins(1);

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
