//! How a job ends, as it is counted and told.

use std::cell::Cell;

use crate::error::JobError;
use crate::observe::job::JobOutcome;
use crate::sync::thread_local;

thread_local! {
    /// The worst failure of the parts of the job that returns next on this thread.
    static OF_PARTS: Cell<Option<Failure>> = const { Cell::new(None) };
}

/// How a job failed. Later variants are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// In another way: rejected, dropped, impossible to encode, or without a worker.
    Other,
    /// It panicked.
    Panicked,
    /// It exceeded a time limit.
    TimedOut,
    /// Its process died.
    Crashed,
}

impl Failure {
    /// Returns the kind of the error. `None` for a cancel.
    pub fn of(error: &JobError) -> Option<Self> {
        match error {
            JobError::Cancelled(_) => None,
            JobError::Panicked(_) => Some(Self::Panicked),
            JobError::TimedOut(_) => Some(Self::TimedOut),
            JobError::Crashed(_) => Some(Self::Crashed),
            JobError::Rejected(_) | JobError::Codec(_) | JobError::Broken(_) | JobError::Failed(_) => Some(Self::Other),
        }
    }
}

/// How a job counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Completed,
    Cancelled,
    Failed(Failure),
}

impl Ending {
    /// Of a job of several parts, a result counts as the worst failure of those.
    #[inline]
    pub(crate) fn of(outcome: Result<(), &JobError>, of_parts: Option<Failure>) -> Self {
        match outcome {
            Ok(()) => of_parts.map_or(Self::Completed, Self::Failed),
            Err(error) => Failure::of(error).map_or(Self::Cancelled, Self::Failed),
        }
    }
}

impl JobOutcome {
    /// Returns the kind of an outcome. A result counts as the worst failure of the job's parts, if there is one.
    pub fn of(outcome: Result<Option<Failure>, &JobError>) -> Self {
        let of_parts = outcome.unwrap_or_default();
        Ending::of(outcome.map(drop), of_parts).into()
    }
}

impl From<Ending> for JobOutcome {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Completed => Self::Completed,
            Ending::Cancelled => Self::Cancelled,
            Ending::Failed(Failure::Panicked) => Self::Panicked,
            Ending::Failed(Failure::TimedOut) => Self::TimedOut,
            Ending::Failed(Failure::Crashed) => Self::Crashed,
            Ending::Failed(Failure::Other) => Self::Failed,
        }
    }
}

/// Makes the job that is about to return on this thread count as this failure, which is the worst of its parts.
pub fn returns_with(failure: Option<Failure>) {
    OF_PARTS.with(|of_parts| of_parts.set(failure));
}

/// Takes the failure that [`returns_with`] set for the job that has returned.
#[inline]
pub(crate) fn take_failure_of_parts() -> Option<Failure> {
    OF_PARTS.with(Cell::take)
}
