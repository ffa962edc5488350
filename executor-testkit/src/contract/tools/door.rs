//! A door at which jobs wait: a socket that the test listens on and the job connects to, from whatever process.
//!
//! Nothing hangs on a test that fails: when the door goes, everyone who waits at it is let go.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Directory;

/// The test's side.
#[derive(Debug)]
pub struct Door {
    listener: UnixListener,
    directory: Directory,
}

impl Door {
    /// A closed one.
    ///
    /// # Panics
    ///
    /// When there can be no socket in the directory for temporary files.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        let directory = Directory::new();
        let listener = UnixListener::bind(directory.path().join("door")).expect("a socket in a fresh directory");
        Self { listener, directory }
    }

    /// Made for a job, which finds the door by it.
    pub fn bell(&self) -> Bell {
        Bell { path: self.directory.path().join("door") }
    }

    /// Blocks until a job rings.
    ///
    /// # Panics
    ///
    /// When who rings does not say who it is, as when its process dies.
    pub fn answer(&self) -> Guest {
        let (mut stream, _) = self.listener.accept().expect("the door is open");
        let mut name = [0; 12];
        stream.read_exact(&mut name).expect("who rings says who it is");
        let (number, pid) = name.split_at(8);
        Guest {
            number: u64::from_le_bytes(number.try_into().expect("eight bytes")),
            pid: u32::from_le_bytes(pid.try_into().expect("four bytes")),
            stream,
        }
    }

    /// Blocks until `n` jobs wait at the door at the same time.
    pub fn answer_all(&self, n: usize) -> Vec<Guest> {
        (0..n).map(|_| self.answer()).collect()
    }
}

/// A job's side. It can move to another process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bell {
    path: PathBuf,
}

impl Bell {
    /// Blocks until the guest that `answer` gives is dropped, or the door is.
    pub fn ring(&self, number: u64) {
        let Ok(mut stream) = UnixStream::connect(&self.path) else { return };
        let mut name = number.to_le_bytes().to_vec();
        name.extend(std::process::id().to_le_bytes());
        // An error says that the door is gone, and so does the end.
        if stream.write_all(&name).is_ok() {
            drop(stream.read(&mut [0]));
        }
    }
}

/// A job that waits at the door. Dropped, it is let go.
#[derive(Debug)]
pub struct Guest {
    number: u64,
    pid: u32,
    stream: UnixStream,
}

impl Guest {
    /// The number that the job gave.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The process in which the job runs.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Blocks until the job is gone without being let go: its process died.
    pub fn wait_for_its_death(mut self) {
        drop(self.stream.read(&mut [0]));
    }
}
