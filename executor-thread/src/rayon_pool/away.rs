//! The crew as a handle has it.

use std::sync::{Arc, Weak};
use std::time::Instant;

use executor_core::home::HomeId;
use executor_core::tally::Tally;
use executor_core::{Rejection, Stats};

use super::crew::Crew;
use crate::fork::Origin;
use crate::runner::Queued;

/// Reaches the crew without keeping it.
#[derive(Clone)]
pub(super) struct Away {
    crew: Weak<Crew>,
    origin: Origin,
    workers: usize,
    queue: HomeId,
    delay: HomeId,
    tally: Arc<Tally>,
}

impl From<&Arc<Crew>> for Away {
    fn from(crew: &Arc<Crew>) -> Self {
        Self {
            crew: Arc::downgrade(crew),
            origin: crew.origin(),
            workers: crew.workers(),
            queue: crew.queue(),
            delay: crew.delay(),
            tally: crew.tally().clone(),
        }
    }
}

impl Away {
    /// `None` where it is gone, or this process was forked from the one that has its threads.
    fn crew(&self) -> Option<Arc<Crew>> {
        if self.origin.is_here() { self.crew.upgrade() } else { None }
    }

    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    pub(super) fn queue(&self) -> HomeId {
        self.queue
    }

    pub(super) fn delay(&self) -> HomeId {
        self.delay
    }

    pub(super) fn stats(&self) -> Stats {
        self.crew().map_or_else(|| self.tally.stats(), |crew| crew.stats())
    }

    pub(super) fn refusal(&self) -> Option<Rejection> {
        self.crew().map_or_else(|| Some(self.origin.absence()), |crew| crew.refusal())
    }

    pub(super) fn push(&self, job: Queued) -> Result<(), (Queued, Rejection)> {
        match self.crew() {
            Some(crew) => crew.push(job),
            None => Err((job, self.origin.absence())),
        }
    }

    pub(super) fn push_at(&self, when: Instant, job: Queued) -> Result<(), (Queued, Rejection)> {
        match self.crew() {
            Some(crew) => crew.push_at(when, job),
            None => Err((job, self.origin.absence())),
        }
    }

    pub(super) fn shutdown(&self, wait: bool) {
        if let Some(crew) = self.crew() {
            crew.shutdown(wait);
        }
    }
}
