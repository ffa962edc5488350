//! How a job comes into the queue, full or not.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use executor_core::cell::{Cell, Task};
use executor_core::{Future, Job, JobError, Panicked, Rejected, Rejection, WhenFull};

use crate::push::{Fill, Line, Push, push_until, time_after};
use crate::runner::InPlace;
use crate::scheduler::{Handle, Priority};

/// The cell of a job that runs in place.
type JobCell<J> = Arc<Cell<J, <J as Job>::Output, <J as Job>::Output>>;
type Submitted<J> = Result<Future<<J as Job>::Output>, Rejected<J>>;

/// What the pool was told to do, whichever handle a job comes by.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    pub(crate) when_full: WhenFull,
    pub(crate) panic_handler: Option<PanicHandler>,
}

/// Is told of panics that nobody waits for.
pub(crate) type PanicHandler = Arc<dyn Fn(&Panicked) + Send + Sync>;

impl Rules {
    /// Hands a job over, as [`WhenFull`] says.
    pub(crate) fn submit<J: Job>(
        &self,
        scheduler: &impl Push<InPlace>,
        priority: Priority,
        job: J,
    ) -> Future<J::Output> {
        let (cell, future) = Future::of_job_at(scheduler.queue(), job);
        match self.when_full.push(scheduler, priority, cell) {
            Ok(()) => future,
            Err((_, reason)) => Future::failed(JobError::Rejected(reason)),
        }
    }

    /// The same for a job whose outcome nobody waits for. If it panics, the handler is told, on the thread where it does.
    pub(crate) fn execute<J: Job>(&self, scheduler: &impl Push<InPlace>, priority: Priority, job: J) {
        let (cell, future) = Future::of_job_at(scheduler.queue(), job);
        match self.panic_handler.clone() {
            None => drop(future),
            // Before the job can start: where it has ended, a callback runs on the thread that comes with it.
            Some(handler) => future.on_done(move |outcome| {
                if let Err(JobError::Panicked(panicked)) = outcome {
                    handler(&panicked);
                }
            }),
        }
        // There is nobody to be told that it is refused.
        let _: Result<(), _> = self.when_full.push(scheduler, priority, cell);
    }

    /// Hands a job over if that needs no waiting.
    pub(crate) fn try_submit<J: Job>(
        &self,
        scheduler: &impl Push<InPlace>,
        priority: Priority,
        job: J,
    ) -> Submitted<J> {
        let (cell, future) = Future::of_job_at(scheduler.queue(), job);
        match self.when_full.try_push(scheduler, priority, cell.clone()) {
            Ok(()) => Ok(future),
            Err((_, reason)) => Err(refused(cell, reason)),
        }
    }
}

/// Hands a job over when there is room, until `deadline`.
pub(crate) fn submit_until<J: Job>(
    scheduler: &impl Push<InPlace>,
    priority: Priority,
    job: J,
    deadline: Option<Instant>,
) -> Submitted<J> {
    let (cell, future) = Future::of_job_at(scheduler.queue(), job);
    match push_until(scheduler, priority, cell.clone(), deadline) {
        Ok(()) => Ok(future),
        Err((_, reason)) => Err(refused(cell, reason)),
    }
}

/// Hands a job over that is queued once `delay` is over, full or not.
pub(crate) fn submit_later<J: Job>(
    scheduler: &impl Push<InPlace>,
    delay: Duration,
    priority: Priority,
    job: J,
) -> Submitted<J> {
    let (cell, future) = Future::of_job_at(scheduler.delay(), job);
    let when = time_after(delay);
    match scheduler.push_at(when, priority, cell.clone()) {
        Ok(()) => Ok(future),
        Err((_, reason)) => Err(refused(cell, reason)),
    }
}

/// Takes the job back out of a cell that was not queued.
pub(crate) fn refused<J: Job>(cell: JobCell<J>, reason: Rejection) -> Rejected<J> {
    Rejected::new(cell.claim(None).expect("nobody else has seen the job"), reason)
}

/// A job that waits for a place in the queue, without a thread that waits. Made by `submit_async`.
///
/// It is a std future of the [`Future`] of the job. Nothing is submitted before it is polled, or after it is dropped. A free place
/// is offered to one of those that wait: poll this, or drop it.
#[must_use = "the job is submitted when this is polled"]
pub struct SubmitAsync<J: Job> {
    line: Line<InPlace>,
    made: Option<(JobCell<J>, Future<J::Output>)>,
}

impl<J: Job> SubmitAsync<J> {
    pub(crate) fn new(scheduler: Handle<InPlace>, priority: Priority, job: J) -> Self {
        let (cell, future) = Future::of_job_at(scheduler.queue(), job);
        Self { line: Line::new(scheduler, priority, cell.clone()), made: Some((cell, future)) }
    }
}

impl<J: Job> std::future::Future for SubmitAsync<J> {
    /// The job comes back when the pool was shut down before there was a place.
    type Output = Result<Future<J::Output>, Rejected<J>>;

    /// # Panics
    ///
    /// When it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(pushed) = Pin::new(&mut self.line).poll(context) else { return Poll::Pending };
        let (cell, future) = self.made.take().expect("what was submitted is not polled again");
        Poll::Ready(match pushed {
            Ok(()) => Ok(future),
            Err(reason) => Err(refused(cell, reason)),
        })
    }
}

impl<J: Job> fmt::Debug for SubmitAsync<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitAsync").field("is_submitted", &self.made.is_none()).finish_non_exhaustive()
    }
}
