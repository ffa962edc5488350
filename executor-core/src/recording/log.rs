//! The jobs of a recording, up to a limit.

use std::collections::VecDeque;
use std::sync::Arc;

use super::timeline::Bar;

/// How many jobs share an allocation, and are dropped together.
const CHUNK: usize = 1_000;

/// The last jobs that ended.
pub(super) struct Log {
    /// Each of [`CHUNK`] jobs, the oldest first. Shared with those that draw.
    full: VecDeque<Arc<Vec<Bar>>>,
    last: Vec<Bar>,
    dropped: u64,
    /// How many chunks are kept at most.
    most: usize,
}

impl Log {
    /// For about `limit` jobs.
    pub(super) fn new(limit: usize) -> Self {
        let most = (limit / CHUNK).max(1);
        Self { full: VecDeque::new(), last: Vec::new(), dropped: 0, most }
    }

    /// Adds a job that has ended. Returns old jobs that are to be dropped, which takes a while.
    #[must_use = "to be dropped outside of the lock"]
    pub(super) fn add(&mut self, bar: Bar) -> Option<Arc<Vec<Bar>>> {
        self.last.push(bar);
        if self.last.len() < CHUNK {
            return None;
        }
        self.full.push_back(Arc::new(std::mem::take(&mut self.last)));
        let oldest = if self.full.len() > self.most { self.full.pop_front() } else { None };
        self.dropped += oldest.as_ref().map_or(0, |jobs| jobs.len() as u64);
        oldest
    }

    /// All jobs, and how many were dropped.
    pub(super) fn all(&self) -> (Vec<Arc<Vec<Bar>>>, u64) {
        let last = Arc::new(self.last.clone());
        (self.full.iter().cloned().chain([last]).collect(), self.dropped)
    }

    /// Whether this run of a job ended lately.
    pub(super) fn has(&self, bar: &Bar) -> bool {
        let recent = self.full.back().into_iter().flat_map(|jobs| jobs.iter()).chain(&self.last);
        recent.rev().any(|ended| (ended.id, ended.attempt) == (bar.id, bar.attempt))
    }
}
