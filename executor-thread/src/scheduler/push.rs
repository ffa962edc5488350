//! How jobs come into a queue, full or not.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use executor_core::queue_id::QueueId;
use executor_core::{Priority, Rejection, WhenFull};

use super::handle::Scheduler;
use super::runner::Runner;
use super::shared::Pushed;
use super::waiters::WaitToken;

/// For authors of executors: when a job is queued, and what happens if the queue is full.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// Now. If the queue is full, do as [`WhenFull`] says.
    Now,
    /// Now, without waiting.
    Try,
    /// As soon as there is room, until this time at most. `None` means no time limit.
    Until(Option<Instant>),
    /// After this delay, even if the queue is full then.
    After(Duration),
}

impl Way {
    /// Adds the delay of the job's options, unless there is a delay already.
    #[must_use]
    pub fn delayed(self, delay: Option<Duration>) -> Self {
        match (self, delay) {
            (Self::After(_), _) | (_, None) => self,
            (_, Some(delay)) => Self::After(delay),
        }
    }

    /// Returns the delay before the job is queued.
    pub fn delay(self) -> Duration {
        if let Self::After(delay) = self { delay } else { Duration::ZERO }
    }
}

impl<R: Runner + 'static> Scheduler<R> {
    /// Returns the queue id for a job that is pushed by `way`. Create the job with it.
    pub fn queue_id(&self, way: Way) -> QueueId {
        if let Way::After(_) = way { self.delay() } else { self.queue() }
    }

    /// Queues a job by `way`, and blocks if `way` or `when_full` says so.
    ///
    /// # Errors
    ///
    /// The job and the reason, if the scheduler is shut down, or if the queue is full and `way` does not wait for room.
    #[inline]
    pub fn push_by(&self, way: Way, when_full: WhenFull, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        let job = match (way, priority) {
            (Way::Now | Way::Try, Priority::Normal) => match self.put(job) {
                None => return Ok(()),
                Some(job) => job,
            },
            _ => job,
        };
        self.push_otherwise(way, when_full, priority, job)
    }

    /// The same for what is not usual.
    fn push_otherwise(&self, way: Way, when_full: WhenFull, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        match way {
            Way::Now => self.push_as(when_full, priority, job),
            Way::Try => self.try_push_as(when_full, priority, job),
            Way::Until(deadline) => self.push_until(priority, job, deadline),
            Way::After(delay) => self.push_at(time_after(delay), priority, job),
        }
    }

    fn push_as(&self, when_full: WhenFull, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        match self.try_push_as(when_full, priority, job) {
            Err((job, Rejection::Full)) => match when_full {
                WhenFull::CallerRuns => self.run_or_push(priority, job),
                WhenFull::DropNewest => Err((job, Rejection::Dropped)),
                WhenFull::Reject | WhenFull::DropOldest => Err((job, Rejection::Full)),
                // Waits for a variant that may be added later, so that no job is lost.
                _ => self.wait_for_slot(priority, job, None),
            },
            pushed => pushed,
        }
    }

    /// The same without waiting, and without running the job.
    fn try_push_as(&self, when_full: WhenFull, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        match when_full {
            WhenFull::DropOldest => self.push_over_oldest(priority, job),
            _ => self.push(priority, job),
        }
    }

    /// When there is room, until `deadline`, whatever the queue does when it is full.
    fn push_until(&self, priority: Priority, job: R::Job, deadline: Option<Instant>) -> Pushed<R::Job> {
        match self.push(priority, job) {
            Err((job, Rejection::Full)) => self.wait_for_slot(priority, job, deadline),
            pushed => pushed,
        }
    }

    /// Blocks until there is room. On a worker, runs the job instead: the queued jobs may wait for that worker.
    fn wait_for_slot(&self, priority: Priority, job: R::Job, deadline: Option<Instant>) -> Pushed<R::Job> {
        if self.is_worker_here() { self.run_or_push(priority, job) } else { self.push_wait(priority, job, deadline) }
    }

    /// Runs the job on this thread, or queues it above the bound if that cannot be.
    fn run_or_push(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        if self.run_here(&job) { Ok(()) } else { self.push_above(priority, job) }
    }
}

/// The time that comes when `delay` is over, or one that does not come.
pub(crate) fn time_after(delay: Duration) -> Instant {
    Instant::now().checked_add(delay).unwrap_or_else(far_future)
}

/// A time that does not come: the clock has no name for the end of time.
pub(crate) fn far_future() -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    Instant::now() + CENTURY
}

/// A std future that queues a job once there is room. If it is dropped, it stops waiting.
#[must_use = "the job is pushed when this is polled"]
pub struct PushFuture<R: Runner + 'static> {
    scheduler: Scheduler<R>,
    priority: Priority,
    job: Option<R::Job>,
    token: WaitToken,
}

impl<R: Runner + 'static> PushFuture<R> {
    /// Creates the future. `job` waits for room from the first poll on.
    pub fn new(scheduler: Scheduler<R>, priority: Priority, job: R::Job) -> Self {
        Self { scheduler, priority, job: Some(job), token: WaitToken::default() }
    }
}

/// The job is never pinned.
impl<R: Runner + 'static> Unpin for PushFuture<R> {}

impl<R: Runner + 'static> Future for PushFuture<R> {
    /// An error if the scheduler is shut down.
    type Output = Result<(), Rejection>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { scheduler, priority, job, token } = &mut *self;
        assert!(job.is_some(), "what was pushed is not polled again");
        let polled = scheduler.poll_push(*priority, job, token, context.waker());
        if polled.is_ready() {
            // A refused job belongs to its owner again.
            *job = None;
        }
        polled
    }
}

impl<R: Runner + 'static> Drop for PushFuture<R> {
    fn drop(&mut self) {
        self.scheduler.give_up(std::mem::take(&mut self.token));
    }
}

impl<R: Runner + 'static> fmt::Debug for PushFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushFuture").field("is_pushed", &self.job.is_none()).finish_non_exhaustive()
    }
}
