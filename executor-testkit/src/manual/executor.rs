//! The owner of a manual executor.

use std::fmt;
use std::ops::Deref;
use std::time::{Duration, Instant};

use executor_core::{ClosureExecutor, ClosureMapper, Executor, Future, Job, Map, Rejected, Shutdown};

use super::handle::ManualHandle;

/// An executor for tests: runs jobs one at a time, when a test says so, on a virtual clock that the test moves.
///
/// A `ManualExecutor` is a [`ClosureExecutor`](executor_core::ClosureExecutor) and an [`Executor`](executor_core::Executor) of every job. So in
/// tests it replaces the `ThreadPool` of code that is generic over its executor. Delays, time limits and shutdowns in such a test take no
/// time, and happen in the same order in every run.
///
/// | to | see |
/// |---|---|
/// | run jobs | [`run_next`](ManualHandle::run_next), [`run_until_idle`](ManualHandle::run_until_idle), [`run_nth`](ManualHandle::run_nth), [`fail_next`](ManualHandle::fail_next) |
/// | let time pass | [`advance`](ManualHandle::advance), and [`elapse`](ManualHandle::elapse), which a job calls that takes time |
/// | look | [`now`](Self::now), [`pending`](ManualHandle::pending), [`delayed`](ManualHandle::delayed), [`next_due`](ManualHandle::next_due), [`stats`](ManualHandle::stats) |
/// | try other orders | [`seeded`](Self::seeded) |
/// | end it | [`shutdown`](Self::shutdown), [`shutdown_with`](ManualHandle::shutdown_with), [`wait_idle`](ManualHandle::wait_idle) |
///
/// The executor derefs to its [handle](Self::handle), so every handle has the same methods.
///
/// # Waiting
///
/// The thread that made the executor drives it, and so does each thread that has made it run a job. If such a thread waits for a
/// [`Future`](executor_core::Future), a set of futures or an [`Event`](executor_core::Event), no other thread would run the awaited job. So the
/// wait runs jobs:
///
/// - A wait without a time limit for one queued job runs this job, before those ahead of it.
/// - Any other wait runs one job after the other, and moves the clock when no job is left.
/// - The limit of a wait for jobs of this executor alone is in virtual time.
/// - A wait that can never end panics, with a message that says so.
///
/// Other threads block until the job was run, as with any executor.
///
/// Two jobs that must run at the same time need [`run_on_thread`](ManualHandle::run_on_thread). Dropping the executor is `shutdown(true)`; on a
/// thread that panics, jobs that have not started are cancelled instead.
///
/// ```
/// use std::time::Duration;
/// use executor::{ClosureExecutor, Future, JobError};
/// use executor_testkit::ManualExecutor;
///
/// // The code under test: it does not know what runs its jobs.
/// fn remind(executor: &impl ClosureExecutor) -> Future<&'static str> {
///     executor.submit_after(Duration::from_secs(3600), || "time for tea")
/// }
///
/// let manual = ManualExecutor::new();
/// let reminder = remind(&manual);
/// manual.advance(Duration::from_secs(3599));
/// assert!(!reminder.is_done());
/// manual.advance(Duration::from_secs(1));
/// assert_eq!(reminder.result()?, "time for tea");
/// # Ok::<(), JobError>(())
/// ```
pub struct ManualExecutor(ManualHandle);

impl ManualExecutor {
    pub(super) fn of(handle: ManualHandle) -> Self {
        Self(handle)
    }

    /// Returns a handle, for code that submits without owning the executor.
    pub fn handle(&self) -> ManualHandle {
        self.0.clone()
    }
}

/// The methods that traits of executors have, too: as methods of the executor itself, they are found before those of the traits.
impl ManualExecutor {
    /// See [`ManualHandle::submit`].
    pub fn submit<J: Job>(&self, job: J) -> Future<J::Output> {
        self.0.submit(job)
    }

    /// See [`ManualHandle::try_submit`].
    ///
    /// # Errors
    ///
    /// [`Rejected`] with the job, after a shutdown, or if a bounded queue is full.
    pub fn try_submit<J: Job>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.0.try_submit(job)
    }

    /// See [`ManualHandle::submit_after`].
    pub fn submit_after<J: Job>(&self, delay: Duration, job: J) -> Future<J::Output> {
        self.0.submit_after(delay, job)
    }

    /// See [`ManualHandle::map`].
    pub fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, ClosureMapper<ManualHandle, F>>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        self.0.map(items, f)
    }

    /// See [`ManualHandle::now`].
    pub fn now(&self) -> Instant {
        self.0.now()
    }

    /// See [`ManualHandle::workers`].
    pub fn workers(&self) -> usize {
        self.0.workers()
    }

    /// See [`ManualHandle::wait_idle_timeout`].
    pub fn wait_idle_timeout(&self, limit: Duration) -> bool {
        self.0.wait_idle_timeout(limit)
    }

    /// See [`ManualHandle::shutdown`].
    pub fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait);
    }
}

impl Deref for ManualExecutor {
    type Target = ManualHandle;

    fn deref(&self) -> &ManualHandle {
        &self.0
    }
}

impl Drop for ManualExecutor {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close_and_stop();
        }
        self.shutdown(true);
    }
}

impl Shutdown for ManualExecutor {
    fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait);
    }
}

impl<J: Job> Executor<J> for ManualExecutor {
    fn submit(&self, job: J) -> Future<J::Output> {
        self.0.submit(job)
    }

    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.0.try_submit(job)
    }
}

impl ClosureExecutor for ManualExecutor {
    type Handle = ManualHandle;

    fn submit<F, T>(&self, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.0.submit(job)
    }

    fn submit_job<J: Job>(&self, delay: Option<Duration>, job: J) -> Future<J::Output> {
        match delay {
            None => self.0.submit(job),
            Some(delay) => self.0.submit_after(delay, job),
        }
    }

    fn submit_after<F, T>(&self, delay: Duration, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.0.submit_after(delay, job)
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn workers(&self) -> usize {
        self.0.workers()
    }

    fn handle(&self) -> ManualHandle {
        self.0.clone()
    }
}

impl fmt::Debug for ManualExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualExecutor").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
