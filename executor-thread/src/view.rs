//! A pool seen with options: each job that is submitted through it has them.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::cell::Control;
use executor_core::panics::named;
use executor_core::{
    ClosureExecutor, ClosureMapper, Future, Job, JobError, JobOptions, Label, Map, Rejected, TimedOut, current,
};

use crate::limits::{Off, StartAlarm, StartLimit};
use crate::pool::ThreadHandle;
use crate::runner::InPlace;
use crate::scheduler::Handle;
use crate::submit;
use crate::traits::is_closure_executor;

/// A view of a [`ThreadPool`](crate::ThreadPool) whose jobs have options. Made by [`with`](crate::ThreadPool::with). Cheap to
/// clone; does not keep the pool alive.
///
/// ```
/// use executor_core::{JobOptions, Priority};
/// use executor_thread::ThreadPool;
///
/// let pool = ThreadPool::new(2);
/// let background = pool.with(JobOptions::new().priority(Priority::Low).tag("nightly"));
/// let tag = background.submit(executor_core::current::tag);
/// assert_eq!(tag.result()?.as_deref(), Some("nightly"));
/// # Ok::<(), executor_core::JobError>(())
/// ```
#[derive(Clone)]
pub struct ThreadView {
    pool: ThreadHandle,
    options: JobOptions,
}

impl ThreadView {
    pub(crate) fn new(pool: ThreadHandle, options: JobOptions) -> Self {
        Self { pool, options }
    }

    /// The options.
    pub fn options(&self) -> &JobOptions {
        &self.options
    }

    /// Hands a job over with the view's options. Otherwise as [`ThreadPool::submit`](crate::ThreadPool::submit).
    pub fn submit<J: Job>(&self, job: J) -> Future<J::Output> {
        if let Some(delay) = self.options.get_delay() {
            return self.submit_after(delay, job);
        }
        let (job, wait) = self.described(job);
        let future = self.pool.rules.submit(&self.pool.scheduler, self.options.get_priority(), job);
        self.limit::<J>(wait, future.control(), Duration::ZERO);
        future
    }

    /// As `submit`, but never blocks, and gives a job that is refused back.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when a bounded queue is full.
    pub fn try_submit<J: Job>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        let (job, wait) = self.described(job);
        let priority = self.options.get_priority();
        let submitted = match self.options.get_delay() {
            None => self.pool.rules.try_submit(&self.pool.scheduler, priority, job),
            Some(delay) => submit::submit_later(&self.pool.scheduler, delay, priority, job),
        };
        match submitted {
            Ok(future) => {
                self.limit::<J>(wait, future.control(), self.options.get_delay().unwrap_or_default());
                Ok(future)
            }
            Err(rejected) => {
                let reason = rejected.reason();
                Err(Rejected::new(rejected.into_job().job, reason))
            }
        }
    }

    /// Hands a job over whose outcome nobody waits for. A panic in one that has no delay and may wait as long as it likes is told to the
    /// pool's panic handler.
    pub fn execute<J: Job>(&self, job: J) {
        if self.options.get_delay().is_some() || self.options.get_start_by().is_some() {
            return drop(self.submit(job));
        }
        let (job, _) = self.described(job);
        self.pool.rules.execute(&self.pool.scheduler, self.options.get_priority(), job);
    }

    /// Hands a job over that is queued once `delay`, in place of the view's own, is over.
    pub fn submit_after<J: Job>(&self, delay: Duration, job: J) -> Future<J::Output> {
        let (job, wait) = self.described(job);
        match submit::submit_later(&self.pool.scheduler, delay, self.options.get_priority(), job) {
            Ok(future) => {
                self.limit::<J>(wait, future.control(), delay);
                future
            }
            Err(rejected) => Future::failed(JobError::Rejected(rejected.reason())),
        }
    }

    /// Applies `f` to each item, in parallel and in order; see [`Map`].
    pub fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, ClosureMapper<Self, F>>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        ClosureExecutor::map(self, items, f)
    }

    /// How many jobs the pool runs at once.
    pub fn workers(&self) -> usize {
        self.pool.workers()
    }

    /// Another view of the same pool, with the same options.
    pub fn handle(&self) -> Self {
        self.clone()
    }

    /// Shuts the pool down, not only this view of it; see [`ThreadPool::shutdown`](crate::ThreadPool::shutdown).
    pub fn shutdown(&self, wait: bool) {
        self.pool.shutdown(wait);
    }

    /// The job with what the options say of its run, and the alarm for its wait, if that is limited.
    fn described<J: Job>(&self, job: J) -> (Described<J>, Option<StartAlarm<InPlace>>) {
        let limit = self.options.get_start_by();
        let (waits, alarm) = limit.map(|limit| StartLimit::new(self.pool.scheduler.clone(), limit)).unzip();
        let (label, timeout) = (self.options.label().cloned(), self.options.get_timeout());
        let timeout = timeout.map(|limit| (limit, self.pool.scheduler.clone()));
        (Described { job, label, timeout, waits }, alarm)
    }

    /// Ends the job if it has not started in its time, which begins after `delay`.
    fn limit<J>(&self, alarm: Option<StartAlarm<InPlace>>, control: Arc<dyn Control>, delay: Duration) {
        if let (Some(alarm), Some(limit)) = (alarm, self.options.get_start_by()) {
            alarm.set(control, delay, timed_out::<J>(self.options.label(), limit));
        }
    }
}

fn timed_out<J>(label: Option<&Arc<Label>>, limit: Duration) -> JobError {
    let name = label.and_then(|label| label.name.clone()).unwrap_or_else(|| type_name::<J>().into());
    JobError::TimedOut(TimedOut::new(name, limit))
}

/// A job with its name and its limits.
struct Described<J> {
    job: J,
    label: Option<Arc<Label>>,
    timeout: Option<(Duration, Handle<InPlace>)>,
    waits: Option<StartLimit<InPlace>>,
}

impl<J: Job> Job for Described<J> {
    type Output = J::Output;

    fn run(self) -> J::Output {
        drop(self.waits);
        let Some((limit, scheduler)) = self.timeout else {
            current::describe(self.label, None);
            return named::<J, _>(|| self.job.run());
        };
        let error = timed_out::<J>(self.label.as_ref(), limit);
        let when = Instant::now().checked_add(limit);
        current::describe(self.label, when);
        let _off = Off::end_run(scheduler, current::control(), when, error);
        named::<J, _>(|| self.job.run())
    }
}

is_closure_executor!(ThreadView, ThreadView, |view| view.options.get_timeout());

impl fmt::Debug for ThreadView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadView").field("options", &self.options).finish_non_exhaustive()
    }
}
