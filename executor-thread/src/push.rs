//! How jobs of any kind come into a scheduler's queue, full or not.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use executor_core::home::HomeId;
use executor_core::{Priority, Rejection, WhenFull};

use crate::scheduler::{Handle, Runner, Scheduler, Ticket};

/// What comes of a push: the job comes back if it is refused.
pub type Pushed<J> = Result<(), (J, Rejection)>;

/// A [`Scheduler`], or a [`Handle`] to one. The methods are theirs.
pub trait Push<R: Runner> {
    /// As [`Scheduler::queue`].
    fn queue(&self) -> HomeId;
    /// As [`Scheduler::delay`].
    fn delay(&self) -> HomeId;
    /// As [`Scheduler::handle`].
    fn handle(&self) -> Handle<R>;
    /// As [`Scheduler::refusal`].
    fn refusal(&self) -> Option<Rejection>;
    /// As [`Scheduler::is_worker_here`].
    fn is_worker_here(&self) -> bool;
    /// As [`Scheduler::run_here`].
    fn run_here(&self, job: &R::Job) -> bool;
    /// As [`Scheduler::push`].
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when the queue is full.
    fn push(&self, priority: Priority, job: R::Job) -> Pushed<R::Job>;
    /// As [`Scheduler::push_above`].
    ///
    /// # Errors
    ///
    /// The job, after a shutdown.
    fn push_above(&self, priority: Priority, job: R::Job) -> Pushed<R::Job>;
    /// As [`Scheduler::push_wait`].
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when the queue was full until the deadline.
    fn push_wait(&self, priority: Priority, job: R::Job, deadline: Option<Instant>) -> Pushed<R::Job>;
    /// As [`Scheduler::push_over_oldest`].
    ///
    /// # Errors
    ///
    /// The job, after a shutdown.
    fn push_over_oldest(&self, priority: Priority, job: R::Job) -> Pushed<R::Job>;
    /// As [`Scheduler::push_at`].
    ///
    /// # Errors
    ///
    /// The job, after a shutdown.
    fn push_at(&self, when: Instant, priority: Priority, job: R::Job) -> Pushed<R::Job>;
}

macro_rules! pushes {
    ($of:ident) => {
        impl<R: Runner + 'static> Push<R> for $of<R> {
            fn queue(&self) -> HomeId {
                Self::queue(self)
            }

            fn delay(&self) -> HomeId {
                Self::delay(self)
            }

            fn handle(&self) -> Handle<R> {
                Self::handle(self)
            }

            fn refusal(&self) -> Option<Rejection> {
                Self::refusal(self)
            }

            fn is_worker_here(&self) -> bool {
                Self::is_worker_here(self)
            }

            fn run_here(&self, job: &R::Job) -> bool {
                Self::run_here(self, job)
            }

            fn push(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
                Self::push(self, priority, job)
            }

            fn push_above(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
                Self::push_above(self, priority, job)
            }

            fn push_wait(&self, priority: Priority, job: R::Job, deadline: Option<Instant>) -> Pushed<R::Job> {
                Self::push_wait(self, priority, job, deadline)
            }

            fn push_over_oldest(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
                Self::push_over_oldest(self, priority, job)
            }

            fn push_at(&self, when: Instant, priority: Priority, job: R::Job) -> Pushed<R::Job> {
                Self::push_at(self, when, priority, job)
            }
        }
    };
}

pushes!(Scheduler);
pushes!(Handle);

/// For those who write executors: what a queue that is full does with a job.
pub trait Fill {
    /// Puts a job in the queue, as this says where that is full. Blocks if it says so.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when this says so.
    fn push<R: Runner>(self, scheduler: &impl Push<R>, priority: Priority, job: R::Job) -> Pushed<R::Job>;

    /// The same without waiting, and without running the job. Never blocks.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when the queue is full, unless another job makes room.
    fn try_push<R: Runner>(self, scheduler: &impl Push<R>, priority: Priority, job: R::Job) -> Pushed<R::Job>;
}

impl Fill for WhenFull {
    fn push<R: Runner>(self, scheduler: &impl Push<R>, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        match self.try_push(scheduler, priority, job) {
            Err((job, Rejection::Full)) => match self {
                Self::CallerRuns => run_here(scheduler, priority, job),
                Self::DropNewest => Err((job, Rejection::Dropped)),
                Self::Reject | Self::DropOldest => Err((job, Rejection::Full)),
                // What else there may be one day is no reason to lose a job.
                _ => wait(scheduler, priority, job, None),
            },
            pushed => pushed,
        }
    }

    fn try_push<R: Runner>(self, scheduler: &impl Push<R>, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        match self {
            Self::DropOldest => scheduler.push_over_oldest(priority, job),
            _ => scheduler.push(priority, job),
        }
    }
}

/// Puts a job in the queue when there is room, until `deadline`, whatever the queue does when it is full. Blocks.
///
/// # Errors
///
/// The job, after a shutdown, or when the queue was full until the deadline.
pub fn push_until<R: Runner>(
    scheduler: &impl Push<R>,
    priority: Priority,
    job: R::Job,
    deadline: Option<Instant>,
) -> Pushed<R::Job> {
    match scheduler.push(priority, job) {
        Err((job, Rejection::Full)) => wait(scheduler, priority, job, deadline),
        pushed => pushed,
    }
}

/// Waits for a place; but not on a worker, for whom those that wait may be waiting.
fn wait<R: Runner>(
    scheduler: &impl Push<R>,
    priority: Priority,
    job: R::Job,
    deadline: Option<Instant>,
) -> Pushed<R::Job> {
    if scheduler.is_worker_here() {
        run_here(scheduler, priority, job)
    } else {
        scheduler.push_wait(priority, job, deadline)
    }
}

/// Runs the job on this thread, or queues it above the bound if that cannot be.
fn run_here<R: Runner>(scheduler: &impl Push<R>, priority: Priority, job: R::Job) -> Pushed<R::Job> {
    if scheduler.run_here(&job) { Ok(()) } else { scheduler.push_above(priority, job) }
}

/// The time that comes when `delay` is over, or one that does not come.
pub fn time_after(delay: Duration) -> Instant {
    Instant::now().checked_add(delay).unwrap_or_else(far_future)
}

/// A time that does not come: the clock has no name for the end of time.
pub(crate) fn far_future() -> Instant {
    const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);
    Instant::now() + CENTURY
}

/// A job that waits in the line for a full queue, without a thread that waits: a std future of whether it was pushed. Dropped, it leaves the line.
#[must_use = "the job is pushed when this is polled"]
pub struct Line<R: Runner + 'static> {
    scheduler: Handle<R>,
    priority: Priority,
    job: Option<R::Job>,
    ticket: Ticket,
}

impl<R: Runner + 'static> Line<R> {
    /// `job` stands in the line from the first poll on.
    pub fn new(scheduler: Handle<R>, priority: Priority, job: R::Job) -> Self {
        Self { scheduler, priority, job: Some(job), ticket: Ticket::default() }
    }
}

/// The job is never pinned.
impl<R: Runner + 'static> Unpin for Line<R> {}

impl<R: Runner + 'static> Future for Line<R> {
    /// Fails after a shutdown.
    type Output = Result<(), Rejection>;

    /// # Panics
    ///
    /// When it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { scheduler, priority, job, ticket } = &mut *self;
        assert!(job.is_some(), "what was pushed is not polled again");
        let polled = scheduler.poll_push(*priority, job, ticket, context.waker());
        if polled.is_ready() {
            // What is refused is its owner's again.
            *job = None;
        }
        polled
    }
}

impl<R: Runner + 'static> Drop for Line<R> {
    fn drop(&mut self) {
        self.scheduler.give_up(std::mem::take(&mut self.ticket));
    }
}

impl<R: Runner + 'static> fmt::Debug for Line<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("is_pushed", &self.job.is_none()).finish_non_exhaustive()
    }
}
