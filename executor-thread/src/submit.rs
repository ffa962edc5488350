//! How a job comes into the queue, full or not.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use executor_core::cell::{Cell, Run, Task};
use executor_core::home::HomeId;
use executor_core::{Future, Job, JobError, Panicked, Rejected, Rejection, current};

use crate::WhenFull;
use crate::pool::Queued;
use crate::runner::InPlace;
use crate::scheduler::{Handle, Priority, Scheduler, Ticket};

type Pushed = Result<(), (Queued, Rejection)>;

/// The scheduler of a pool, or the handle to it.
pub(crate) trait Pushes {
    fn queue(&self) -> HomeId;
    fn is_worker_here(&self) -> bool;
    fn push(&self, priority: Priority, job: Queued) -> Pushed;
    fn push_above(&self, priority: Priority, job: Queued) -> Pushed;
    fn push_wait(&self, priority: Priority, job: Queued, deadline: Option<Instant>) -> Pushed;
    fn push_over_oldest(&self, priority: Priority, job: Queued) -> Pushed;
}

macro_rules! pushes {
    ($of:ty) => {
        impl Pushes for $of {
            fn queue(&self) -> HomeId {
                Self::queue(self)
            }

            fn is_worker_here(&self) -> bool {
                Self::is_worker_here(self)
            }

            fn push(&self, priority: Priority, job: Queued) -> Pushed {
                Self::push(self, priority, job)
            }

            fn push_above(&self, priority: Priority, job: Queued) -> Pushed {
                Self::push_above(self, priority, job)
            }

            fn push_wait(&self, priority: Priority, job: Queued, deadline: Option<Instant>) -> Pushed {
                Self::push_wait(self, priority, job, deadline)
            }

            fn push_over_oldest(&self, priority: Priority, job: Queued) -> Pushed {
                Self::push_over_oldest(self, priority, job)
            }
        }
    };
}

pushes!(Scheduler<InPlace>);
pushes!(Handle<InPlace>);

/// What a job is made into: what is queued, and its future.
type Made<J> = (Arc<Cell<J, <J as Job>::Output, <J as Job>::Output>>, Future<<J as Job>::Output>);
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
    pub(crate) fn submit<J: Job>(&self, scheduler: &impl Pushes, priority: Priority, job: J) -> Future<J::Output> {
        let made = Future::of_job_at(scheduler.queue(), job);
        let pushed = match self.when_full {
            WhenFull::DropOldest => scheduler.push_over_oldest(priority, made.0.clone()),
            WhenFull::Block | WhenFull::Reject | WhenFull::CallerRuns | WhenFull::DropNewest => {
                scheduler.push(priority, made.0.clone())
            }
        };
        let submitted = match (pushed, self.when_full) {
            (Ok(()), _) => return made.1,
            (Err((_, Rejection::Full)), WhenFull::Block) => wait(scheduler, priority, made, None),
            (Err((_, Rejection::Full)), WhenFull::CallerRuns) => run_here(scheduler, priority, made),
            (Err((_, Rejection::Full)), WhenFull::DropNewest) => Err(refused(made, Rejection::Dropped)),
            (Err((_, reason)), _) => Err(refused(made, reason)),
        };
        submitted.unwrap_or_else(|rejected| Future::failed(JobError::Rejected(rejected.reason())))
    }

    /// Hands a job over if that needs no waiting.
    pub(crate) fn try_submit<J: Job>(&self, scheduler: &impl Pushes, priority: Priority, job: J) -> Submitted<J> {
        let made = Future::of_job_at(scheduler.queue(), job);
        let pushed = match self.when_full {
            WhenFull::DropOldest => scheduler.push_over_oldest(priority, made.0.clone()),
            _ => scheduler.push(priority, made.0.clone()),
        };
        settled(made, pushed)
    }

    /// Nobody waits for this job. If it panics, the handler is told.
    pub(crate) fn detach<T: Send + 'static>(&self, future: Future<T>) {
        let Some(handler) = self.panic_handler.clone() else { return drop(future) };
        future.on_done(move |outcome| {
            if let Err(JobError::Panicked(panicked)) = outcome {
                handler(&panicked);
            }
        });
    }
}

/// Hands a job over when there is room, until `deadline`.
pub(crate) fn submit_until<J: Job>(
    scheduler: &impl Pushes,
    priority: Priority,
    job: J,
    deadline: Option<Instant>,
) -> Submitted<J> {
    let made = Future::of_job_at(scheduler.queue(), job);
    match scheduler.push(priority, made.0.clone()) {
        Err((_, Rejection::Full)) => wait(scheduler, priority, made, deadline),
        pushed => settled(made, pushed),
    }
}

/// Waits for a place; but not on a worker, for whom those that wait may be waiting.
fn wait<J: Job>(scheduler: &impl Pushes, priority: Priority, made: Made<J>, deadline: Option<Instant>) -> Submitted<J> {
    if scheduler.is_worker_here() {
        return run_here(scheduler, priority, made);
    }
    let pushed = scheduler.push_wait(priority, made.0.clone(), deadline);
    settled(made, pushed)
}

/// Runs the job on this thread, or queues it above the bound if that is too deep inside of other jobs.
fn run_here<J: Job>(scheduler: &impl Pushes, priority: Priority, made: Made<J>) -> Submitted<J> {
    if current::nested(|| made.0.clone().run()).is_some() {
        return Ok(made.1);
    }
    let pushed = scheduler.push_above(priority, made.0.clone());
    settled(made, pushed)
}

fn settled<J: Job>(made: Made<J>, pushed: Pushed) -> Submitted<J> {
    match pushed {
        Ok(()) => Ok(made.1),
        Err((_, reason)) => Err(refused(made, reason)),
    }
}

fn refused<J: Job>((cell, _): Made<J>, reason: Rejection) -> Rejected<J> {
    Rejected::new(cell.claim(None).expect("nobody else has seen the job"), reason)
}

/// A job that waits for a place in the queue, without a thread that waits. Made by `submit_async`.
///
/// It is a std future of the [`Future`] of the job. Nothing is submitted before it is polled, or after it is dropped. A free place
/// is offered to one of those that wait: poll this, or drop it.
#[must_use = "the job is submitted when this is polled"]
pub struct SubmitAsync<J: Job> {
    scheduler: Handle<InPlace>,
    priority: Priority,
    made: Option<Made<J>>,
    ticket: Ticket,
}

impl<J: Job> SubmitAsync<J> {
    pub(crate) fn new(scheduler: Handle<InPlace>, priority: Priority, job: J) -> Self {
        let made = Some(Future::of_job_at(scheduler.queue(), job));
        Self { scheduler, priority, made, ticket: Ticket::default() }
    }
}

impl<J: Job> std::future::Future for SubmitAsync<J> {
    /// The job comes back when the pool was shut down before there was a place.
    type Output = Result<Future<J::Output>, Rejected<J>>;

    /// # Panics
    ///
    /// When it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { scheduler, priority, made, ticket } = &mut *self;
        let (cell, _) = made.as_ref().expect("what was submitted is not polled again");
        let mut job: Option<Queued> = Some(cell.clone());
        let Poll::Ready(pushed) = scheduler.poll_push(*priority, &mut job, ticket, context.waker()) else {
            return Poll::Pending;
        };
        let (cell, future) = made.take().expect("it was there");
        Poll::Ready(match pushed {
            Ok(()) => Ok(future),
            Err(reason) => Err(refused((cell, future), reason)),
        })
    }
}

impl<J: Job> Drop for SubmitAsync<J> {
    fn drop(&mut self) {
        self.scheduler.give_up(std::mem::take(&mut self.ticket));
    }
}

impl<J: Job> fmt::Debug for SubmitAsync<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitAsync").field("is_submitted", &self.made.is_none()).finish_non_exhaustive()
    }
}
