//! Submits jobs, from any number of owners.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::panics::drop_catching;
use executor_core::{
    ClosureExecutor, ClosureMapper, Executor, Future, Job, JobError, JobOptions, Map, Rejected, Shutdown,
};

use super::shared::Shared;
use super::submit::{self, Way};

/// Submits to a [`ManualExecutor`](crate::ManualExecutor), and drives it. When the executor is dropped, its handles reject jobs. Cheap to
/// clone.
///
/// Made by [`handle`](Self::handle), and by [`with`](Self::with), which gives jobs options.
///
/// ```
/// use executor_testkit::ManualExecutor;
///
/// let manual = ManualExecutor::new();
/// let handle = manual.handle();
/// assert!(handle.submit(|| 1).result().is_ok());
/// drop(manual);
/// assert!(handle.submit(|| 1).result().is_err());
/// ```
#[derive(Clone)]
pub struct ManualHandle {
    pub(super) shared: Arc<Shared>,
    options: Option<Arc<JobOptions>>,
}

impl ManualHandle {
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self { shared, options: None }
    }

    /// Returns another handle to the same executor, with the same options.
    pub fn handle(&self) -> Self {
        self.clone()
    }

    /// Returns a handle whose jobs have `options` in place of the options of this handle. Delays and limits are in virtual time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{JobError, JobOptions, current};
    /// use executor_testkit::ManualExecutor;
    ///
    /// let manual = ManualExecutor::new();
    /// let strict = manual.with(JobOptions::new().name("poll").timeout(Duration::from_secs(5)));
    /// let handle = manual.handle();
    /// let slow = strict.submit(move || {
    ///     handle.elapse(Duration::from_secs(6)); // it takes so long
    ///     assert!(current::stop_requested());
    /// });
    /// assert_eq!(slow.result().unwrap_err().to_string(),
    ///            "job `poll` did not finish within 5 s; raise the limit or split the job");
    /// ```
    pub fn with(&self, options: JobOptions) -> Self {
        Self { shared: self.shared.clone(), options: Some(Arc::new(options)) }
    }

    /// Returns the options of the handle's jobs: the default options, unless [`with`](Self::with) made this handle.
    pub fn options(&self) -> &JobOptions {
        static NONE: JobOptions = JobOptions::new();
        self.options.as_deref().unwrap_or(&NONE)
    }

    /// Queues a job, and returns the future of its outcome. After a shutdown, the future ends with
    /// [`JobError::Rejected`](executor_core::JobError::Rejected). Runs nothing and does not block, unless a bounded queue is full and blocks.
    pub fn submit<J: Job>(&self, job: J) -> Future<J::Output> {
        self.submit_by(Way::Now { may_wait: true }, job).unwrap_or_else(failed)
    }

    /// As `submit`, but never blocks, and returns a rejected job.
    ///
    /// # Errors
    ///
    /// [`Rejected`] with the job, after a shutdown, or if a bounded queue is full.
    pub fn try_submit<J: Job>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.submit_by(Way::Now { may_wait: false }, job)
    }

    /// Queues a job without a future. The panic hook reports a panic of the job.
    pub fn execute<J: Job>(&self, job: J) {
        drop(self.submit(job));
    }

    /// Queues a job once `delay` is over, by the virtual clock. A shutdown waits for it.
    pub fn submit_after<J: Job>(&self, delay: Duration, job: J) -> Future<J::Output> {
        self.submit_by(Way::After(delay), job).unwrap_or_else(failed)
    }

    fn submit_by<J: Job>(&self, way: Way, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        submit::submit(&self.shared, self.options.as_deref(), way, job)
    }

    /// Applies `f` to each item, in order; see [`Map`].
    pub fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, ClosureMapper<ManualHandle, F>>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        ClosureExecutor::map(self, items, f)
    }
}

/// The future of a job that was refused, which is dropped.
fn failed<J: Job>(rejected: Rejected<J>) -> Future<J::Output> {
    let error = JobError::Rejected(rejected.error().clone());
    drop_catching(rejected);
    Future::failed(error)
}

impl Shutdown for ManualHandle {
    fn shutdown(&self, wait: bool) {
        Self::shutdown(self, wait);
    }
}

impl<J: Job> Executor<J> for ManualHandle {
    fn submit(&self, job: J) -> Future<J::Output> {
        Self::submit(self, job)
    }

    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        Self::try_submit(self, job)
    }
}

impl ClosureExecutor for ManualHandle {
    type Handle = ManualHandle;

    fn submit<F, T>(&self, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Self::submit(self, job)
    }

    fn submit_job<J: Job>(&self, delay: Option<Duration>, job: J) -> Future<J::Output> {
        match delay {
            None => Self::submit(self, job),
            Some(delay) => Self::submit_after(self, delay, job),
        }
    }

    fn submit_after<F, T>(&self, delay: Duration, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Self::submit_after(self, delay, job)
    }

    fn now(&self) -> Instant {
        Self::now(self)
    }

    fn workers(&self) -> usize {
        Self::workers(self)
    }

    fn handle(&self) -> ManualHandle {
        self.clone()
    }

    fn time_limit(&self) -> Option<Duration> {
        self.options().values().timeout
    }
}

impl fmt::Debug for ManualHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ManualHandle");
        shown.field("stats", &self.stats());
        if let Some(options) = &self.options {
            shown.field("options", options);
        }
        shown.finish_non_exhaustive()
    }
}
