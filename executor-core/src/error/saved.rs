//! The file that a failed job was saved to.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

/// For authors of executors: the file that a failed job was saved to, or why there is none.
#[derive(Clone, Debug)]
pub struct Saved(Arc<Slot>);

type Kept = Result<PathBuf, String>;

/// A value that readers can wait for: `OnceLock::wait` needs Rust 1.86.
#[derive(Debug, Default)]
struct Slot {
    kept: OnceLock<Kept>,
    lock: Mutex<()>,
    is_set: Condvar,
}

impl Slot {
    /// Sets the value, if there is none.
    fn set(&self, kept: Kept) {
        self.kept.get_or_init(|| kept);
        // A reader that has seen no value holds the lock until it waits.
        drop(self.lock.lock());
        self.is_set.notify_all();
    }

    fn wait(&self) -> &Kept {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(kept) = self.kept.get() {
                return kept;
            }
            guard = self.is_set.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Saved {
    /// For authors of executors: it is in this file.
    pub fn to(path: impl Into<PathBuf>) -> Self {
        Self::known(Ok(path.into()))
    }

    /// For authors of executors: it could not be written, for this reason.
    pub fn failed(reason: impl fmt::Display) -> Self {
        Self::known(Err(reason.to_string()))
    }

    fn known(kept: Kept) -> Self {
        Self(Arc::new(Slot { kept: kept.into(), ..Slot::default() }))
    }

    /// For authors of executors: a file that is still being written when the error is reported. A thread that asks for the
    /// file, or prints the error, waits until the file is [`done`](Saving::done).
    pub fn later() -> (Self, Saving) {
        let saved = Self(Arc::default());
        (saved.clone(), Saving(saved))
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.0.wait().as_deref().ok()
    }
}

/// The writer's side of [`Saved::later`]. If dropped, it says that the file was not written.
#[derive(Debug)]
pub struct Saving(Saved);

impl Saving {
    /// Sets the file's path, or why it was not written.
    pub fn done(self, outcome: Result<PathBuf, String>) {
        self.0.0.set(outcome);
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        self.0.0.set(Err("the thread that writes the file has ended".to_owned()));
    }
}

/// The same as the end of a sentence, or nothing.
pub(super) struct SavedNote<'a>(pub(super) Option<&'a Saved>);

impl fmt::Display for SavedNote<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.map(|saved| saved.0.wait()) {
            None => Ok(()),
            Some(Ok(path)) => {
                write!(f, "; to run this job alone, start this program with EXECUTOR_REPLAY={}", path.display())
            }
            Some(Err(reason)) => write!(f, "; the job could not be saved for a replay: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn an_early_reader_waits_for_the_file() {
        let (saved, saving) = Saved::later();
        thread::scope(|scope| {
            let asks = scope.spawn(|| saved.path().map(Path::to_owned));
            let prints = scope.spawn(|| SavedNote(Some(&saved)).to_string());
            saving.done(Ok("/var/jobs/a.job".into()));
            assert_eq!(asks.join().unwrap(), Some("/var/jobs/a.job".into()));
            assert!(prints.join().unwrap().ends_with("EXECUTOR_REPLAY=/var/jobs/a.job"));
        });
    }

    #[test]
    fn an_unwritten_file_says_why() {
        let (saved, saving) = Saved::later();
        drop(saving);
        assert_eq!(saved.path(), None);
        let text = SavedNote(Some(&saved)).to_string();
        assert_eq!(text, "; the job could not be saved for a replay: the thread that writes the file has ended");
    }
}
