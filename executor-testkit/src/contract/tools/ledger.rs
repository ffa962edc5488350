//! A file in which jobs write that they ran, each in one append, from whatever process.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Directory;

/// The test's side.
#[derive(Debug)]
pub struct Ledger {
    directory: Directory,
}

impl Ledger {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        Self { directory: Directory::new() }
    }

    /// Made for a job, which writes with it.
    pub fn pen(&self) -> Pen {
        Pen { path: self.directory.path().join("ledger") }
    }

    /// The numbers of the jobs that ran, in the order in which they did.
    ///
    /// # Panics
    ///
    /// When an entry is half written: a process died over it.
    pub fn entries(&self) -> Vec<u64> {
        let bytes = fs::read(self.pen().path).unwrap_or_default();
        let (entries, rest) = bytes.as_chunks();
        assert!(rest.is_empty(), "an entry is half written");
        entries.iter().map(|entry| u64::from_le_bytes(*entry)).collect()
    }

    /// The same, in the order of the numbers.
    pub fn sorted(&self) -> Vec<u64> {
        let mut entries = self.entries();
        entries.sort_unstable();
        entries
    }
}

/// A job's side. It can move to another process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pen {
    path: PathBuf,
}

impl Pen {
    /// Adds an entry.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    pub fn write(&self, number: u64) {
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path).expect("the ledger can be opened");
        file.write_all(&number.to_le_bytes()).expect("the ledger can be written");
    }
}
