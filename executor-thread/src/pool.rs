//! The thread pool: a scheduler whose workers run jobs in place, and those who may submit to it.

use std::fmt;
use std::ops::Deref;
use std::time::{Duration, Instant};

use executor_core::{ClosureExecutor, ClosureMapper, Future, Job, Map, Rejected};

use crate::scheduler::Way;
use crate::submit::Submitter;
use crate::submit_async::SubmitAsync;
use crate::traits::is_closure_executor;

/// Runs jobs on threads of its own. For jobs that wait (files, sockets, locks) more than they compute.
///
/// A job is any closure, or a type that implements [`Job`]. Submitting it returns a [`Future`] of its outcome.
///
/// A thread starts only when a job is submitted and no thread is idle. It ends when it has been idle for some time
/// ([`keep_alive`](crate::ThreadPoolBuilder::keep_alive)).
///
/// Dropping the pool is [`shutdown(true)`](ThreadHandle::shutdown): it blocks until every accepted job has its outcome. A pool in a
/// `static` is never dropped, so jobs that are queued when the process exits are lost: shut such a pool down at the end of `main`.
///
/// A pool derefs to [`ThreadHandle`] and has all of its methods.
///
/// With `panic = "abort"`, a panic in a job ends the program.
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

/// Methods that [`Executor`](executor_core::Executor) and [`ClosureExecutor`] have too. Inherent methods need no import, and are never ambiguous.
impl ThreadPool {
    /// Submits a job, and returns the future of its outcome; see [`ThreadHandle::submit`].
    #[track_caller]
    pub fn submit<J: Job>(&self, job: J) -> Future<J::Output> {
        self.0.submit(job)
    }

    /// Submits a job without blocking, and gives it back if it is rejected; see [`ThreadHandle::try_submit`].
    ///
    /// # Errors
    ///
    /// [`Rejected`], with the job, if the pool is shut down or the queue is full.
    #[track_caller]
    pub fn try_submit<J: Job>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.0.try_submit(job)
    }

    /// Submits a job that is queued once `delay` is over; see [`ThreadHandle::submit_after`].
    #[track_caller]
    pub fn submit_after<J: Job>(&self, delay: Duration, job: J) -> Future<J::Output> {
        self.0.submit_after(delay, job)
    }

    /// Applies `f` to each item on the pool, and returns the results in order; see [`ThreadHandle::map`] and [`Map`].
    #[track_caller]
    pub fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, ClosureMapper<ThreadHandle, F>>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        self.0.map(items, f)
    }

    /// Returns how many jobs the pool runs at once, at most.
    pub fn workers(&self) -> usize {
        self.0.workers()
    }

    /// Returns a handle, which submits jobs but does not keep the pool open. Cheap to clone, and can be in a `static`.
    pub fn handle(&self) -> ThreadHandle {
        self.0.clone()
    }

    /// Closes the pool, and with `wait`, blocks until every accepted job has its outcome; see [`ThreadHandle::shutdown`].
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

/// A handle to a [`ThreadPool`] or a `RayonPool`: submits jobs, and has every other method of the pool. Cheap to clone.
///
/// A handle does not keep the pool open: once the pool is dropped, jobs are rejected.
///
/// Returned by [`handle`](ThreadHandle::handle), and by [`with`](ThreadHandle::with), which sets options for the handle's jobs.
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
    /// Returns another handle to the same pool, with the same options.
    pub fn handle(&self) -> Self {
        self.clone()
    }

    /// Submits a job, and returns the future of its outcome. Blocks only if the queue is bounded and full, and the pool was built with
    /// [`WhenFull::Block`](crate::WhenFull::Block) or [`WhenFull::CallerRuns`](crate::WhenFull::CallerRuns).
    ///
    /// After a shutdown, the job does not run, and its future ends as [`JobError::Rejected`](executor_core::JobError::Rejected).
    ///
    /// ```
    /// use executor::{JobError, ThreadPool};
    ///
    /// let pool = ThreadPool::new(2);
    /// let sum = pool.submit(|| (1..=10).sum::<u32>());
    /// assert_eq!(sum.result()?, 55);
    ///
    /// let failed = pool.submit(|| -> u32 { panic!("no luck") });
    /// assert!(matches!(failed.result(), Err(JobError::Panicked(_))));
    /// # Ok::<(), JobError>(())
    /// ```
    #[track_caller]
    pub fn submit<J: Job>(&self, job: J) -> Future<J::Output> {
        self.0.submit(Way::Now, job)
    }

    /// Like [`submit`](Self::submit), but never blocks, and gives the job back if it is rejected.
    ///
    /// ```
    /// use executor::{Rejection, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1);
    /// pool.shutdown(true);
    /// let rejected = pool.try_submit(|| 7).unwrap_err();
    /// assert_eq!(rejected.reason(), Rejection::Shutdown);
    /// assert_eq!((rejected.into_job())(), 7); // the closure is unchanged
    /// ```
    ///
    /// # Errors
    ///
    /// [`Rejected`], with the job, if the pool is shut down or the queue is full. With
    /// [`WhenFull::DropOldest`](crate::WhenFull::DropOldest), a full queue drops its oldest job instead.
    #[track_caller]
    pub fn try_submit<J: Job>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.0.try_submit(Way::Try, job)
    }

    /// Like [`submit`](Self::submit), but if the queue is full, waits for room for at most `limit`, whatever
    /// [`WhenFull`](crate::WhenFull) the pool has. Blocks.
    ///
    /// On a thread of this pool, it runs the job at once instead of waiting, like [`WhenFull::Block`](crate::WhenFull::Block).
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
    /// assert_eq!((rejected.into_job())(), 8); // the closure is unchanged
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Rejected`], with the job, if the pool is shut down, or if the queue stays full for `limit`.
    #[track_caller]
    pub fn submit_timeout<J: Job>(&self, job: J, limit: Duration) -> Result<Future<J::Output>, Rejected<J>> {
        // A limit beyond the clock's range is no limit.
        let deadline = Instant::now().checked_add(limit);
        self.0.try_submit(Way::Until(deadline), job)
    }

    /// Like [`submit`](Self::submit), but if the queue is full, waits for room without blocking the thread. Returns a std future, which is
    /// ready with the job's [`Future`] when the job is queued, or with [`Rejected`] if the pool is shut down.
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
    #[track_caller]
    pub fn submit_async<J: Job>(&self, job: J) -> SubmitAsync<J, J::Output> {
        SubmitAsync::new(self.0.clone(), job)
    }

    /// Submits a job whose result nothing needs. Blocks when [`submit`](Self::submit) does.
    ///
    /// If the job panics, the panic hook reports that, and the pool's
    /// [`panic_handler`](crate::ThreadPoolBuilder::panic_handler) is called.
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// pool.execute(|| println!("somewhere else"));
    /// ```
    #[track_caller]
    pub fn execute<J: Job>(&self, job: J) {
        self.0.execute(job);
    }

    /// Submits a job that is queued once `delay` is over. Never blocks: the job enters the queue then even if the queue is full.
    ///
    /// A shutdown waits for the delay and the job, unless its [policy](Self::shutdown_with) cancels them.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let start = Instant::now();
    /// let later = pool.submit_after(Duration::from_millis(5), Instant::now);
    /// assert!(later.result()? >= start + Duration::from_millis(5));
    /// # Ok::<(), executor::JobError>(())
    /// ```
    #[track_caller]
    pub fn submit_after<J: Job>(&self, delay: Duration, job: J) -> Future<J::Output> {
        self.0.submit(Way::After(delay), job)
    }

    /// Applies `f` to each item on the pool. Returns an iterator over the results in the items' order, which is lazy: see [`Map`].
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(4);
    /// let lengths = pool.map(["a", "bcd"], str::len);
    /// assert_eq!(lengths.collect::<Result<Vec<_>, _>>()?, [1, 3]);
    /// # Ok::<(), executor::JobError>(())
    /// ```
    #[track_caller]
    pub fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, ClosureMapper<ThreadHandle, F>>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        ClosureExecutor::map(self, items, f)
    }

    /// Returns how many jobs the pool runs at once, at most.
    pub fn workers(&self) -> usize {
        self.0.scheduler.workers()
    }

    /// Closes the pool: jobs submitted from now on are rejected, and every accepted job still runs.
    ///
    /// With `wait`, blocks until every job has its outcome and no thread of the pool is left. Without it, returns at once, and the same
    /// happens in the background. On a thread of this pool, `wait` is ignored, since a job cannot wait for its own end.
    ///
    /// May be called many times, from many threads. See [`shutdown_with`](Self::shutdown_with) for a time limit, or to cancel jobs.
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(2);
    /// let accepted = pool.submit(|| "done");
    /// pool.shutdown(true);
    /// assert_eq!(accepted.result()?, "done");
    /// assert!(pool.submit(|| "late").result().is_err());
    /// # Ok::<(), executor::JobError>(())
    /// ```
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
