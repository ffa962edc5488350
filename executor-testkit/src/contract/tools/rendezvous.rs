//! A rendezvous at which jobs wait: a socket that the test listens on and the job connects to, from whatever process.
//!
//! A test that fails leaves no job waiting: dropping the rendezvous lets all of them go on.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Directory;

const SOCKET: &str = "rendezvous";

/// The test's end of a rendezvous, at which jobs of any process wait.
#[derive(Debug)]
pub struct Rendezvous {
    listener: UnixListener,
    directory: Directory,
}

impl Rendezvous {
    /// Makes a rendezvous, with a socket of its own.
    ///
    /// # Panics
    ///
    /// If no socket can be made in the directory for temporary files.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        let directory = Directory::new();
        let listener = UnixListener::bind(directory.path().join(SOCKET)).expect("a socket in a fresh directory");
        Self { listener, directory }
    }

    /// Returns the job's end.
    pub fn arrival(&self) -> Arrival {
        Arrival { path: self.directory.path().join(SOCKET) }
    }

    /// Blocks until a job arrives.
    ///
    /// # Panics
    ///
    /// If the job's process dies before it has sent the job's number.
    pub fn accept(&self) -> Waiter {
        let (mut stream, _) = self.listener.accept().expect("the socket is open");
        let mut name = [0; 12];
        stream.read_exact(&mut name).expect("a job that arrives sends its number");
        let (number, pid) = name.split_at(8);
        Waiter {
            number: u64::from_le_bytes(number.try_into().expect("eight bytes")),
            pid: u32::from_le_bytes(pid.try_into().expect("four bytes")),
            stream,
        }
    }

    /// Blocks until `n` jobs wait at the same time.
    pub fn accept_all(&self, n: usize) -> Vec<Waiter> {
        (0..n).map(|_| self.accept()).collect()
    }
}

/// The job's end of a [`Rendezvous`]. It can move to another process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arrival {
    path: PathBuf,
}

impl Arrival {
    /// Blocks until the [`Waiter`] that [`accept`](Rendezvous::accept) returns is dropped, or the rendezvous is.
    pub fn arrive(&self, number: u64) {
        let Ok(mut stream) = UnixStream::connect(&self.path) else { return };
        let mut name = number.to_le_bytes().to_vec();
        name.extend(std::process::id().to_le_bytes());
        // An error means that the rendezvous was dropped, and so does the end of the stream.
        if stream.write_all(&name).is_ok() {
            drop(stream.read(&mut [0]));
        }
    }
}

/// A job that waits at a rendezvous. Dropping this value lets the job go on.
#[derive(Debug)]
pub struct Waiter {
    number: u64,
    pid: u32,
    stream: UnixStream,
}

impl Waiter {
    /// Returns the number that the job sent.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the id of the process that runs the job.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Blocks until the job's process dies. Does not let the job go on.
    pub fn wait_for_its_death(mut self) {
        drop(self.stream.read(&mut [0]));
    }
}
