//! `CPython`'s `ThreadPoolExecutor`, in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const SCRIPT: &str = include_str!("pool.py");

/// The name in the tables.
pub(crate) const NAME: &str = "CPython";

/// An interpreter that runs the script, and does nothing until it is asked to.
pub(crate) struct Python {
    process: Child,
    /// `None` once it was told to end.
    works: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// `None` where there is no interpreter.
    pub(crate) fn start() -> Option<Self> {
        let runs = |mut python: Command| python.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let mut probe = Command::new("python3");
        probe.args(["-c", "import concurrent.futures"]);
        // A stub that only offers to install one can be started, too.
        if !runs(probe).is_ok_and(|status| status.success()) {
            return None;
        }
        let mut python = Command::new("python3");
        python.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = python.spawn().ok()?;
        let (works, answers) = (process.stdin.take(), BufReader::new(process.stdout.take()?));
        Some(Self { process, works, answers })
    }

    /// Has a work measured.
    ///
    /// # Panics
    ///
    /// When the script fails, which says why on stderr.
    pub(crate) fn measure(&mut self, work: &str) -> f64 {
        let mut works = self.works.as_ref().expect("taken by drop only");
        let mut answer = String::new();
        let asked = writeln!(works, "{work}").and_then(|()| self.answers.read_line(&mut answer));
        let measured = asked.ok().and_then(|_| answer.trim().parse().ok());
        measured.unwrap_or_else(|| panic!("python3 did not measure `{work}`; it answered {answer:?}"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // The script ends at the end of its input.
        self.works = None;
        // Nothing is left to be done about an interpreter that failed.
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_measures() {
        if let Some(mut python) = Python::start() {
            assert!(python.measure("submits 2 10") > 0.0);
            assert!(python.measure("burst 2 1") > 0.0);
        }
    }
}
