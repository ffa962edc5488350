//! Drives an executor, looks at it, and ends it.

use std::time::{Duration, Instant};

use executor_core::{Future, JobError, JobId, Pool, ShutdownPolicy, ShutdownReport, Stats};

use super::handle::ManualHandle;

/// Running jobs, and letting time pass.
impl ManualHandle {
    /// Runs the next job. False if none is queued.
    pub fn run_next(&self) -> bool {
        self.shared.driven_here();
        self.shared.run_one(None)
    }

    /// Runs the job that is number `n` of [`pending`](Self::pending), whatever is before it. False if there are no more than `n`.
    pub fn run_nth(&self, n: usize) -> bool {
        self.shared.driven_here();
        self.shared.run_one(Some(n))
    }

    /// Ends the next job with `error`, without running it. False if none is queued.
    pub fn fail_next(&self, error: JobError) -> bool {
        self.shared.fail_one(error)
    }

    /// Runs jobs until none is queued, those included that they submit. Says how many it was. Time stands still meanwhile, except
    /// for what jobs [let pass](Self::elapse).
    pub fn run_until_idle(&self) -> usize {
        self.shared.driven_here();
        self.shared.run_until_idle()
    }

    /// Lets `length` of time pass: runs what is queued, then goes to each time at which something is due, in order, and runs what is
    /// queued by then. Says how many jobs it ran. Inside of a job, call [`elapse`](Self::elapse): the one worker has no time for
    /// others.
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
    /// # Ok::<(), executor_core::JobError>(())
    /// ```
    pub fn advance(&self, length: Duration) -> usize {
        self.shared.driven_here();
        self.shared.advance(length)
    }

    /// Lets `length` of time pass and runs nothing, as if every worker were busy: delayed jobs are queued when they are due, and
    /// time limits end what has run or waited for too long. A job that takes time calls it.
    pub fn elapse(&self, length: Duration) {
        self.shared.elapse(length);
    }

    /// The jobs that are queued: the more urgent first, and of one priority those that came first.
    pub fn pending(&self) -> Vec<JobId> {
        self.shared.pending_ids()
    }

    /// How many jobs wait for their time.
    pub fn delayed(&self) -> usize {
        self.shared.lock().clock.delayed()
    }

    /// When something happens next, if nothing is run before: a delayed job is queued, or a time limit is up.
    pub fn next_due(&self) -> Option<Instant> {
        self.shared.next_due()
    }

    /// From now on a thread of its own runs the jobs, one at a time, by the world's clock, and others go on in its place while jobs
    /// wait: it is an executor like any other, and threads that wait for its jobs do not run them. Time that is let pass by
    /// [`elapse`](Self::elapse) comes on top.
    pub fn run_on_thread(&self) {
        self.shared.run_on_thread();
    }
}

/// The methods of every pool.
impl ManualHandle {
    /// The virtual time.
    pub fn now(&self) -> Instant {
        self.shared.now()
    }

    /// How many workers it says that it has.
    pub fn workers(&self) -> usize {
        self.shared.workers
    }

    /// Returns what it is doing and how its jobs ended so far. Jobs that are due at a later virtual time count as delayed.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Does nothing: jobs run on threads that are there anyway. [`run_on_thread`](Self::run_on_thread) starts its thread at once.
    pub fn prestart(&self) {}

    /// Runs everything that was accepted, delayed jobs at their virtual time. The executor stays open. Inside of a job or callback of this
    /// executor, does nothing.
    pub fn wait_idle(&self) {
        self.shared.drain();
    }

    /// As [`wait_idle`](Self::wait_idle), until the virtual time is `deadline` at most. Returns whether the executor is idle.
    ///
    /// Runs what is queued or falls due by then, and starts no job after a job that [takes](Self::elapse) longer. If anything is left, the
    /// virtual time is `deadline` when it returns. A `deadline` before [`now`](Self::now) runs nothing. Jobs that another thread runs
    /// take no virtual time, so they are not waited for. Inside of a job or callback of this executor, returns false at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_testkit::ManualExecutor;
    ///
    /// let manual = ManualExecutor::new();
    /// let start = manual.now();
    /// let (soon, late) = [1, 3].map(Duration::from_hours).map(|delay| manual.submit_after(delay, || ())).into();
    /// assert!(!manual.wait_idle_until(start + Duration::from_hours(2)));
    /// assert_eq!(manual.now(), start + Duration::from_hours(2));
    /// assert!(soon.is_done() && !late.is_done());
    /// assert!(manual.wait_idle_until(start + Duration::from_hours(4)));
    /// assert_eq!(manual.now(), start + Duration::from_hours(3));
    /// ```
    pub fn wait_idle_until(&self, deadline: Instant) -> bool {
        self.shared.drain_until(deadline)
    }

    /// As [`wait_idle_until`](Self::wait_idle_until), for at most `limit` of virtual time.
    pub fn wait_idle_timeout(&self, limit: Duration) -> bool {
        self.shared.drain_until(self.shared.after(limit))
    }

    /// A future that ends when the executor is shut down, and its last job has ended; if it [runs on a thread](Self::run_on_thread), when
    /// that is done, too. A thread that drives the executor and waits for this future runs what is left.
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
    /// # Ok::<(), executor_core::JobError>(())
    /// ```
    pub fn closed(&self) -> Future<()> {
        self.shared.closed()
    }

    /// Takes no more jobs. With `wait`, runs the accepted jobs on this thread, delayed jobs at their time; without, the threads that drive
    /// the executor run them. Inside of a job or callback of this executor, `wait` is ignored.
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

    /// Shuts down as `policy` says, with its limit in virtual time, and tells what became of the jobs that there were. Runs what the
    /// policy leaves on this thread.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_core::ShutdownPolicy;
    /// use executor_testkit::ManualExecutor;
    ///
    /// let manual = ManualExecutor::new();
    /// let soon = manual.submit_after(Duration::from_secs(60), || ());
    /// let late = manual.submit_after(Duration::from_secs(7200), || ());
    /// let report = manual.shutdown_with(ShutdownPolicy::drain().within(Duration::from_secs(3600)));
    /// assert_eq!(report.to_string(), "1 completed, 0 failed, 1 cancelled, 0 still running");
    /// assert!(soon.result().is_ok() && late.is_cancelled());
    /// ```
    pub fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        self.shared.shutdown_with(policy)
    }
}

impl Pool for ManualHandle {
    fn workers(&self) -> usize {
        Self::workers(self)
    }

    fn stats(&self) -> Stats {
        Self::stats(self)
    }

    fn prestart(&self) {
        Self::prestart(self);
    }

    fn wait_idle(&self) {
        Self::wait_idle(self);
    }

    /// By the virtual clock, as [`ManualHandle::wait_idle_until`] is.
    fn wait_idle_until(&self, deadline: Instant) -> bool {
        Self::wait_idle_until(self, deadline)
    }

    /// By the virtual clock, as [`ManualHandle::wait_idle_timeout`] is.
    fn wait_idle_timeout(&self, limit: Duration) -> bool {
        Self::wait_idle_timeout(self, limit)
    }

    fn closed(&self) -> Future<()> {
        Self::closed(self)
    }

    fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        Self::shutdown_with(self, policy)
    }
}
