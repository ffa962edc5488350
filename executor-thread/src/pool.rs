//! The thread pool: a scheduler whose workers run jobs in place, and those who may submit to it.

use std::fmt;
use std::ops::Deref;
use std::time::{Duration, Instant};

use executor_core::{ClosureExecutor, ClosureMapper, Future, Job, Map, Rejected};

use crate::scheduler::Way;
use crate::submit::Submitter;
use crate::submit_async::SubmitAsync;
use crate::traits::is_closure_executor;

/// Threads that run jobs, for work that waits more than it computes.
///
/// Threads start on demand, only when no idle one can take the job. Dropping the pool is
/// [`shutdown(true)`](ThreadHandle::shutdown): it blocks until every accepted job has its outcome. A pool in a `static` is never
/// dropped: what is queued when the process exits is lost, so shut it down at the end of `main`.
///
/// A pool derefs to its [`handle`](ThreadHandle::handle), so it has all methods of a handle.
///
/// With `panic = "abort"` a panic in a job ends the program, as anywhere.
///
/// ```
/// use executor::ThreadPool;
///
/// let pool = ThreadPool::new(4);
/// let text = pool.submit(|| std::fs::read_to_string("Cargo.toml"));
/// let squares: Result<Vec<u64>, _> = pool.map([1, 2, 3], |n| n * n).collect();
/// assert_eq!(squares?, [1, 4, 9]);
/// assert!(text.result()?.is_ok());
/// # Ok::<(), executor::JobError>(())
/// ```
pub struct ThreadPool(ThreadHandle);

impl ThreadPool {
    pub(crate) fn over(submitter: Submitter) -> Self {
        Self(ThreadHandle(submitter))
    }
}

/// Methods that the traits of executors have, too. As inherent methods, they are found before the traits'.
impl ThreadPool {
    /// See [`ThreadHandle::submit`].
    pub fn submit<J: Job>(&self, job: J) -> Future<J::Output> {
        self.0.submit(job)
    }

    /// See [`ThreadHandle::try_submit`].
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when a bounded queue is full.
    pub fn try_submit<J: Job>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.0.try_submit(job)
    }

    /// See [`ThreadHandle::submit_after`].
    pub fn submit_after<J: Job>(&self, delay: Duration, job: J) -> Future<J::Output> {
        self.0.submit_after(delay, job)
    }

    /// See [`ThreadHandle::map`].
    pub fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, ClosureMapper<ThreadHandle, F>>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        self.0.map(items, f)
    }

    /// See [`ThreadHandle::workers`].
    pub fn workers(&self) -> usize {
        self.0.workers()
    }

    /// A handle, for submitters that do not own the pool.
    pub fn handle(&self) -> ThreadHandle {
        self.0.clone()
    }

    /// See [`ThreadHandle::shutdown`].
    pub fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait);
    }
}

impl Deref for ThreadPool {
    type Target = ThreadHandle;

    fn deref(&self) -> &ThreadHandle {
        &self.0
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shutdown(true);
    }
}

/// Submits to a [`ThreadPool`] or a `RayonPool`, and asks the pool for all else. Cheap to clone. It does not keep the pool open: when the pool is
/// dropped, jobs are rejected.
///
/// Made by [`handle`](ThreadHandle::handle), and by [`with`](ThreadHandle::with), which gives jobs options.
///
/// ```
/// use executor::ThreadPool;
///
/// let pool = ThreadPool::new(1);
/// let handle = pool.handle();
/// assert!(handle.submit(|| 1).result().is_ok());
/// drop(pool);
/// assert!(handle.submit(|| 1).result().is_err());
/// ```
#[derive(Clone)]
pub struct ThreadHandle(pub(crate) Submitter);

impl ThreadHandle {
    /// Another handle to the same pool, with the same options.
    pub fn handle(&self) -> Self {
        self.clone()
    }

    /// Hands a job over, and returns the future of its outcome. After a shutdown the future ends as
    /// [`JobError::Rejected`](executor_core::JobError::Rejected). Blocks only where a bounded queue is full and says so: see [`WhenFull`](crate::WhenFull).
    pub fn submit<J: Job>(&self, job: J) -> Future<J::Output> {
        self.0.submit(Way::Now, job)
    }

    /// As `submit`, but never blocks, and gives a job that is refused back.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when a bounded queue is full.
    pub fn try_submit<J: Job>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.0.try_submit(Way::Try, job)
    }

    /// As `submit`, but waits for a slot in a bounded queue for at most `limit`, whatever the queue does when it is
    /// full. Blocks. On a worker of this pool it runs the job in place instead of waiting, as
    /// [`WhenFull::Block`](crate::WhenFull::Block) does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{QueueLimit, Rejection, ThreadPool, WhenFull};
    ///
    /// let pool = ThreadPool::builder().threads(1).queue(QueueLimit::bounded(1, WhenFull::Block)).build()?;
    /// let limit = Duration::from_secs(60);
    /// assert_eq!(pool.submit_timeout(|| 7, limit).map_err(|rejected| rejected.reason())?.result()?, 7);
    ///
    /// pool.shutdown(true);
    /// let rejected = pool.submit_timeout(|| 8, limit).unwrap_err();
    /// assert_eq!(rejected.reason(), Rejection::Shutdown);
    /// assert_eq!((rejected.into_job())(), 8); // it comes back as it was
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when the queue was full for `limit`.
    pub fn submit_timeout<J: Job>(&self, job: J, limit: Duration) -> Result<Future<J::Output>, Rejected<J>> {
        // A limit beyond the clock's range is no limit.
        let deadline = Instant::now().checked_add(limit);
        self.0.try_submit(Way::Until(deadline), job)
    }

    /// As `submit`, but where a bounded queue is full, waits for a slot as async code does: the std future is ready
    /// when the job is submitted. Never blocks. Fails as `submit_timeout` does after a shutdown.
    ///
    /// ```
    /// use executor::{JobError, ThreadPool};
    ///
    /// async fn answer(pool: &ThreadPool) -> Result<u32, JobError> {
    ///     let future = pool.submit_async(|| 6 * 7).await.map_err(|rejected| JobError::rejected(rejected.reason()))?;
    ///     future.await
    /// }
    /// # use std::task::{Context, Poll, Waker};
    /// # let pool = ThreadPool::new(1);
    /// # let mut answered = std::pin::pin!(answer(&pool));
    /// # let answer = loop {
    /// #     match answered.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
    /// #         Poll::Ready(answer) => break answer,
    /// #         Poll::Pending => std::thread::yield_now(),
    /// #     }
    /// # };
    /// # assert_eq!(answer.unwrap(), 42);
    /// ```
    pub fn submit_async<J: Job>(&self, job: J) -> SubmitAsync<J, J::Output> {
        SubmitAsync::new(self.0.clone(), job)
    }

    /// Hands a job over without a future of its outcome. A panic in it is reported by the panic hook, and to the
    /// [`panic_handler`](crate::ThreadPoolBuilder::panic_handler). Blocks where `submit` does.
    pub fn execute<J: Job>(&self, job: J) {
        self.0.execute(job);
    }

    /// Hands a job over that runs once `delay` is over. A shutdown waits for it. A bounded queue takes it, full or not.
    pub fn submit_after<J: Job>(&self, delay: Duration, job: J) -> Future<J::Output> {
        self.0.submit(Way::After(delay), job)
    }

    /// Applies `f` to each item, in parallel and in order; see [`Map`].
    pub fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, ClosureMapper<ThreadHandle, F>>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        ClosureExecutor::map(self, items, f)
    }

    /// How many jobs run at once.
    pub fn workers(&self) -> usize {
        self.0.scheduler.workers()
    }

    /// Takes no more jobs; see [`Shutdown::shutdown`](executor_core::Shutdown::shutdown). With `wait`, blocks until the last thread is gone, except on
    /// a thread of this pool.
    pub fn shutdown(&self, wait: bool) {
        self.0.scheduler.shutdown(wait);
    }
}

is_closure_executor!(ThreadPool, ThreadHandle, |pool| pool.0.time_limit());
is_closure_executor!(ThreadHandle, ThreadHandle, |handle| handle.options().values().timeout);

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool").field("workers", &self.workers()).finish_non_exhaustive()
    }
}

impl fmt::Debug for ThreadHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ThreadHandle");
        shown.field("workers", &self.workers());
        if let Some(options) = &self.0.options {
            shown.field("options", options);
        }
        shown.finish_non_exhaustive()
    }
}
