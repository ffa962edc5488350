//! A failed job that was kept as a file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What became of keeping a failed job as a file.
#[derive(Clone, Debug)]
pub struct Saved(Result<Arc<Path>, Arc<str>>);

impl Saved {
    /// For those who write executors: it is in this file.
    pub fn to(path: impl Into<PathBuf>) -> Self {
        Self(Ok(path.into().into()))
    }

    /// For those who write executors: it could not be written, for this reason.
    pub fn failed(reason: impl fmt::Display) -> Self {
        Self(Err(reason.to_string().into()))
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.0.as_deref().ok()
    }
}

/// The same as the end of a sentence, or nothing.
pub(super) struct Clause<'a>(pub(super) Option<&'a Saved>);

impl fmt::Display for Clause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(Saved(Ok(path))) => {
                write!(f, "; it is kept: start this program with EXECUTOR_REPLAY={} to run it alone", path.display())
            }
            Some(Saved(Err(reason))) => write!(f, "; it could not be kept as a file: {reason}"),
        }
    }
}
