//! The scheduler as its users have it.

use std::fmt;
use std::sync::Arc;
use std::task::{Poll, Waker};
#[cfg(feature = "rayon")]
use std::thread::JoinHandle;
use std::time::Instant;

use executor_core::cell::{Captures, Notify};
use executor_core::queue_id::QueueId;
use executor_core::{Future, JobError, Priority, Rejection, ShutdownPolicy, ShutdownReport, Stats};

use super::config::Config;
use super::queued::{Queued, TimerEvent};
use super::runner::Runner;
use super::shared::{Pushed, Shared};
#[cfg(feature = "rayon")]
use super::supply::Supply;
use super::waiters::WaitToken;

/// A queue of jobs and the workers that run them. Cheap to clone: all clones are of one queue. None shuts it down when it is dropped; call
/// [`shutdown`](Scheduler::shutdown).
pub struct Scheduler<R: Runner + 'static>(Arc<Shared<R>>);

impl<R: Runner + 'static> Scheduler<R> {
    /// A scheduler with no thread yet. `make` makes the runner of each worker, on the worker's thread, from its name. `make` lives
    /// as long as the scheduler: a clone of the scheduler in it would keep both for ever.
    pub fn new(config: Config, make: impl Fn(&Arc<str>) -> R + Send + Sync + 'static) -> Self {
        Self(Shared::new(config, Box::new(make)))
    }

    /// The same, whose jobs run on the threads of `supply`. `started` are those of them that a shutdown joins: all, or none.
    #[cfg(feature = "rayon")]
    pub(crate) fn over(
        supply: Supply,
        started: Vec<JoinHandle<()>>,
        config: Config,
        make: impl Fn(&Arc<str>) -> R + Send + Sync + 'static,
    ) -> Self {
        Self(Shared::over(supply, started, config, Box::new(make)))
    }

    /// How many jobs run at once.
    pub fn workers(&self) -> usize {
        self.0.config.workers
    }

    /// The queue id of queued jobs: make those that are pushed with it.
    pub fn queue(&self) -> QueueId {
        self.0.queue.id()
    }

    /// The queue id of delayed jobs: make those that are pushed by [`push_at`](Scheduler::push_at) with it.
    pub fn delay(&self) -> QueueId {
        self.0.delay.id()
    }

    /// Reports what the scheduler is doing, and how its jobs have ended so far. Never blocks.
    pub fn stats(&self) -> Stats {
        self.shared().map_or_else(|_| self.0.counters.stats(), |shared| shared.stats())
    }

    /// Fails in a process that was forked from its own: there, no thread serves it, and its locks may be held for ever.
    pub(super) fn shared(&self) -> Result<&Arc<Shared<R>>, Rejection> {
        if self.0.origin.is_here() { Ok(&self.0) } else { Err(self.0.origin.absence()) }
    }

    /// Pushes a job, unless this is a forked process.
    fn hand(&self, job: R::Job, push: impl FnOnce(&Shared<R>, R::Job) -> Pushed<R::Job>) -> Pushed<R::Job> {
        match self.shared() {
            Ok(shared) => push(shared, job),
            Err(reason) => Err((job, reason)),
        }
    }

    /// Puts a job at the end of its lane. Never blocks.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when the queue is full.
    pub fn push(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        self.hand(job, |shared, job| shared.push(priority, job))
    }

    /// As `push`, full or not.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown.
    pub fn push_above(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        self.hand(job, |shared, job| shared.push_above(priority, job))
    }

    /// As `push`, but waits for a slot in a full queue, until `deadline` at most. Blocks.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when the queue was full until the deadline.
    pub fn push_wait(&self, priority: Priority, job: R::Job, deadline: Option<Instant>) -> Pushed<R::Job> {
        self.hand(job, |shared, job| shared.push_wait(priority, job, deadline))
    }

    /// As `push`, but ends the oldest job of the least priority in a full queue, as [`Rejection::Dropped`]. Never
    /// blocks.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown.
    pub fn push_over_oldest(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        self.hand(job, |shared, job| shared.push_over_oldest(priority, job))
    }

    /// As `push`, but where the queue is full, leaves the job where it is, and wakes `waker` when to try again. Give the
    /// same token each time, and [`give_up`](Self::give_up) with it if there is to be no next time. Never blocks.
    ///
    /// # Errors
    ///
    /// After a shutdown.
    ///
    /// # Panics
    ///
    /// When there is no job.
    pub fn poll_push(
        &self,
        priority: Priority,
        job: &mut Option<R::Job>,
        token: &mut WaitToken,
        waker: &Waker,
    ) -> Poll<Result<(), Rejection>> {
        match self.shared() {
            Ok(shared) => shared.poll_push(priority, job, token, waker),
            Err(reason) => Poll::Ready(Err(reason)),
        }
    }

    /// Stops waiting for a slot. If one was free for this token, the next waiter is told.
    pub fn give_up(&self, token: WaitToken) {
        if let Ok(shared) = self.shared() {
            shared.give_up(token);
        }
    }

    /// Runs the job on this thread, instead of queueing it: a worker inside of the job that it has, any other thread as one that counts
    /// as a worker meanwhile. False if that cannot be, because it is too deep, or after a shutdown: then the job is still to be pushed.
    /// Blocks as long as the job runs.
    pub fn run_here(&self, job: &R::Job) -> bool {
        self.shared().is_ok_and(|shared| shared.run_here(job))
    }

    /// Whether the calling thread is a worker of this very scheduler, or counts as one.
    pub fn is_worker_here(&self) -> bool {
        self.shared().is_ok_and(|shared| shared.is_worker_here())
    }

    /// Puts a job in the queue at the time `when`, full or not. A shutdown waits for it. Never blocks.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown.
    pub fn push_at(&self, when: Instant, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        self.hand(job, |shared, job| shared.push_at(when, priority, job))
    }

    /// Fires `timer` at the time `when`, unless everything has ended by then. A shutdown does not wait for it. Never
    /// blocks.
    pub fn push_timer(&self, when: Instant, timer: Box<dyn TimerEvent>) {
        if let Ok(shared) = self.shared() {
            shared.push_timer(when, timer);
        }
    }

    /// Reports that a timer event was cancelled, so that the timer event can be dropped before its time.
    pub fn cancel_timer(&self) {
        if let Ok(shared) = self.shared() {
            shared.cancelled();
        }
    }

    /// Starts the workers that have not been started, and has each [`begin`](Runner::begin).
    pub fn prestart(&self) {
        if let Ok(shared) = self.shared() {
            shared.prestart();
        }
    }

    /// Gives each worker a job of its own, which it runs before any other. All are started first. The jobs must be made at
    /// the queue id [`delay`](Self::delay), so that none runs in the place of another worker.
    ///
    /// # Errors
    ///
    /// After a shutdown; then `job` was not called.
    pub fn broadcast(&self, job: impl FnMut() -> R::Job) -> Result<(), Rejection> {
        self.shared()?.broadcast(job)
    }

    /// Blocks until nothing is queued, delayed or running, until `deadline` at most. Returns whether that is so. Jobs that wait for their
    /// time and that a shutdown [would cancel](Self::push_until_shutdown) do not count. On a thread of this very scheduler it does not
    /// wait.
    pub fn wait_idle(&self, deadline: Option<Instant>) -> bool {
        self.shared().map_or(true, |shared| shared.wait_idle(deadline))
    }

    /// A future that ends when the scheduler is shut down and its last worker is done.
    pub fn closed(&self) -> Future<()> {
        self.shared().map_or_else(|_| Future::ready(()), |shared| shared.closed())
    }

    /// Shuts down as `policy` says, and reports how the jobs ended. Blocks as long as the policy allows; but not on a thread of
    /// this very scheduler.
    pub fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        self.shared().map_or_else(|_| ShutdownReport::default(), |shared| shared.shutdown_with(policy))
    }

    /// As `push_at`, but a shutdown does not wait for the job: if its time has not come, it ends as
    /// [`JobError::Cancelled`].
    ///
    /// # Errors
    ///
    /// The job, after a shutdown.
    pub fn push_until_shutdown(&self, when: Instant, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        self.hand(job, |shared, job| shared.push_delayed(when, priority, job, true))
    }

    /// Closes it for good, because it cannot work any more: everything that is queued or delayed ends with `error`, and so do jobs
    /// that a runner [gives back](super::Batch::give_back) later. Later pushes are refused as [`Rejection::Broken`]. Running jobs go on, and
    /// the threads end as after a shutdown. Of several errors, the first stays. Never blocks; callbacks run as [`call_back`](Self::call_back) does.
    pub fn break_down(&self, error: JobError) {
        if let Ok(shared) = self.shared() {
            shared.break_down(error);
        }
    }

    /// As [`Batch::give_back`](super::Batch::give_back), on any thread, while the runner that took the job is still in its `run`.
    pub fn give_back(&self, job: R::Job, priority: Priority) {
        match self.shared() {
            Ok(shared) => shared.give_back(None, job, priority),
            Err(reason) => drop(job.fail(JobError::rejected(reason))),
        }
    }

    /// Fires `notify`, a callback on a thread that is there for callbacks alone: one after the other, each as slow as it likes. Anything
    /// else is fired here and now. Never blocks. The thread starts when it is needed, and ends when it has been idle for as long as a
    /// worker may be. A shutdown waits for it; one that a callback calls does not.
    pub fn call_back(&self, notify: Notify) {
        match self.shared() {
            Ok(shared) => shared.call_back(notify),
            Err(_) => notify.fire(),
        }
    }

    /// Drops what a job had captured that ended without running, on a thread that is there for such drops alone. Never blocks. As with
    /// [`call_back`](Self::call_back), a shutdown waits for the thread.
    pub fn drop_aside(&self, captures: Captures) {
        match self.shared() {
            Ok(shared) => shared.drop_aside(captures),
            Err(_) => drop(captures),
        }
    }

    /// Why no job is accepted any more. `None` while they are.
    pub fn refusal(&self) -> Option<Rejection> {
        self.shared().map_or_else(Some, |shared| shared.refusal())
    }

    /// Whether jobs are still accepted.
    pub fn is_open(&self) -> bool {
        self.shared().is_ok_and(|shared| shared.is_open())
    }

    /// Accepts no more jobs, and ends each worker when the queue is empty.
    ///
    /// With `wait`, returns when the last thread is gone; but not on a thread of this very scheduler, which
    /// cannot wait for itself.
    pub fn shutdown(&self, wait: bool) {
        if let Ok(shared) = self.shared() {
            shared.shutdown(wait);
        }
    }
}

impl<R: Runner + 'static> Clone for Scheduler<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R: Runner + 'static> Drop for Scheduler<R> {
    fn drop(&mut self) {
        if !self.0.origin.is_here() {
            // Only the process that made the scheduler may drop it.
            std::mem::forget(Arc::clone(&self.0));
        }
    }
}

impl<R: Runner + 'static> fmt::Debug for Scheduler<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("config", &self.0.config).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use std::time::Duration;

    use executor_core::JobOptions;

    use super::*;
    use crate::builder::ThreadPoolBuilder;

    /// Jobs and timer events that wait in a scheduler may hold a clone of it: none of them is left after the end.
    #[test]
    fn nothing_stays_after_the_end() {
        let hour = Duration::from_secs(3600);
        let pool = ThreadPoolBuilder::new().threads(2).build().unwrap();
        let shared = Arc::downgrade(&pool.handle().0.scheduler.0);
        let limited = pool.with(JobOptions::new().start_by(hour).timeout(hour));
        limited.submit(|| ()).result().unwrap();
        let late = limited.with(JobOptions::new().delay(hour).start_by(hour)).submit(|| ());
        pool.every(hour, || ()).detach();
        let in_job = pool.handle();
        pool.execute(move || drop(in_job.submit_after(hour, || ())));
        assert!(pool.shutdown_with(ShutdownPolicy::cancel_pending()).cancelled > 0);
        assert!(late.result().is_err());
        drop((limited, pool));
        assert_eq!(shared.strong_count(), 0);
    }
}
