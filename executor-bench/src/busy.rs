//! A machine that does something else, too.

use std::hint::spin_loop;
use std::io::{self, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::{env, thread};

/// The argument that makes this program run busy loops; for internal use only.
pub(crate) const COMMAND: &str = "busy";

/// The number of loops: one for each of two cores.
const LOOPS: usize = 2;

/// The other work of the machine while something is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    Nothing,
    /// [`LOOPS`] that never sleep.
    Loops,
}

impl Beside {
    pub(crate) const ALL: [Self; 2] = [Self::Nothing, Self::Loops];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "quiet",
            Self::Loops => "busy",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|beside| beside.name() == name)
    }
}

/// A process whose loops run until this is dropped.
pub(crate) struct Busy {
    child: Child,
    /// It ends when this is closed. `None` once it was told to.
    input: Option<ChildStdin>,
}

impl Busy {
    pub(crate) fn start() -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?).arg(COMMAND).stdin(Stdio::piped()).spawn()?;
        Ok(Self { input: child.stdin.take(), child })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.input = None;
        // It has nothing that could fail.
        let _ = self.child.wait();
    }
}

/// Runs the loops until there is nothing more to be read.
pub(crate) fn main() -> io::Result<()> {
    for _ in 0..LOOPS {
        thread::spawn(|| {
            loop {
                spin_loop();
            }
        });
    }
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
