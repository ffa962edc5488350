//! `CPython`'s `ThreadPoolExecutor`, in a process of its own.

use std::ffi::OsStr;
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
    /// With the works of thread pools.
    pub(crate) fn start() -> Result<Self, String> {
        Self::run("python3".as_ref(), &["-c", SCRIPT])
    }

    /// Starts an interpreter.
    ///
    /// # Errors
    ///
    /// Where there is none, or one without what a script needs.
    pub(crate) fn run(interpreter: &OsStr, arguments: &[&str]) -> Result<Self, String> {
        let runs = |python: &mut Command| python.stdout(Stdio::null()).stderr(Stdio::null()).status();
        // A stub that only offers to install one can be started, too.
        if !runs(Command::new(interpreter).args(["-c", "import concurrent.futures"]))
            .is_ok_and(|status| status.success())
        {
            return Err(format!("no {} is found", interpreter.display()));
        }
        let mut python = Command::new(interpreter);
        let spawned = python.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = spawned.map_err(|error| format!("{} does not start: {error}", interpreter.display()))?;
        let answers = BufReader::new(process.stdout.take().expect("it is piped"));
        Ok(Self { works: process.stdin.take(), process, answers })
    }

    /// Has a work measured.
    ///
    /// # Errors
    ///
    /// When the script fails, which says why on stderr.
    pub(crate) fn measure(&mut self, work: &str) -> Result<f64, String> {
        let mut works = self.works.as_ref().expect("taken by drop only");
        let mut answer = String::new();
        let asked = writeln!(works, "{work}").and_then(|()| self.answers.read_line(&mut answer));
        let measured = asked.ok().and_then(|_| answer.trim().parse().ok());
        measured.ok_or_else(|| format!("python3 did not measure `{work}`; it answered {answer:?}"))
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
        if let Ok(mut python) = Python::start() {
            assert!(python.measure("submits 2 10").unwrap() > 0.0);
            assert!(python.measure("burst 2 1").unwrap() > 0.0);
        }
    }
}
