//! How a job comes into the queue, full or not.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use executor_core::cell::{Cell, Task};
use executor_core::home::HomeId;
use executor_core::{Future, Job, JobError, Panicked, Rejected, Rejection, current};

use crate::WhenFull;
use crate::pool::{Queued, far_future};
use crate::runner::InPlace;
use crate::scheduler::{Handle, Priority, Scheduler, Ticket};

type Pushed = Result<(), (Queued, Rejection)>;

/// The scheduler of a pool, or the handle to it.
pub(crate) trait Pushes {
    fn queue(&self) -> HomeId;
    fn delay(&self) -> HomeId;
    fn is_worker_here(&self) -> bool;
    fn push(&self, priority: Priority, job: Queued) -> Pushed;
    fn push_above(&self, priority: Priority, job: Queued) -> Pushed;
    fn push_wait(&self, priority: Priority, job: Queued, deadline: Option<Instant>) -> Pushed;
    fn push_over_oldest(&self, priority: Priority, job: Queued) -> Pushed;
    fn push_at(&self, when: Instant, priority: Priority, job: Queued) -> Pushed;
}

macro_rules! pushes {
    ($of:ty) => {
        impl Pushes for $of {
            fn queue(&self) -> HomeId {
                Self::queue(self)
            }

            fn delay(&self) -> HomeId {
                Self::delay(self)
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

            fn push_at(&self, when: Instant, priority: Priority, job: Queued) -> Pushed {
                Self::push_at(self, when, priority, job)
            }
        }
    };
}

pushes!(Scheduler<InPlace>);
pushes!(Handle<InPlace>);

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
    pub(crate) fn submit<J: Job>(&self, scheduler: &impl Pushes, priority: Priority, job: J) -> Future<J::Output> {
        let (cell, future) = Future::of_job_at(scheduler.queue(), job);
        match self.hand_over(scheduler, priority, cell) {
            Ok(()) => future,
            Err(reason) => Future::failed(JobError::Rejected(reason)),
        }
    }

    /// The same for a job whose outcome nobody waits for. If it panics, the handler is told, on the thread where it does.
    pub(crate) fn execute<J: Job>(&self, scheduler: &impl Pushes, priority: Priority, job: J) {
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
        let _: Result<(), _> = self.hand_over(scheduler, priority, cell);
    }

    /// Hands a job over if that needs no waiting.
    pub(crate) fn try_submit<J: Job>(&self, scheduler: &impl Pushes, priority: Priority, job: J) -> Submitted<J> {
        let (cell, future) = Future::of_job_at(scheduler.queue(), job);
        match self.push(scheduler, priority, cell.clone()) {
            Ok(()) => Ok(future),
            Err((_, reason)) => Err(refused(cell, reason)),
        }
    }

    fn push(&self, scheduler: &impl Pushes, priority: Priority, job: Queued) -> Pushed {
        match self.when_full {
            WhenFull::DropOldest => scheduler.push_over_oldest(priority, job),
            WhenFull::Block | WhenFull::Reject | WhenFull::CallerRuns | WhenFull::DropNewest => {
                scheduler.push(priority, job)
            }
        }
    }

    fn hand_over(&self, scheduler: &impl Pushes, priority: Priority, job: Queued) -> Result<(), Rejection> {
        let pushed = match self.push(scheduler, priority, job) {
            Err((job, Rejection::Full)) => match self.when_full {
                WhenFull::Block => wait(scheduler, priority, job, None),
                WhenFull::CallerRuns => run_here(scheduler, priority, job),
                WhenFull::DropNewest => Err((job, Rejection::Dropped)),
                WhenFull::Reject | WhenFull::DropOldest => Err((job, Rejection::Full)),
            },
            pushed => pushed,
        };
        pushed.map_err(|(_, reason)| reason)
    }
}

/// Hands a job over when there is room, until `deadline`.
pub(crate) fn submit_until<J: Job>(
    scheduler: &impl Pushes,
    priority: Priority,
    job: J,
    deadline: Option<Instant>,
) -> Submitted<J> {
    let (cell, future) = Future::of_job_at(scheduler.queue(), job);
    let pushed = match scheduler.push(priority, cell.clone()) {
        Err((job, Rejection::Full)) => wait(scheduler, priority, job, deadline),
        pushed => pushed,
    };
    match pushed {
        Ok(()) => Ok(future),
        Err((_, reason)) => Err(refused(cell, reason)),
    }
}

/// Hands a job over that is queued once `delay` is over, full or not.
pub(crate) fn submit_later<J: Job>(
    scheduler: &impl Pushes,
    delay: Duration,
    priority: Priority,
    job: J,
) -> Submitted<J> {
    let (cell, future) = Future::of_job_at(scheduler.delay(), job);
    let when = Instant::now().checked_add(delay).unwrap_or_else(far_future);
    match scheduler.push_at(when, priority, cell.clone()) {
        Ok(()) => Ok(future),
        Err((_, reason)) => Err(refused(cell, reason)),
    }
}

/// Waits for a place; but not on a worker, for whom those that wait may be waiting.
fn wait(scheduler: &impl Pushes, priority: Priority, job: Queued, deadline: Option<Instant>) -> Pushed {
    if scheduler.is_worker_here() {
        run_here(scheduler, priority, job)
    } else {
        scheduler.push_wait(priority, job, deadline)
    }
}

/// Runs the job on this thread, or queues it above the bound if that is too deep inside of other jobs.
fn run_here(scheduler: &impl Pushes, priority: Priority, job: Queued) -> Pushed {
    match current::nested(|| job.clone().run()) {
        Some(_) => Ok(()),
        None => scheduler.push_above(priority, job),
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
    scheduler: Handle<InPlace>,
    priority: Priority,
    made: Option<(JobCell<J>, Future<J::Output>)>,
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
            Err(reason) => Err(refused(cell, reason)),
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
