//! The traits of an executor, and what a refused job comes back as.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, vec};

use crate::error::{JobError, JobName, JobPath, Refused, Rejection};
use crate::future::Future;
use crate::job::Job;
use crate::job_counters::{self, Failure};
use crate::map::{Map, Mapper};
use crate::panics::{catch, named};

/// An executor that can be shut down. Not generic over the job, so that a call to it is never ambiguous.
pub trait Shutdown {
    /// Takes no more jobs. Accepted jobs still run.
    ///
    /// With `wait`, returns after the last accepted job has its outcome and no thread or process of the executor is
    /// left; without, returns at once, and the same comes true later. May be called many times, from many threads.
    /// Inside a job or callback of the same executor `wait` is ignored: two such jobs would wait for each other.
    fn shutdown(&self, wait: bool);
}

/// Runs jobs of type `J`, and gives a [`Future`] for the outcome of each.
///
/// Object-safe: `Arc<dyn Executor<Thumbnail>>` lets a configuration choose threads or processes.
///
/// ```
/// use std::sync::Arc;
/// use executor::{Executor, Job, promise};
/// # use executor::{Future, Rejected, Shutdown};
/// # struct Inline;
/// # impl Shutdown for Inline { fn shutdown(&self, _: bool) {} }
/// # impl<J: Job> Executor<J> for Inline {
/// #     fn submit(&self, job: J) -> Future<J::Output> { Future::ready(job.run()) }
/// #     fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> { Ok(self.submit(job)) }
/// # }
/// struct Double(u32);
/// impl Job for Double {
///     type Output = u32;
///     fn run(self) -> u32 { 2 * self.0 }
/// }
///
/// let executor: Arc<dyn Executor<Double>> = Arc::new(Inline);
/// assert_eq!(executor.submit(Double(21)).result()?, 42);
/// # Ok::<(), executor::JobError>(())
/// ```
pub trait Executor<J: Job>: Shutdown + Send + Sync {
    /// Hands the job over. A job that is refused ends as [`JobError::Rejected`](crate::JobError::Rejected), which its
    /// future tells. May block only where the executor has a bounded queue that says so.
    fn submit(&self, job: J) -> Future<J::Output>;

    /// As `submit`, but never blocks, and gives a refused job back.
    ///
    /// # Errors
    ///
    /// [`Rejected`] holds the job and why it was refused: after shutdown, or when a bounded queue is full.
    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>>;
}

/// An executor of closures, for code that is generic over what runs them: a thread pool in production, a manual
/// executor on virtual time in tests.
///
/// ```
/// use executor::{ClosureExecutor, JobError};
///
/// fn sum_of_squares<E: ClosureExecutor>(pool: &E, numbers: Vec<u64>) -> Result<u64, JobError> {
///     pool.map(numbers, |n| n * n).sum()
/// }
/// ```
pub trait ClosureExecutor: Shutdown + Send + Sync {
    /// A handle that does not keep the executor alive. A [`map`](ClosureExecutor::map) holds one.
    type Handle: ClosureExecutor + Clone + 'static;

    /// Hands the closure over, as [`Executor::submit`] does.
    fn submit<F, T>(&self, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;

    /// The same of a job that names itself, once `delay` is over if there is one.
    #[doc(hidden)]
    fn submit_job<J: Job>(&self, delay: Option<Duration>, job: J) -> Future<J::Output> {
        match delay {
            None => self.submit(move || job.run()),
            Some(delay) => self.submit_after(delay, move || job.run()),
        }
    }

    /// Runs the closure once `delay` is over, by the executor's own clock.
    fn submit_after<F, T>(&self, delay: Duration, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;

    /// The time by which the executor delays jobs.
    fn now(&self) -> Instant;

    /// How many jobs can run at once.
    fn workers(&self) -> usize;

    /// A handle to this executor.
    fn handle(&self) -> Self::Handle;

    /// The time that each job may run, where there is a limit: the items of a [`map`](ClosureExecutor::map) then go one by one, so that the limit
    /// is an item's. For those who write executors; by default, there is none.
    fn time_limit(&self) -> Option<Duration> {
        None
    }

    /// Applies `f` to each item on the executor; see [`Map`].
    fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, ClosureMapper<Self::Handle, F>>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        Map::new(items.into_iter(), ClosureMapper::new(self.handle(), f))
    }
}

/// A job that was refused, given back with the reason.
pub struct Rejected<J> {
    job: J,
    error: Refused,
}

impl<J> Rejected<J> {
    /// For those who write executors: refuses `job`.
    pub fn new(job: J, reason: Rejection) -> Self {
        Self::with_error(job, Refused::new(reason, None))
    }

    /// For those who write executors: refuses `job` with an error that may name it.
    pub fn with_error(job: J, error: Refused) -> Self {
        Self { job, error }
    }

    /// Why the job was refused.
    pub fn reason(&self) -> Rejection {
        self.error.reason()
    }

    /// Whether the queue was full: there may be room later.
    pub fn is_full(&self) -> bool {
        self.reason() == Rejection::Full
    }

    /// Whether the executor was shut down, or dropped: it takes no job any more.
    pub fn is_shutdown(&self) -> bool {
        self.reason() == Rejection::Shutdown
    }

    /// For those who write executors: the error of the job's future, if it had one.
    pub fn error(&self) -> &Refused {
        &self.error
    }

    /// The job, unchanged and never started.
    pub fn into_job(self) -> J {
        self.job
    }
}

impl<J> fmt::Debug for Rejected<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected").field("reason", &self.reason()).finish_non_exhaustive()
    }
}

impl<J> fmt::Display for Rejected<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<J> std::error::Error for Rejected<J> {}

/// The job is dropped.
///
/// ```
/// use executor::{JobError, Rejected, Rejection};
///
/// let refused = Rejected::new("a job", Rejection::Full);
/// assert!(refused.is_full() && !refused.is_shutdown());
/// assert_eq!(JobError::from(refused).rejection(), Some(Rejection::Full));
/// ```
impl<J> From<Rejected<J>> for JobError {
    fn from(rejected: Rejected<J>) -> Self {
        Self::Rejected(rejected.error)
    }
}

/// Applies a closure on a [`ClosureExecutor`].
pub struct ClosureMapper<E, F> {
    executor: E,
    function: Arc<F>,
}

impl<E: ClosureExecutor, F> ClosureMapper<E, F> {
    fn new(executor: E, function: F) -> Self {
        Self { executor, function: Arc::new(function) }
    }
}

impl<E, F, A, R> Mapper<A> for ClosureMapper<E, F>
where
    E: ClosureExecutor,
    F: Fn(A) -> R + Send + Sync + 'static,
    A: Send + 'static,
    R: Send + 'static,
{
    type Output = R;

    type Outcomes = vec::IntoIter<Result<R, JobError>>;

    fn submit(&mut self, item: A) -> Future<R> {
        self.executor.submit_job(None, MapItem { function: self.function.clone(), item })
    }

    fn submit_chunk(&mut self, items: Vec<A>) -> Vec<(Future<Self::Outcomes>, usize)> {
        let len = items.len();
        vec![(self.executor.submit_job(None, MapChunk { function: self.function.clone(), items }), len)]
    }

    fn workers(&self) -> usize {
        self.executor.workers()
    }

    fn is_limited(&self) -> bool {
        self.executor.time_limit().is_some()
    }
}

/// The job of one item. Errors give it the name of the function.
struct MapItem<F, A> {
    function: Arc<F>,
    item: A,
}

impl<F, A, R> Job for MapItem<F, A>
where
    F: Fn(A) -> R + Send + Sync + 'static,
    A: Send + 'static,
    R: Send + 'static,
{
    type Output = R;

    fn run(self) -> R {
        named::<F, _>(|| (self.function)(self.item))
    }

    fn job_name(_: Option<&Self>) -> JobName {
        JobPath::of::<F>().into()
    }
}

/// The job of several.
struct MapChunk<F, A> {
    function: Arc<F>,
    items: Vec<A>,
}

impl<F, A, R> Job for MapChunk<F, A>
where
    F: Fn(A) -> R + Send + Sync + 'static,
    A: Send + 'static,
    R: Send + 'static,
{
    type Output = vec::IntoIter<Result<R, JobError>>;

    fn run(self) -> Self::Output {
        let Self { function, items } = self;
        let outcomes: Vec<_> = items.into_iter().map(|item| catch(|| named::<F, _>(|| function(item)))).collect();
        job_counters::returns_with(outcomes.iter().filter_map(|outcome| Failure::of(outcome.as_ref().err()?)).max());
        outcomes.into_iter()
    }

    fn job_name(_: Option<&Self>) -> JobName {
        JobPath::of::<F>().into()
    }
}
