//! A file in which jobs note that they ran, each by one append, from whatever process.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Directory;

/// The test's side.
#[derive(Debug)]
pub struct EventLog {
    directory: Directory,
}

impl EventLog {
    /// An empty log, in a temporary file.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        Self { directory: Directory::new() }
    }

    /// Returns the end that a job writes to.
    pub fn writer(&self) -> Writer {
        Writer { path: self.directory.path().join("log") }
    }

    /// Returns the numbers that jobs wrote, in the order of the writes.
    ///
    /// # Panics
    ///
    /// If the last entry is incomplete, because a process died while it wrote.
    pub fn entries(&self) -> Vec<u64> {
        let bytes = fs::read(self.writer().path).unwrap_or_default();
        let (entries, rest) = bytes.as_chunks();
        assert!(rest.is_empty(), "an entry is incomplete");
        entries.iter().map(|entry| u64::from_le_bytes(*entry)).collect()
    }

    /// Returns the entries in ascending order.
    pub fn sorted(&self) -> Vec<u64> {
        let mut entries = self.entries();
        entries.sort_unstable();
        entries
    }
}

/// The job's end of an [`EventLog`]. It can move to another process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Writer {
    path: PathBuf,
}

impl Writer {
    /// Adds an entry.
    ///
    /// # Panics
    ///
    /// If the file cannot be written.
    pub fn write(&self, number: u64) {
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path).expect("the log can be opened");
        file.write_all(&number.to_le_bytes()).expect("the log can be written");
    }
}
