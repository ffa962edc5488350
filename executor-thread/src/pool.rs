//! The thread pool: a scheduler whose workers run jobs in place.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::cell::Run;
use executor_core::{ClosureExecutor, ClosureMapper, Future, Job, JobError, Map, Rejected};

use crate::builder::ThreadPoolBuilder;
use crate::runner::InPlace;
use crate::scheduler::{Handle, Priority, Scheduler};
use crate::submit::{self, Rules, SubmitAsync};
use crate::traits::is_closure_executor;

/// Threads that run jobs, for work that waits more than it computes.
///
/// Threads start on demand, only when no idle one can take the job. Dropping the pool is
/// [`shutdown(true)`](ThreadPool::shutdown): it blocks until every accepted job has its outcome. A pool in a `static` is never
/// dropped: what is queued when the process exits is lost, so shut it down at the end of `main`.
///
/// With `panic = "abort"` a panic in a job ends the program, as anywhere.
///
/// ```
/// use executor_thread::ThreadPool;
///
/// let pool = ThreadPool::new(4);
/// let text = pool.submit(|| std::fs::read_to_string("Cargo.toml"));
/// let squares: Result<Vec<u64>, _> = pool.map([1, 2, 3], |n| n * n).collect();
/// assert_eq!(squares?, [1, 4, 9]);
/// assert!(text.result()?.is_ok());
/// # Ok::<(), executor_core::JobError>(())
/// ```
pub struct ThreadPool {
    pub(crate) scheduler: Scheduler<InPlace>,
    pub(crate) rules: Rules,
}

impl ThreadPool {
    /// A pool of up to `threads` threads.
    ///
    /// # Panics
    ///
    /// When `threads` is 0, or over 65,536. [`builder`](ThreadPool::builder) returns the same as an error.
    #[track_caller]
    pub fn new(threads: usize) -> Self {
        match Self::builder().threads(threads).build() {
            Ok(pool) => pool,
            Err(error) => panic!("{error}"),
        }
    }

    /// Settings first, then [`build`](ThreadPoolBuilder::build).
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::new()
    }

    pub(crate) fn over(scheduler: Scheduler<InPlace>, rules: Rules) -> Self {
        Self { scheduler, rules }
    }
}

impl Default for ThreadPool {
    /// A pool of `min(32, cores + 4)` threads, as `CPython`'s `ThreadPoolExecutor` has: enough to overlap waiting, few
    /// enough to be kind.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new((cores + 4).min(32))
    }
}

/// Submits to a [`ThreadPool`] without keeping it alive: when the pool is gone, jobs are rejected. Cheap to clone.
///
/// ```
/// use executor_thread::ThreadPool;
///
/// let pool = ThreadPool::new(1);
/// let handle = pool.handle();
/// assert!(handle.submit(|| 1).result().is_ok());
/// drop(pool);
/// assert!(handle.submit(|| 1).result().is_err());
/// ```
#[derive(Clone)]
pub struct ThreadHandle {
    pub(crate) scheduler: Handle<InPlace>,
    pub(crate) rules: Rules,
}

/// What a pool and its handle both do.
macro_rules! submits_closures {
    ($pool:ident) => {
        impl $pool {
            /// Hands a job over, and returns the future of its outcome. After a shutdown the future ends as
            /// [`JobError::Rejected`]. Blocks only where a bounded queue is full and says so: see [`WhenFull`](crate::WhenFull).
            pub fn submit<J: Job>(&self, job: J) -> Future<J::Output> {
                self.rules.submit(&self.scheduler, Priority::Normal, job)
            }

            /// As `submit`, but never blocks, and gives a job that is refused back.
            ///
            /// # Errors
            ///
            /// The job, after a shutdown, or when a bounded queue is full.
            pub fn try_submit<J: Job>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
                self.rules.try_submit(&self.scheduler, Priority::Normal, job)
            }

            /// As `submit`, but waits for a place in a bounded queue for at most `limit`, whatever the queue does when it is
            /// full. Blocks. On a worker of this pool it runs the job in place instead of waiting, as
            /// [`WhenFull::Block`](crate::WhenFull::Block) does.
            ///
            /// ```
            /// use std::time::Duration;
            /// use executor_core::Rejection;
            /// use executor_thread::{Queue, ThreadPool, WhenFull};
            ///
            /// let pool = ThreadPool::builder().threads(1).queue(Queue::bounded(1, WhenFull::Block)).build()?;
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
            /// The job, after a shutdown, or when the queue was full for so long.
            pub fn submit_timeout<J: Job>(&self, job: J, limit: Duration) -> Result<Future<J::Output>, Rejected<J>> {
                // A limit beyond the clock's range is no limit.
                let deadline = Instant::now().checked_add(limit);
                submit::submit_until(&self.scheduler, Priority::Normal, job, deadline)
            }

            /// As `submit`, but where a bounded queue is full, waits for a place as async code does: the std future is ready
            /// when the job is submitted. Never blocks. Fails as `submit_timeout` does after a shutdown.
            ///
            /// ```
            /// use executor_core::JobError;
            /// use executor_thread::ThreadPool;
            ///
            /// async fn answer(pool: &ThreadPool) -> Result<u32, JobError> {
            ///     let future = pool.submit_async(|| 6 * 7).await.map_err(|rejected| JobError::Rejected(rejected.reason()))?;
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
            pub fn submit_async<J: Job>(&self, job: J) -> SubmitAsync<J> {
                SubmitAsync::new(self.handle().scheduler, Priority::Normal, job)
            }

            /// Hands a job over whose outcome nobody waits for. A panic in it is reported by the panic hook, and to the
            /// [`panic_handler`](ThreadPoolBuilder::panic_handler). Blocks where `submit` does.
            pub fn execute<J: Job>(&self, job: J) {
                self.rules.execute(&self.scheduler, Priority::Normal, job);
            }

            /// Hands a job over that runs once `delay` is over. A shutdown waits for it. A bounded queue takes it, full or not.
            pub fn submit_after<J: Job>(&self, delay: Duration, job: J) -> Future<J::Output> {
                submit::submit_later(&self.scheduler, delay, Priority::Normal, job)
                    .unwrap_or_else(|rejected| Future::failed(JobError::Rejected(rejected.reason())))
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
                self.scheduler.workers()
            }

            /// Takes no more jobs; see [`Shutdown::shutdown`](executor_core::Shutdown::shutdown). With `wait`, blocks until the last thread is gone, except on
            /// a thread of this pool.
            pub fn shutdown(&self, wait: bool) {
                self.scheduler.shutdown(wait);
            }
        }

        is_closure_executor!($pool, ThreadHandle);

        impl fmt::Debug for $pool {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($pool)).field("workers", &self.workers()).finish_non_exhaustive()
            }
        }
    };
}

submits_closures!(ThreadPool);
submits_closures!(ThreadHandle);

impl ThreadPool {
    /// A handle, for whoever submits without owning the pool.
    pub fn handle(&self) -> ThreadHandle {
        ThreadHandle { scheduler: self.scheduler.handle(), rules: self.rules.clone() }
    }
}

impl ThreadHandle {
    /// Another handle to the same pool.
    pub fn handle(&self) -> ThreadHandle {
        self.clone()
    }
}

/// A job of the thread pool's queue.
pub(crate) type Queued = Arc<dyn Run>;
