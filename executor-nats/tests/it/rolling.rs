//! A rolling deployment: two builds of one program serve the same namespace, and each gets the jobs of its own submitters only.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::support::servers::Server;

const NAMESPACE: &str = "rolling";
const JOBS: usize = 50;

/// A program of one of the versions, as a host or a submitter. Its input is a pipe, so it ends with the tests.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Program {
    fn start(version: u32, mode: &str, server: &Server) -> Self {
        let this = env::current_exe().expect("this program has a path");
        let profile = this.ancestors().nth(2).expect("a test lies in `deps` of its profile's directory");
        let mut command = Command::new(profile.join("examples").join(format!("version_{version}")));
        command.args([mode, &server.url(), NAMESPACE]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("cargo builds the versions with all tests");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, input, output }
    }

    fn host(version: u32, server: &Server) -> Self {
        let mut host = Self::start(version, "serve", server);
        assert_eq!(host.line(), "serving");
        host
    }

    /// Blocks until the program has printed a line.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }

    fn lines(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.line()).collect()
    }

    /// Submits a job. Returns when it is accepted.
    fn submit(&mut self, job: &str) {
        let input = self.input.as_mut().expect("it is open");
        writeln!(input, "{job}").expect("the program reads");
    }

    /// Closes the input, and returns the lines that are left and whether the program ended well.
    fn end(mut self) -> (Vec<String>, bool) {
        drop(self.input.take());
        let lines = self.output.by_ref().lines().map(|line| line.expect("text")).collect();
        let status = self.child.wait().expect("it is our child");
        (lines, status.success())
    }
}

fn versions(lines: &[String], version: u32) -> bool {
    lines.iter().filter(|line| *line != "accepted").all(|line| *line == format!("version {version}"))
}

#[test]
fn builds_serve_beside_each_other() {
    let server = Server::start();
    let (old, new) = (Program::host(1, &server), Program::host(2, &server));
    let mut submitters = [1, 2].map(|version| Program::start(version, "submit", &server));
    for _ in 0..JOBS {
        for submitter in &mut submitters {
            submitter.submit("version");
        }
    }
    for (version, submitter) in [1, 2].into_iter().zip(submitters) {
        let (lines, is_success) = submitter.end();
        assert_eq!(lines.len(), 2 * JOBS, "a line when a job is accepted, and one when it ends");
        assert!(versions(&lines, version) && is_success, "{lines:?}");
    }
    for host in [old, new] {
        assert_eq!(host.end(), (vec!["drained".to_owned()], true));
    }
}

#[test]
fn jobs_of_a_build_wait_for_its_first_host_and_are_reported() {
    let server = Server::start();
    let old = Program::host(1, &server);
    let mut submitter = Program::start(2, "submit", &server);
    submitter.submit("version");
    assert_eq!(submitter.line(), "accepted");
    assert_eq!(submitter.line(), "waiting 1 others 1");

    let new = Program::host(2, &server);
    let mut line = submitter.line();
    while line.starts_with("waiting") {
        line = submitter.line();
    }
    assert_eq!(line, "version 2");
    assert!(submitter.end().1 && old.end().1 && new.end().1);
}

#[test]
fn drained_host_finishes_its_jobs_and_takes_no_other() {
    let server = Server::start();
    let mut first = Program::host(1, &server);
    let mut submitter = Program::start(1, "submit", &server);
    submitter.submit("slow 1000");
    submitter.submit("slow 1000");
    assert_eq!(first.lines(2), ["running", "running"]);
    assert_eq!(submitter.lines(2), ["accepted", "accepted"]);
    assert_eq!(first.end(), (vec!["drained".to_owned()], true));

    let second = Program::host(1, &server);
    submitter.submit("version");
    let (lines, is_success) = submitter.end();
    assert_eq!(lines.iter().filter(|line| *line == "version 1").count(), 3, "{lines:?}");
    assert!(versions(&lines, 1) && is_success);
    assert!(second.end().1);
}
