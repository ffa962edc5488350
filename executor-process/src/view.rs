//! A pool seen with options: each job that is submitted through it has them.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use executor_core::{Executor, Future, JobError, JobOptions, Map, PortableJob, Rejected, Shutdown};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::Codec;
use crate::job::{Encoded, Returned};
use crate::submit::future_of;
use crate::{CallMapper, ProcessHandle};

/// A view of a [`ProcessPool`](crate::ProcessPool) whose jobs have options. Made by [`with`](crate::ProcessPool::with). Cheap to clone;
/// does not keep the pool alive.
///
/// ```
/// use executor_core::{JobOptions, Priority, call, current};
/// use executor_process::ProcessPool;
///
/// fn tag() -> Option<String> { current::tag().map(|tag| tag.to_string()) }
///
/// let pool = ProcessPool::new(1)?;
/// let background = pool.with(JobOptions::new().priority(Priority::Low).tag("nightly"));
/// assert_eq!(background.submit(call!(tag())).result()?.as_deref(), Some("nightly"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ProcessView {
    pub(crate) pool: ProcessHandle,
    options: JobOptions,
}

impl ProcessView {
    pub(crate) fn new(pool: ProcessHandle, options: JobOptions) -> Self {
        Self { pool, options }
    }

    /// The options.
    pub fn options(&self) -> &JobOptions {
        &self.options
    }

    /// Hands a job over with the view's options. Otherwise as [`ProcessPool::submit`](crate::ProcessPool::submit).
    pub fn submit<J: PortableJob>(&self, job: J) -> Future<J::Output> {
        self.pool.rules.submit(&self.pool.scheduler, &self.options, job)
    }

    /// As `submit`, but never waits, and gives a job that is refused back.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when a bounded queue is full.
    pub fn try_submit<J: PortableJob>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.pool.rules.try_submit(&self.pool.scheduler, &self.options, job)
    }

    /// Hands a job over whose outcome nobody waits for.
    pub fn execute<J: PortableJob>(&self, job: J) {
        drop(self.submit(job));
    }

    /// Hands a job over that is queued once `delay`, in place of the view's own, is over.
    pub fn submit_after<J: PortableJob>(&self, delay: Duration, job: J) -> Future<J::Output> {
        future_of(self.pool.rules.submit_after(&self.pool.scheduler, &self.options, delay, job))
    }

    /// Applies `f`, a function or a closure that captures nothing, to each item, in parallel and in order; see [`Map`].
    #[track_caller]
    pub fn map<I, R>(&self, items: I, f: fn(I::Item) -> R) -> Map<I::IntoIter, CallMapper<I::Item, R>>
    where
        I: IntoIterator<Item: Serialize + DeserializeOwned + Send + 'static>,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        Map::new(items.into_iter(), CallMapper::new(self.clone(), f, Location::caller()))
    }

    pub(crate) fn codec(&self) -> Codec {
        self.pool.rules.codec
    }

    /// Hands over what was encoded already.
    pub(crate) fn submit_encoded<T>(&self, job: Encoded, open: fn(Returned) -> Result<T, JobError>) -> Future<T>
    where
        T: Send + 'static,
    {
        self.pool.rules.submit_encoded(&self.pool.scheduler, &self.options, job, open)
    }

    /// How many jobs the pool runs at once.
    pub fn workers(&self) -> usize {
        self.pool.workers()
    }

    /// Another view of the same pool, with the same options.
    pub fn handle(&self) -> Self {
        self.clone()
    }

    /// Shuts the pool down, not only this view of it; see [`ProcessPool::shutdown`](crate::ProcessPool::shutdown).
    pub fn shutdown(&self, wait: bool) {
        self.pool.shutdown(wait);
    }
}

impl Shutdown for ProcessView {
    fn shutdown(&self, wait: bool) {
        Self::shutdown(self, wait);
    }
}

impl<J: PortableJob> Executor<J> for ProcessView {
    fn submit(&self, job: J) -> Future<J::Output> {
        Self::submit(self, job)
    }

    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        Self::try_submit(self, job)
    }
}

impl fmt::Debug for ProcessView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessView").field("options", &self.options).finish_non_exhaustive()
    }
}
