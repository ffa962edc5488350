//! Drives an executor, looks at it, and ends it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::job_counters::JobCounters;
use executor_core::{
    Dump, Future, JobError, JobId, NotMeasured, Pool, Recording, ShutdownPolicy, ShutdownReport, Stats,
};

use super::handle::ManualHandle;

/// Running jobs, and letting time pass.
impl ManualHandle {
    /// Runs the next job. Returns false if no job is queued.
    pub fn run_next(&self) -> bool {
        self.shared.driven_here();
        self.shared.run_one(None)
    }

    /// Runs job number `n` of [`pending`](Self::pending), counted from 0, before those ahead of it. Returns false if there are no more
    /// than `n` jobs.
    pub fn run_nth(&self, n: usize) -> bool {
        self.shared.driven_here();
        self.shared.run_one(Some(n))
    }

    /// Ends the next job with `error`, without running it. Returns false if no job is queued.
    pub fn fail_next(&self, error: JobError) -> bool {
        self.shared.fail_one(error)
    }

    /// Runs jobs until none is queued, including jobs that these submit. Returns how many ran. The clock stands still, unless a job calls
    /// [`elapse`](Self::elapse).
    pub fn run_until_idle(&self) -> usize {
        self.shared.driven_here();
        self.shared.run_until_idle()
    }

    /// Moves the clock by `length`: runs the queued jobs, then visits each time at which something is due, in order, and runs the jobs
    /// queued by then. Returns how many jobs ran. In a job, call [`elapse`](Self::elapse) instead: the one worker is busy.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_testkit::ManualExecutor;
    ///
    /// let manual = ManualExecutor::new();
    /// let start = manual.now();
    /// let handle = manual.handle();
    /// let when = manual.submit_after(Duration::from_secs(60), move || handle.now());
    /// assert_eq!(manual.advance(Duration::from_secs(3600)), 1);
    /// assert_eq!(when.result()?, start + Duration::from_secs(60));
    /// assert_eq!(manual.now(), start + Duration::from_secs(3600));
    /// # Ok::<(), executor::JobError>(())
    /// ```
    pub fn advance(&self, length: Duration) -> usize {
        self.shared.driven_here();
        self.shared.advance(length)
    }

    /// Moves the clock by `length` without running a job, as if every worker were busy. Delayed jobs are queued when they are due, and
    /// time limits end jobs that ran or waited too long. A job calls `elapse` to take virtual time.
    pub fn elapse(&self, length: Duration) {
        self.shared.elapse(length);
    }

    /// Returns the queued jobs: higher priority first, then in the order of submission.
    pub fn pending(&self) -> Vec<JobId> {
        self.shared.pending_ids()
    }

    /// Returns how many delayed jobs are not due yet.
    pub fn delayed(&self) -> usize {
        self.shared.lock().clock.delayed()
    }

    /// Returns when the next delayed job is due or the next time limit ends, if no job runs before.
    pub fn next_due(&self) -> Option<Instant> {
        self.shared.next_due()
    }

    /// Starts a thread that runs the jobs from now on, one at a time, by the real clock. While a job waits, a spare thread goes on. Then
    /// this is an executor like any other: a thread that waits for a job does not run it. [`elapse`](Self::elapse) adds to the real time.
    pub fn run_on_thread(&self) {
        self.shared.run_on_thread();
    }
}

/// The methods of every pool.
impl ManualHandle {
    /// Returns the virtual time.
    pub fn now(&self) -> Instant {
        self.shared.now()
    }

    /// Returns the number of workers that the builder was given.
    pub fn workers(&self) -> usize {
        self.shared.workers
    }

    /// Returns what the executor is doing and how its jobs ended so far. Jobs that are due at a later virtual time count as delayed.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Starts a recording: which job runs when, and how it ends. See [`Recording`]. Its times are those of the system's clock.
    ///
    /// ```
    /// use executor_testkit::ManualExecutor;
    ///
    /// let manual = ManualExecutor::builder().measure(true).build();
    /// let recording = manual.record()?;
    /// manual.submit(|| ()).result().unwrap();
    /// assert!(recording.svg().contains("1 job in "));
    /// # Ok::<(), executor::NotMeasured>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotMeasured`] if the executor was built without [`measure(true)`](super::ManualExecutorBuilder::measure).
    pub fn record(&self) -> Result<Recording, NotMeasured> {
        Pool::record(self)
    }

    /// Does nothing: jobs run on threads that exist anyway. [`run_on_thread`](Self::run_on_thread) starts its thread at once.
    pub fn prestart(&self) {}

    /// Runs all accepted jobs, delayed jobs at their virtual time. The executor stays open. Does nothing in a job or callback of this
    /// executor.
    pub fn wait_idle(&self) {
        self.shared.drain();
    }

    /// As [`wait_idle`](Self::wait_idle), until the virtual time is `deadline` at most. Returns whether the executor is idle.
    ///
    /// Runs the jobs that are queued or become due by then. If a job [takes](Self::elapse) longer, no further job starts. If a job is left, the
    /// virtual time is `deadline` on return. A `deadline` before [`now`](Self::now) runs nothing. Jobs that another thread runs
    /// take no virtual time, so this call does not wait for them. In a job or callback of this executor, returns false at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_testkit::ManualExecutor;
    ///
    /// let manual = ManualExecutor::new();
    /// let start = manual.now();
    /// let (soon, late) = [3600, 3 * 3600].map(Duration::from_secs).map(|delay| manual.submit_after(delay, || ())).into();
    /// assert!(!manual.wait_idle_until(start + Duration::from_secs(2 * 3600)));
    /// assert_eq!(manual.now(), start + Duration::from_secs(2 * 3600));
    /// assert!(soon.is_done() && !late.is_done());
    /// assert!(manual.wait_idle_until(start + Duration::from_secs(4 * 3600)));
    /// assert_eq!(manual.now(), start + Duration::from_secs(3 * 3600));
    /// ```
    pub fn wait_idle_until(&self, deadline: Instant) -> bool {
        self.shared.drain_until(deadline)
    }

    /// As [`wait_idle_until`](Self::wait_idle_until), for at most `limit` of virtual time.
    pub fn wait_idle_timeout(&self, limit: Duration) -> bool {
        self.shared.drain_until(self.shared.after(limit))
    }

    /// Returns a future that ends when the executor is shut down and its last job has ended; with [`run_on_thread`](Self::run_on_thread), when
    /// the thread has ended, too. A thread that drives the executor and waits for this future runs the remaining jobs.
    ///
    /// ```
    /// use executor_testkit::ManualExecutor;
    ///
    /// let manual = ManualExecutor::new();
    /// let (job, closed) = (manual.submit(|| 1), manual.closed());
    /// manual.shutdown(false);
    /// assert!(!closed.is_done());
    /// closed.result()?; // or `.await`
    /// assert!(job.is_done());
    /// # Ok::<(), executor::JobError>(())
    /// ```
    pub fn closed(&self) -> Future<()> {
        self.shared.closed()
    }

    /// Returns a report of the jobs that wait, and of what waits for what. An executor without threads of its own also says that no thread
    /// runs its jobs now.
    ///
    /// ```
    /// use executor_testkit::ManualExecutor;
    ///
    /// let manual = ManualExecutor::new();
    /// let job = manual.submit(|| ());
    /// assert!(manual.dump().to_string().contains("no thread drives this executor"));
    /// job.wait();
    /// ```
    pub fn dump(&self) -> Dump {
        self.shared.dump()
    }

    /// Rejects jobs from now on. If `wait` is true, runs the accepted jobs on this thread, delayed jobs at their time. If `wait` is false, the
    /// threads that drive the executor run them. In a job or callback of this executor, `wait` is ignored.
    pub fn shutdown(&self, wait: bool) {
        self.shared.close();
        if wait {
            self.shared.drain();
        }
    }

    /// Takes no more jobs, cancels those that wait, and asks those that run to stop.
    pub(super) fn close_and_stop(&self) {
        self.shared.close();
        self.shared.stop();
    }

    /// Shuts down by `policy`, whose limit is in virtual time, and reports how the jobs ended. Runs on this thread the jobs that the policy
    /// does not cancel.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::ShutdownPolicy;
    /// use executor_testkit::ManualExecutor;
    ///
    /// let manual = ManualExecutor::new();
    /// let soon = manual.submit_after(Duration::from_secs(60), || ());
    /// let late = manual.submit_after(Duration::from_secs(2 * 3600), || ());
    /// let report = manual.shutdown_with(ShutdownPolicy::drain().within(Duration::from_secs(3600)));
    /// assert_eq!(report.to_string(), "1 completed, 0 failed, 1 cancelled, 0 still running");
    /// assert!(soon.result().is_ok() && late.is_cancelled());
    /// ```
    pub fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        self.shared.shutdown_with(policy)
    }
}

executor_core::impl_pool_by_methods!(ManualHandle {
    /// By the virtual clock, as [`ManualHandle::wait_idle_timeout`] is.
    fn wait_idle_timeout(&self, limit: Duration) -> bool {
        Self::wait_idle_timeout(self, limit)
    }

    fn counters(&self) -> Option<Arc<JobCounters>> {
        Some(self.shared.counters().clone())
    }
});
