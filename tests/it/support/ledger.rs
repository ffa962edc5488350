//! A file in which jobs write that they ran, each in one append, from whatever process.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Directory;

/// The test's side.
pub(crate) struct Ledger {
    directory: Directory,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self { directory: Directory::new() }
    }

    /// What a job is given to write with.
    pub(crate) fn pen(&self) -> Pen {
        Pen { path: self.directory.path().join("ledger") }
    }

    /// The numbers of the jobs that ran, in the order in which they did.
    pub(crate) fn entries(&self) -> Vec<u64> {
        let bytes = fs::read(self.pen().path).unwrap_or_default();
        let (entries, rest) = bytes.as_chunks();
        assert!(rest.is_empty(), "an entry is half written");
        entries.iter().map(|entry| u64::from_le_bytes(*entry)).collect()
    }

    /// The same, in the order of the numbers.
    pub(crate) fn sorted(&self) -> Vec<u64> {
        let mut entries = self.entries();
        entries.sort_unstable();
        entries
    }
}

/// A job's side. It can move to another process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pen {
    path: PathBuf,
}

impl Pen {
    pub(crate) fn write(&self, number: u64) {
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path).expect("the ledger can be opened");
        file.write_all(&number.to_le_bytes()).expect("the ledger can be written");
    }
}
