//! The crew as a handle has it.

use std::sync::{Arc, Weak};
use std::time::Instant;

use executor_core::home::HomeId;
use executor_core::tally::Tally;
use executor_core::{Rejection, Stats};

use super::crew::Crew;
use crate::pool::Queued;

/// Reaches the crew without keeping it.
#[derive(Clone)]
pub(super) struct Away {
    crew: Weak<Crew>,
    workers: usize,
    queue: HomeId,
    delay: HomeId,
    tally: Arc<Tally>,
}

impl From<&Arc<Crew>> for Away {
    fn from(crew: &Arc<Crew>) -> Self {
        Self {
            crew: Arc::downgrade(crew),
            workers: crew.workers(),
            queue: crew.queue(),
            delay: crew.delay(),
            tally: crew.tally().clone(),
        }
    }
}

impl Away {
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
        self.crew.upgrade().map_or_else(|| self.tally.stats(), |crew| crew.stats())
    }

    pub(super) fn is_open(&self) -> bool {
        self.crew.upgrade().is_some_and(|crew| crew.is_open())
    }

    pub(super) fn push(&self, job: Queued) -> Result<(), (Queued, Rejection)> {
        match self.crew.upgrade() {
            Some(crew) => crew.push(job),
            None => Err((job, Rejection::Shutdown)),
        }
    }

    pub(super) fn push_at(&self, when: Instant, job: Queued) -> Result<(), (Queued, Rejection)> {
        match self.crew.upgrade() {
            Some(crew) => crew.push_at(when, job),
            None => Err((job, Rejection::Shutdown)),
        }
    }

    pub(super) fn shutdown(&self, wait: bool) {
        if let Some(crew) = self.crew.upgrade() {
            crew.shutdown(wait);
        }
    }
}
