//! The thread pool: a scheduler whose workers run jobs in place.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::cell::{Run, Task};
use executor_core::{
    ClosureExecutor, ClosureMapper, Executor, Future, Job, JobError, Map, Rejected, Rejection, Shutdown,
};

use crate::ThreadPoolBuilder;
use crate::runner::InPlace;
use crate::scheduler::{Handle, Scheduler};

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
    scheduler: Scheduler<InPlace>,
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

    pub(crate) fn over(scheduler: Scheduler<InPlace>) -> Self {
        Self { scheduler }
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
    scheduler: Handle<InPlace>,
}

/// What a pool and its handle both do: `$pool` by its field `$queue`, with `$handle` as the handle to it.
macro_rules! submits_closures {
    ($pool:ident, $handle:ident, $queue:ident) => {
        impl $pool {
            /// Hands a job over, and returns the future of its outcome. Never blocks. After a shutdown the future ends as
            /// [`JobError::Rejected`].
            pub fn submit<J: Job>(&self, job: J) -> Future<J::Output> {
                match self.try_submit(job) {
                    Ok(future) => future,
                    Err(rejected) => Future::failed(JobError::Rejected(rejected.reason())),
                }
            }

            /// As `submit`, but gives a job that is refused back.
            ///
            /// # Errors
            ///
            /// The job, after a shutdown.
            pub fn try_submit<J: Job>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
                if !self.$queue.is_open() {
                    return Err(Rejected::new(job, Rejection::Shutdown));
                }
                let (cell, future) = Future::of_job(job);
                match self.$queue.push(cell.clone()) {
                    Ok(()) => Ok(future),
                    Err((_, reason)) => {
                        let job = cell.claim(None).expect("nobody else has seen the job");
                        Err(Rejected::new(job, reason))
                    }
                }
            }

            /// Hands a job over whose outcome nobody waits for. A panic in it is reported by the panic hook.
            pub fn execute<J: Job>(&self, job: J) {
                drop(self.submit(job));
            }

            /// Hands a job over that runs once `delay` is over. A shutdown waits for it.
            pub fn submit_after<J: Job>(&self, delay: Duration, job: J) -> Future<J::Output> {
                let (cell, future) = Future::of_job(job);
                let when = Instant::now().checked_add(delay).unwrap_or_else($crate::pool::far_future);
                match self.$queue.push_at(when, cell) {
                    Ok(()) => future,
                    Err((_, reason)) => Future::failed(JobError::Rejected(reason)),
                }
            }

            /// Applies `f` to each item, in parallel and in order; see [`Map`].
            pub fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, ClosureMapper<$handle, F>>
            where
                I: IntoIterator<Item: Send + 'static>,
                F: Fn(I::Item) -> R + Send + Sync + 'static,
                R: Send + 'static,
            {
                ClosureExecutor::map(self, items, f)
            }

            /// How many jobs run at once.
            pub fn workers(&self) -> usize {
                self.$queue.workers()
            }

            /// Takes no more jobs; see [`Shutdown::shutdown`]. With `wait`, blocks until the last thread is gone, except on
            /// a thread of this pool.
            pub fn shutdown(&self, wait: bool) {
                self.$queue.shutdown(wait);
            }
        }

        impl Shutdown for $pool {
            fn shutdown(&self, wait: bool) {
                self.$queue.shutdown(wait);
            }
        }

        impl<J: Job> Executor<J> for $pool {
            fn submit(&self, job: J) -> Future<J::Output> {
                Self::submit(self, job)
            }

            fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
                Self::try_submit(self, job)
            }
        }

        impl ClosureExecutor for $pool {
            type Handle = $handle;

            fn submit<F, T>(&self, job: F) -> Future<T>
            where
                F: FnOnce() -> T + Send + 'static,
                T: Send + 'static,
            {
                Self::submit(self, job)
            }

            fn submit_after<F, T>(&self, delay: Duration, job: F) -> Future<T>
            where
                F: FnOnce() -> T + Send + 'static,
                T: Send + 'static,
            {
                Self::submit_after(self, delay, job)
            }

            fn now(&self) -> Instant {
                Instant::now()
            }

            fn workers(&self) -> usize {
                self.$queue.workers()
            }

            fn handle(&self) -> $handle {
                Self::handle(self)
            }
        }

        impl fmt::Debug for $pool {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($pool)).field("workers", &self.workers()).finish_non_exhaustive()
            }
        }
    };
}

#[cfg(feature = "rayon")]
pub(crate) use submits_closures;

submits_closures!(ThreadPool, ThreadHandle, scheduler);
submits_closures!(ThreadHandle, ThreadHandle, scheduler);

impl ThreadPool {
    /// A handle, for whoever submits without owning the pool.
    pub fn handle(&self) -> ThreadHandle {
        ThreadHandle { scheduler: self.scheduler.handle() }
    }
}

impl ThreadHandle {
    /// Another handle to the same pool.
    pub fn handle(&self) -> ThreadHandle {
        self.clone()
    }
}

/// A time that does not come: the clock has no name for the end of time.
pub(crate) fn far_future() -> Instant {
    const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);
    Instant::now() + CENTURY
}

/// A job of the thread pool's queue.
pub(crate) type Queued = Arc<dyn Run>;
