//! The example that prints reports on a signal.

use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStderr, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::examples::example;
use crate::support::within_patience;

/// Sends the lines, until none comes any more.
fn lines(stderr: ChildStderr) -> mpsc::Receiver<String> {
    let (send, lines) = mpsc::channel();
    thread::spawn(move || {
        BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| send.send(line).unwrap_or_default());
    });
    lines
}

#[test]
fn signal_prints_reports_of_the_pools() {
    within_patience(|| {
        let mut command = example("dump_on_signal");
        let mut program = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(program.stdout.take().expect("it is piped"));
        let mut first = String::new();
        stdout.read_line(&mut first).expect("it prints a line");
        assert_eq!(first.trim_end(), format!("stuck, as process {}", program.id()));
        let lines = lines(program.stderr.take().expect("it is piped"));
        let pid = Pid::from_child(&program);
        // A stack is shown after a second, so it asks again and again.
        let mut text = String::new();
        while !["which was not completed", "at dump_on_signal::search"].iter().all(|words| text.contains(words)) {
            kill_process(pid, Signal::USR1).expect("it runs");
            text = (0..2)
                .map(|_| lines.iter().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"))
                .collect();
        }
        for words in ["ThreadPool `io`: open", "`ask the database`, submitted at", "ProcessPool `search`", "`3n-1`"] {
            assert!(text.contains(words), "{words:?} is not in\n{text}");
        }
        drop(program.stdin.take());
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).expect("it ends");
        assert!(program.wait().expect("it ends").success());
        assert_eq!(rest, "the answer is 42\n");
    });
}
