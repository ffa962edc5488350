//! Where a job is in its life, and what it holds there.

use std::sync::Arc;

use super::{Abort, Lease};
use crate::error::JobError;
use crate::sync::ThreadId;

pub(super) enum Stage<P, O, T> {
    Queued(P),
    /// That thread drops the payload; the outcome follows.
    Withdrawn(ThreadId),
    Running(Option<Arc<dyn Abort>>),
    /// Somebody has the payload, and may start it.
    Lent(Arc<dyn Lease>),
    Ended(Result<O, JobError>),
    Opened(Result<T, JobError>),
    Taken,
}

/// The kind of an outcome, kept after the outcome was taken.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    Other,
    /// Cancelled before it started: only then is `cancel` true.
    NeverStarted,
    Aborted,
}

impl<P, O, T> Stage<P, O, T> {
    pub(super) fn has_ended(&self) -> bool {
        matches!(self, Self::Ended(_) | Self::Opened(_) | Self::Taken)
    }

    /// The outcome, if there is one to take; `Taken` stays in its place.
    pub(super) fn take_outcome(&mut self) -> Option<Self> {
        matches!(self, Self::Ended(_) | Self::Opened(_)).then(|| std::mem::replace(self, Self::Taken))
    }
}
