//! An outcome that is there from the start, such as that of a job that was refused.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use super::JoinState;
use super::word::Word;
use crate::control::{Control, QueuedControl};
use crate::error::{JobError, Refused, Rejection};
use crate::notify::{Captures, Notify, Watch};
use crate::observe::job::JobDescription;
use crate::panics::drop_catching;
use crate::queue_id::QueueId;
use crate::status::{JobId, Status};
use crate::sync::Mutex;

/// A job that has ended without a queue. It needs no [`Cell`](super::Cell), whose code is compiled for each type of result.
pub(crate) struct Ended<T> {
    word: Word,
    status: Status,
    outcome: Mutex<Option<Result<T, JobError>>>,
}

impl<T> Ended<T> {
    pub(crate) fn new(outcome: Result<T, JobError>) -> Self {
        let is_cancelled = matches!(outcome, Err(JobError::Cancelled(_)));
        let status = if is_cancelled { Status::Cancelled } else { Status::Done };
        Self { word: Word::new(true), status, outcome: Mutex::new(Some(outcome)) }
    }
}

impl<T: Send + 'static> JoinState<T> for Ended<T> {
    fn into_control(self: Arc<Self>) -> Arc<dyn Control> {
        self
    }

    fn take(&self) -> Option<Result<T, JobError>> {
        self.outcome.lock().take()
    }

    fn settle(&self) -> Option<bool> {
        self.outcome.lock().as_ref().map(Result::is_ok)
    }

    fn queue_id(&self) -> Option<QueueId> {
        None
    }

    fn run_here(self: Arc<Self>, _: QueueId) -> bool {
        false
    }

    fn wait(&self, _: Option<Instant>) -> bool {
        true
    }

    fn watch(&self, watch: Watch<T>) -> Result<(), Watch<T>> {
        Err(watch)
    }

    fn is_watched_by(&self, _: &Waker) -> bool {
        false
    }

    fn detach(&self) {
        drop_catching(self.take());
    }
}

impl<T: Send + 'static> Control for Ended<T> {
    fn id(&self) -> JobId {
        self.word.id()
    }

    fn status(&self) -> Status {
        self.status
    }

    fn cancel(&self) -> bool {
        self.status == Status::Cancelled
    }

    fn abort(&self) -> bool {
        if self.cancel() {
            return true;
        }
        let _outcome = self.outcome.lock(); // under which the word is written
        self.word.request_stop();
        false
    }

    fn fail(self: Arc<Self>, _: JobError) -> Option<Notify> {
        None
    }

    fn stop_requested(&self) -> bool {
        self.word.stop_requested()
    }

    fn queued(self: Arc<Self>) -> Arc<dyn QueuedControl> {
        self
    }
}

impl<T: Send + 'static> QueuedControl for Ended<T> {
    fn withdraw(self: Arc<Self>, _: JobError) -> Option<Notify> {
        None
    }

    fn expire(self: Arc<Self>, _: JobError) -> Option<(Notify, Captures)> {
        None
    }

    fn refused(&self, reason: Rejection) -> Refused {
        Refused::new(reason, None)
    }

    fn is_waiting(&self) -> bool {
        false
    }

    fn move_to(&self, _: QueueId) -> bool {
        false
    }

    fn queue_id(&self) -> Option<QueueId> {
        None
    }

    fn mark_enqueued(&self, _: Instant) {}

    fn queued_at(&self) -> Option<Instant> {
        None
    }

    fn describe(&self) -> Option<JobDescription> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::future::Future;

    #[test]
    fn an_outcome_that_is_there_cannot_be_stopped() {
        for (outcome, is_cancelled) in [(Ok(7), false), (Err(JobError::cancelled()), true)] {
            let job = Arc::new(Ended::new(outcome));
            assert_eq!((job.cancel(), job.stop_requested()), (is_cancelled, false));
            assert_eq!((job.abort(), job.stop_requested()), (is_cancelled, !is_cancelled));
            assert_eq!(job.status(), if is_cancelled { Status::Cancelled } else { Status::Done });
            assert!(job.clone().fail(JobError::cancelled()).is_none());
            assert_eq!(job.settle(), Some(!is_cancelled));
            assert!(job.take().is_some() && job.take().is_none() && job.settle().is_none());
        }
    }

    #[test]
    fn a_drop_that_panics_is_caught() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("the outcome is dropped");
            }
        }
        drop(Future::ready(Bomb));
    }
}
