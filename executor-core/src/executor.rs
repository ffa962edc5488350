//! The traits of an executor, and the error that gives a rejected job back.

use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, vec};

use crate::error::{JobError, JobName, JobPath, Refused, Rejection};
use crate::future::Future;
use crate::job::Job;
use crate::job_counters::{self, Failure};
use crate::map::{Map, Mapper};
use crate::observe::job::JobDescription;
use crate::panics::{catch, named};

/// An executor that can be shut down. Not generic over the job type, so a call is never ambiguous.
///
/// ```
/// use executor::{Shutdown, ThreadPool};
///
/// fn close(executors: &[&dyn Shutdown]) {
///     executors.iter().for_each(|executor| executor.shutdown(true));
/// }
/// close(&[&ThreadPool::new(1), &ThreadPool::new(2)]);
/// ```
pub trait Shutdown {
    /// Closes the executor: jobs submitted from now on are rejected, and every accepted job still runs.
    ///
    /// With `wait`, blocks until every accepted job has its outcome and no thread or process of the executor is left. Without it,
    /// returns at once, and the same happens in the background.
    ///
    /// May be called many times, from many threads. In a job or callback of the same executor, `wait` is ignored, since a job cannot
    /// wait for its own end.
    fn shutdown(&self, wait: bool);
}

/// Runs jobs of type `J`, and returns a [`Future`] for the outcome of each.
///
/// Every pool and handle implements it. It is object-safe: with an `Arc<dyn Executor<Thumbnail>>`, a configuration can choose between
/// threads and processes.
///
/// ```
/// use std::sync::Arc;
/// use executor::{Executor, Job, ThreadPool};
///
/// struct Double(u32);
///
/// impl Job for Double {
///     type Output = u32;
///     fn run(self) -> u32 { 2 * self.0 }
/// }
///
/// let executor: Arc<dyn Executor<Double>> = Arc::new(ThreadPool::new(1)); // or a `ProcessPool`, if `Double` has serde's traits
/// assert_eq!(executor.submit(Double(21)).result()?, 42);
/// # Ok::<(), executor::JobError>(())
/// ```
pub trait Executor<J: Job>: Shutdown + Send + Sync {
    /// Submits a job, and returns the future of its outcome. Blocks only if the executor has a bounded queue, and that is full: see
    /// [`WhenFull`](crate::WhenFull).
    ///
    /// If the executor rejects the job, the future ends as [`JobError::Rejected`](crate::JobError::Rejected).
    #[track_caller]
    fn submit(&self, job: J) -> Future<J::Output>;

    /// Like [`submit`](Executor::submit), but never blocks, and gives a rejected job back.
    ///
    /// # Errors
    ///
    /// [`Rejected`], with the job and the reason, if the executor is shut down or its queue is full.
    #[track_caller]
    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>>;
}

/// An executor that runs any closure. For code that is generic over its executor: a thread pool in production, and a
/// manual executor with a virtual clock in tests.
///
/// ```
/// use executor::{ClosureExecutor, JobError, ThreadPool};
///
/// fn sum_of_squares<E: ClosureExecutor>(pool: &E, numbers: Vec<u64>) -> Result<u64, JobError> {
///     pool.map(numbers, |n| n * n).sum()
/// }
///
/// assert_eq!(sum_of_squares(&ThreadPool::new(2), vec![1, 2, 3])?, 14);
/// # Ok::<(), JobError>(())
/// ```
pub trait ClosureExecutor: Shutdown + Send + Sync {
    /// A handle that does not keep the executor open. A [`map`](ClosureExecutor::map) holds one.
    type Handle: ClosureExecutor + Clone + 'static;

    /// Submits a closure, like [`Executor::submit`].
    #[track_caller]
    fn submit<F, T>(&self, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;

    /// The same of a job that names itself, once `delay` is over if there is one.
    #[doc(hidden)]
    #[track_caller]
    fn submit_job<J: Job>(&self, delay: Option<Duration>, job: J) -> Future<J::Output> {
        match delay {
            None => self.submit(move || job.run()),
            Some(delay) => self.submit_after(delay, move || job.run()),
        }
    }

    /// Submits a closure that is queued once `delay` is over, by the executor's [clock](ClosureExecutor::now). Does not block.
    #[track_caller]
    fn submit_after<F, T>(&self, delay: Duration, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;

    /// Returns the time of the executor's clock, which delays are measured by. A pool uses the system's clock.
    fn now(&self) -> Instant;

    /// Returns how many jobs the executor runs at once, at most.
    fn workers(&self) -> usize;

    /// Returns a handle to this executor.
    fn handle(&self) -> Self::Handle;

    /// For authors of executors: returns the time limit of each job. If there is one, [`map`](ClosureExecutor::map) submits its items one by
    /// one, so that each item gets the limit. Default: `None`.
    fn time_limit(&self) -> Option<Duration> {
        None
    }

    /// Applies `f` to each item on the executor. Returns an iterator over the results in the items' order, which is lazy: see [`Map`].
    #[track_caller]
    fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, ClosureMapper<Self::Handle, F>>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        Map::new(items.into_iter(), ClosureMapper::new(self.handle(), f))
    }
}

/// A job that an executor did not accept, given back with the reason.
///
/// ```
/// use executor::{Rejection, ThreadPool};
///
/// let pool = ThreadPool::new(1);
/// pool.shutdown(false);
/// let rejected = pool.try_submit(|| 7).unwrap_err();
/// assert_eq!(rejected.reason(), Rejection::Shutdown);
/// let job = rejected.into_job(); // to run it elsewhere
/// assert_eq!(job(), 7);
/// ```
pub struct Rejected<J> {
    job: J,
    error: Refused,
}

impl<J> Rejected<J> {
    /// For authors of executors: rejects `job`.
    pub fn new(job: J, reason: Rejection) -> Self {
        Self::with_error(job, Refused::new(reason, None))
    }

    /// For authors of executors: rejects `job` with an error that may name it.
    pub fn with_error(job: J, error: Refused) -> Self {
        Self { job, error }
    }

    /// Returns why the job was rejected.
    pub fn reason(&self) -> Rejection {
        self.error.reason()
    }

    /// Returns whether the queue was full. There may be room later.
    pub fn is_full(&self) -> bool {
        self.reason() == Rejection::Full
    }

    /// Returns whether the executor is shut down or dropped. It accepts no more jobs.
    pub fn is_shutdown(&self) -> bool {
        self.reason() == Rejection::Shutdown
    }

    /// For authors of executors: returns the error for the job's future.
    pub fn error(&self) -> &Refused {
        &self.error
    }

    /// Returns the job, unchanged and never started.
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

/// Drops the job and keeps the reason.
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

/// For authors of executors: applies a closure to the items of a [`Map`], on a [`ClosureExecutor`].
pub struct ClosureMapper<E, F> {
    executor: E,
    function: Arc<Mapped<F>>,
}

/// The function of a `map`, and the call of that.
struct Mapped<F> {
    f: F,
    place: &'static Location<'static>,
}

impl<E: ClosureExecutor, F> ClosureMapper<E, F> {
    #[track_caller]
    fn new(executor: E, f: F) -> Self {
        Self { executor, function: Arc::new(Mapped { f, place: Location::caller() }) }
    }
}

impl<F> Mapped<F> {
    fn describe(&self) -> JobDescription {
        JobDescription::new(JobPath::of::<F>().into(), None, Some(self.place))
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
    function: Arc<Mapped<F>>,
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
        named::<F, _>(|| (self.function.f)(self.item))
    }

    fn job_name(_: Option<&Self>) -> JobName {
        JobPath::of::<F>().into()
    }

    fn describe(this: &Self) -> JobDescription {
        this.function.describe()
    }
}

/// The job of several.
struct MapChunk<F, A> {
    function: Arc<Mapped<F>>,
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
        let outcomes: Vec<_> = items.into_iter().map(|item| catch(|| named::<F, _>(|| (function.f)(item)))).collect();
        job_counters::returns_with(outcomes.iter().filter_map(|outcome| Failure::of(outcome.as_ref().err()?)).max());
        outcomes.into_iter()
    }

    fn job_name(_: Option<&Self>) -> JobName {
        JobPath::of::<F>().into()
    }

    fn describe(this: &Self) -> JobDescription {
        this.function.describe()
    }
}
