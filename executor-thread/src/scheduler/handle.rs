//! The public handle of a scheduler.

use std::fmt;
use std::sync::Arc;
use std::task::{Poll, Waker};
#[cfg(feature = "rayon")]
use std::thread::JoinHandle;
use std::time::Instant;

use executor_core::cell::{Captures, Notify};
use executor_core::dump::Dump;
use executor_core::job_counters::JobCounters;
use executor_core::queue_id::QueueId;
use executor_core::{Future, JobError, Priority, Rejection, ShutdownPolicy, ShutdownReport, Stats};

use super::config::Config;
use super::identity;
use super::queued::{Queued, TimerEvent};
use super::runner::Runner;
use super::shared::{Pushed, Shared};
#[cfg(feature = "rayon")]
use super::supply::Supply;
use super::waiters::WaitToken;

/// A queue of jobs, and the workers that run them. Cheap to clone: all clones share the queue. Dropping a clone does not shut the
/// scheduler down: call [`shutdown`](Scheduler::shutdown).
pub struct Scheduler<R: Runner + 'static>(Arc<Shared<R>>);

impl<R: Runner + 'static> Scheduler<R> {
    /// Creates a scheduler. No thread starts before there is a job. `make` creates the runner of each worker, on the worker's thread, from the
    /// worker's name. `make` must not own a clone of the scheduler, which would keep both alive for ever.
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

    /// Returns how many jobs run at once, at most.
    pub fn workers(&self) -> usize {
        self.0.config.workers
    }

    /// Returns the queue id of queued jobs. Create jobs to be pushed with it.
    pub fn queue(&self) -> QueueId {
        self.0.queue.id()
    }

    /// Returns the queue id of delayed jobs. Create jobs for [`push_at`](Scheduler::push_at) with it.
    pub fn delay(&self) -> QueueId {
        self.0.delay.id()
    }

    /// Returns what the scheduler is doing, and how its jobs have ended so far. Never blocks.
    pub fn stats(&self) -> Stats {
        self.shared().map_or_else(|_| self.0.counters.stats(), |shared| shared.stats())
    }

    /// Returns a report of what each worker runs, what waits for what, and why nothing moves. Blocks for a moment only.
    pub fn dump(&self) -> Dump {
        match self.shared() {
            Ok(shared) => shared.dump(),
            Err(_) => Dump::new(self.0.config.name.clone(), self.0.config.kind),
        }
    }

    /// Returns a function that makes its calling thread one of the scheduler's: a shutdown on that thread does not wait. For a thread that
    /// calls user code on behalf of the scheduler's jobs.
    pub fn thread_enlister(&self) -> impl Fn() + Send + Sync + 'static {
        let this = self.0.this.clone();
        move || {
            if let Some(shared) = this.upgrade() {
                identity::enter(shared.identity(), None);
            }
        }
    }

    /// Returns the counters of the jobs.
    pub fn counters(&self) -> &Arc<JobCounters> {
        &self.0.counters
    }

    /// Fails in a process that was forked from its own: there, no thread serves it, and its locks may be held for ever.
    pub(super) fn shared(&self) -> Result<&Arc<Shared<R>>, Rejection> {
        if self.0.origin.is_here() { Ok(&self.0) } else { Err(self.0.origin.absence()) }
    }

    /// Puts a usual job into the inbox. Returns a job that is to be pushed otherwise.
    #[inline]
    pub(super) fn put(&self, job: R::Job) -> Option<R::Job> {
        if self.0.origin.is_here() { self.0.put(job) } else { Some(job) }
    }

    /// Pushes a job, unless this is a forked process.
    fn hand(&self, job: R::Job, push: impl FnOnce(&Shared<R>, R::Job) -> Pushed<R::Job>) -> Pushed<R::Job> {
        match self.shared() {
            Ok(shared) => push(shared, job),
            Err(reason) => Err((job, reason)),
        }
    }

    /// Queues a job behind the other jobs of its priority. Never blocks.
    ///
    /// # Errors
    ///
    /// The job and the reason, if the scheduler is shut down or its queue is full.
    pub fn push(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        self.hand(job, |shared, job| shared.push(priority, job))
    }

    /// Like [`push`](Self::push), but queues the job even if the queue is full.
    ///
    /// # Errors
    ///
    /// The job and the reason, if the scheduler is shut down.
    pub fn push_above(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        self.hand(job, |shared, job| shared.push_above(priority, job))
    }

    /// Like [`push`](Self::push), but waits for room in a full queue, until `deadline` at most. Blocks.
    ///
    /// # Errors
    ///
    /// The job and the reason, if the scheduler is shut down, or if the queue stays full until the deadline.
    pub fn push_wait(&self, priority: Priority, job: R::Job, deadline: Option<Instant>) -> Pushed<R::Job> {
        self.hand(job, |shared, job| shared.push_wait(priority, job, deadline))
    }

    /// Like [`push`](Self::push), but if the queue is full, ends the oldest job of the lowest priority as [`Rejection::Dropped`]. Never blocks.
    ///
    /// # Errors
    ///
    /// The job and the reason, if the scheduler is shut down.
    pub fn push_over_oldest(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        self.hand(job, |shared, job| shared.push_over_oldest(priority, job))
    }

    /// Like [`push`](Self::push), for async code: if the queue is full, leaves the job in `job`, and wakes `waker` when there is room. Never
    /// blocks. Pass the same token each time. To stop trying, call [`give_up`](Self::give_up) with it.
    ///
    /// # Errors
    ///
    /// The reason, if the scheduler is shut down. The job stays in `job`.
    ///
    /// # Panics
    ///
    /// If `job` is `None`.
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

    /// Stops waiting for room. If this token was woken, the next waiter is woken instead.
    pub fn give_up(&self, token: WaitToken) {
        if let Ok(shared) = self.shared() {
            shared.give_up(token);
        }
    }

    /// Runs the job on this thread instead of queueing it. Blocks as long as the job runs. A thread that is not a worker counts as one
    /// meanwhile.
    ///
    /// Returns false, and the job is still to be pushed, if jobs are nested too deeply on this thread, or the scheduler is shut down.
    pub fn run_here(&self, job: &R::Job) -> bool {
        self.shared().is_ok_and(|shared| shared.run_here(job))
    }

    /// Returns whether the calling thread is a worker of this scheduler, or counts as one.
    pub fn is_worker_here(&self) -> bool {
        self.shared().is_ok_and(|shared| shared.is_worker_here())
    }

    /// Queues a job at the time `when`, even if the queue is full then. A shutdown waits for it. Never blocks.
    ///
    /// # Errors
    ///
    /// The job and the reason, if the scheduler is shut down.
    pub fn push_at(&self, when: Instant, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        self.hand(job, |shared, job| shared.push_at(when, priority, job))
    }

    /// Fires `timer` at the time `when`, unless the scheduler has ended by then. A shutdown does not wait for it. Never blocks.
    pub fn push_timer(&self, when: Instant, timer: Box<dyn TimerEvent>) {
        if let Ok(shared) = self.shared() {
            shared.push_timer(when, timer);
        }
    }

    /// Reports that a timer event was cancelled, so that it can be dropped before its time.
    pub fn cancel_timer(&self) {
        if let Ok(shared) = self.shared() {
            shared.cancelled();
        }
    }

    /// Starts all workers that are not running, and calls [`begin`](Runner::begin) on each. Does not wait for them.
    pub fn prestart(&self) {
        if let Ok(shared) = self.shared() {
            shared.prestart();
        }
    }

    /// Gives each worker a job of its own, which it runs before any queued job. Starts all workers first. Create the jobs with the queue id
    /// [`delay`](Self::delay), so that each runs on its own worker.
    ///
    /// # Errors
    ///
    /// The reason, if the scheduler is shut down. `job` is not called then.
    pub fn broadcast(&self, job: impl FnMut() -> R::Job) -> Result<(), Rejection> {
        self.shared()?.broadcast(job)
    }

    /// Blocks until no job is queued, delayed or running, or until `deadline`. Returns whether that is so. Delayed jobs that a shutdown
    /// [would cancel](Self::push_until_shutdown) do not count. On a thread of this scheduler, does not wait.
    pub fn wait_idle(&self, deadline: Option<Instant>) -> bool {
        self.shared().map_or(true, |shared| shared.wait_idle(deadline))
    }

    /// Returns a future that is ready when the scheduler is shut down and its last worker has ended.
    pub fn closed(&self) -> Future<()> {
        self.shared().map_or_else(|_| Future::ready(()), |shared| shared.closed())
    }

    /// Shuts down as `policy` says, and returns how the jobs ended. Blocks until the scheduler is empty or the policy's time limit is over.
    /// On a thread of this scheduler, does not block.
    pub fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        self.shared().map_or_else(|_| ShutdownReport::default(), |shared| shared.shutdown_with(policy))
    }

    /// Like [`push_at`](Self::push_at), but a shutdown does not wait for the job: if its time has not come, it ends as
    /// [`JobError::Cancelled`].
    ///
    /// # Errors
    ///
    /// The job and the reason, if the scheduler is shut down.
    pub fn push_until_shutdown(&self, when: Instant, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        self.hand(job, |shared, job| shared.push_delayed(when, priority, job, true))
    }

    /// Closes the scheduler because it cannot work any more. Queued and delayed jobs end with `error`, and so do jobs that a runner
    /// [gives back](super::Batch::give_back) later. Later pushes are rejected as [`Rejection::Broken`].
    ///
    /// Running jobs continue, and the threads end as after a shutdown. If this is called again, the first error stays. Never blocks:
    /// callbacks run as by [`call_back`](Self::call_back).
    pub fn break_down(&self, error: JobError) {
        if let Ok(shared) = self.shared() {
            shared.break_down(error);
        }
    }

    /// Like [`Batch::give_back`](super::Batch::give_back), on any thread, while the runner that took the job is still in its `run`.
    pub fn give_back(&self, job: R::Job, priority: Priority) {
        match self.shared() {
            Ok(shared) => shared.give_back(None, job, priority),
            Err(reason) => drop(job.fail(JobError::rejected(reason))),
        }
    }

    /// Fires `notify`. Never blocks: a callback runs on a thread for callbacks, one after the other; any other notification is fired on this
    /// thread.
    ///
    /// The thread starts when it is needed, and ends when it has been idle for `keep_alive`. A shutdown waits for it, unless a callback calls
    /// that shutdown.
    pub fn call_back(&self, notify: Notify) {
        match self.shared() {
            Ok(shared) => shared.call_back(notify),
            Err(_) => notify.fire(),
        }
    }

    /// Drops the captured values of a job that ended without running, on a thread for such drops. Never blocks. As with
    /// [`call_back`](Self::call_back), a shutdown waits for the thread.
    pub fn drop_aside(&self, captures: Captures) {
        match self.shared() {
            Ok(shared) => shared.drop_aside(captures),
            Err(_) => drop(captures),
        }
    }

    /// Returns why jobs are rejected. `None` while jobs are accepted.
    pub fn refusal(&self) -> Option<Rejection> {
        self.shared().map_or_else(Some, |shared| shared.refusal())
    }

    /// Returns whether jobs are accepted.
    pub fn is_open(&self) -> bool {
        self.shared().is_ok_and(|shared| shared.is_open())
    }

    /// Closes the scheduler: later pushes are rejected, and each worker ends when the queue is empty.
    ///
    /// With `wait`, blocks until the last thread has ended. On a thread of this scheduler, `wait` is ignored.
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
