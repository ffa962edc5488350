//! A submit that waits for a slot without a thread that waits.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use executor_core::cell::{Cell, JobKind, QueuedControl};
use executor_core::wrap::not_captured;
use executor_core::{Future, Job, Priority, Rejected, Rejection};

use crate::options::JobWithOptions;
use crate::runner::InPlace;
use crate::scheduler::{PushFuture, StartTimer, Way};
use crate::submit::{Prepared, Submitter, rejected, taken_back};

/// A std future that submits a job once the queue has room. Returned by
/// [`submit_async`](crate::ThreadHandle::submit_async). `T` is the return type of the job `J`.
///
/// It is ready with the job's [`Future`], or with [`Rejected`] if the pool is shut down first. The job is submitted when this is
/// polled, and never after this is dropped. When there is room, one waiting submitter is woken: poll this then, or drop it.
#[must_use = "the job is submitted when this is polled"]
// A parameter of its own, for `J::Output` among the fields would keep the compiler from seeing that tasks with this in them are `Send`.
pub struct SubmitAsync<J: 'static, T: 'static>(Option<Stage<J, T>>);

type Queued<J, T> = Arc<Cell<J, T, T, JobKind>>;

enum Stage<J: 'static, T: 'static> {
    /// The options say that the job waits for its time, which needs no slot.
    Delayed(Submitter, Duration, Priority, Prepared<J>),
    /// The context of the job could not be captured.
    Failed(Future<T>),
    Plain(PushFuture<InPlace>, Queued<J, T>, Future<T>),
    WithOptions(PushFuture<InPlace>, Queued<JobWithOptions<J>, T>, Future<T>, Option<StartTimer<InPlace>>),
}

/// The job is never pinned.
impl<J, T> Unpin for SubmitAsync<J, T> {}

impl<J: Job<Output = T>, T: Send + 'static> SubmitAsync<J, T> {
    #[track_caller]
    pub(crate) fn new(submitter: Submitter, job: J) -> Self {
        let scheduler = submitter.scheduler.clone();
        let Some(options) = submitter.options.clone() else {
            let (cell, future) = Future::of_job_at(scheduler.queue(), job);
            return Self(Some(Stage::Plain(PushFuture::new(scheduler, Priority::Normal, cell.clone()), cell, future)));
        };
        let context = match submitter.capture() {
            Ok(context) => context,
            Err(error) => return Self(Some(Stage::Failed(not_captured(job, &options, error)))),
        };
        let (job, timer) = JobWithOptions::new(job, &options, &scheduler, context);
        if let Some(delay) = options.values().delay {
            return Self(Some(Stage::Delayed(submitter, delay, options.values().priority, (job, timer))));
        }
        let (cell, future) = Future::of_job_at(scheduler.queue(), job);
        let push = PushFuture::new(scheduler, options.values().priority, cell.clone());
        Self(Some(Stage::WithOptions(push, cell, future, timer)))
    }

    /// Whether the job is in the queue, or was refused: then there is no more to poll.
    fn poll_push(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        match self.0.as_mut().expect("what was submitted is not polled again") {
            Stage::Delayed(..) | Stage::Failed(_) => Poll::Ready(Ok(())),
            Stage::Plain(push, ..) | Stage::WithOptions(push, ..) => Pin::new(push).poll(context),
        }
    }
}

impl<J: Job<Output = T>, T: Send + 'static> std::future::Future for SubmitAsync<J, T> {
    /// The future of the job, or the job itself if the pool was shut down before there was room.
    type Output = Result<Future<T>, Rejected<J>>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(pushed) = self.poll_push(context) else { return Poll::Pending };
        let stage = self.0.take().expect("it was there a moment ago");
        Poll::Ready(match (stage, pushed) {
            (Stage::Delayed(submitter, delay, priority, job), _) => {
                let submitted = submitter.submit_with_options(Way::After(delay), priority, job, true, |future| future);
                submitted.map_err(rejected)
            }
            (Stage::Failed(future), _) | (Stage::Plain(_, _, future), Ok(())) => Ok(future),
            (Stage::Plain(_, cell, _), Err(reason)) => {
                let error = cell.refused(reason);
                Err(Rejected::with_error(taken_back(&cell), error))
            }
            (Stage::WithOptions(_, _, future, timer), Ok(())) => {
                if let Some(timer) = timer {
                    timer.set(future.control(), Duration::ZERO);
                }
                Ok(future)
            }
            (Stage::WithOptions(_, cell, ..), Err(reason)) => {
                let error = cell.refused(reason);
                Err(Rejected::with_error(taken_back(&cell).into_inner(), error))
            }
        })
    }
}

impl<J, T> fmt::Debug for SubmitAsync<J, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitAsync").field("is_submitted", &self.0.is_none()).finish_non_exhaustive()
    }
}
