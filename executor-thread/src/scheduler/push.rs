//! How jobs come into a queue, full or not.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use executor_core::{Priority, Rejection, WhenFull};

use super::handle::Scheduler;
use super::runner::Runner;
use super::shared::Pushed;
use super::waiters::Ticket;

impl<R: Runner + 'static> Scheduler<R> {
    /// Puts a job in the queue, as `when_full` says where that is full. Blocks if that says so.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when `when_full` says so.
    pub fn push_with(&self, when_full: WhenFull, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        match self.try_push_with(when_full, priority, job) {
            Err((job, Rejection::Full)) => match when_full {
                WhenFull::CallerRuns => self.run_or_push(priority, job),
                WhenFull::DropNewest => Err((job, Rejection::Dropped)),
                WhenFull::Reject | WhenFull::DropOldest => Err((job, Rejection::Full)),
                // What else there may be one day is no reason to lose a job.
                _ => self.wait_for_place(priority, job, None),
            },
            pushed => pushed,
        }
    }

    /// The same without waiting, and without running the job. Never blocks.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when the queue is full, unless another job makes room.
    pub fn try_push_with(&self, when_full: WhenFull, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        match when_full {
            WhenFull::DropOldest => self.push_over_oldest(priority, job),
            _ => self.push(priority, job),
        }
    }

    /// Puts a job in the queue when there is room, until `deadline`, whatever the queue does when it is full. Blocks.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when the queue was full until the deadline.
    pub fn push_until(&self, priority: Priority, job: R::Job, deadline: Option<Instant>) -> Pushed<R::Job> {
        match self.push(priority, job) {
            Err((job, Rejection::Full)) => self.wait_for_place(priority, job, deadline),
            pushed => pushed,
        }
    }

    /// Blocks until there is room; but not on a worker, for whom those that wait may be waiting.
    fn wait_for_place(&self, priority: Priority, job: R::Job, deadline: Option<Instant>) -> Pushed<R::Job> {
        if self.is_worker_here() { self.run_or_push(priority, job) } else { self.push_wait(priority, job, deadline) }
    }

    /// Runs the job on this thread, or queues it above the bound if that cannot be.
    fn run_or_push(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        if self.run_here(&job) { Ok(()) } else { self.push_above(priority, job) }
    }
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
    scheduler: Scheduler<R>,
    priority: Priority,
    job: Option<R::Job>,
    ticket: Ticket,
}

impl<R: Runner + 'static> Line<R> {
    /// `job` stands in the line from the first poll on.
    pub fn new(scheduler: Scheduler<R>, priority: Priority, job: R::Job) -> Self {
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
