//! The pool over rayon: jobs that compute in parallel themselves.

mod away;
mod crew;
mod sharing;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use executor_core::{BuildError, ClosureExecutor, ClosureMapper, Future, Job, JobError, Map, Rejected, Stats, current};

use self::away::Away;
use self::crew::Crew;
use crate::builder::MOST_THREADS;
use crate::scheduler::{cure, time_after};
use crate::submit::taken_back;
use crate::traits::is_closure_executor;

/// A [`rayon::ThreadPool`] that runs jobs, for closures that compute and use `par_iter`, `join` or `scope` inside: these
/// use the threads of the pool that the job runs on.
///
/// [`new`](RayonPool::new) starts its threads at once, as rayon does. Dropping the pool is
/// [`shutdown(true)`](RayonPool::shutdown): it blocks until every accepted job has its outcome, and no thread is left. A
/// pool in a `static` is never dropped: what is queued when the process exits is lost.
///
/// Jobs start in the order in which they were submitted. A panic costs its job, also one in a parallel part of it.
///
/// ```
/// use executor_thread::RayonPool;
/// use rayon::prelude::*;
///
/// let pool = RayonPool::new(2)?;
/// let sum = pool.submit(|| (1..=1000_u64).into_par_iter().map(|n| n * n).sum::<u64>());
/// assert_eq!(sum.result()?, 333_833_500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Jobs that wait for jobs
///
/// A job that waits for the [`Future`] of another job of the same pool, without a time limit, runs that in place while it is
/// queued, to a depth of 128 or half of the thread's stack. Every other wait keeps its thread, and no spare one comes, as it does in a
/// [`ThreadPool`](crate::ThreadPool): when every thread waits for what is queued in such a way, they wait for ever. Split the
/// work inside of a job by `rayon::join`, which computes while it waits.
///
/// While a job waits for its parallel parts, rayon may run another job on the same thread, to its end. So hold no lock,
/// and no borrow of a thread-local, across `par_iter` that another job of the pool needs; and so many jobs may have
/// started while others wait for their parts.
///
/// # Parallel parts
///
/// Rayon runs the parts of a job on threads that know nothing of the job: there, [`current::id`] is `None` and
/// [`current::stop_requested`] is false. Carry the job's [`current::context`] into them:
///
/// ```
/// use executor_core::current;
/// use executor_thread::RayonPool;
/// use rayon::prelude::*;
///
/// let pool = RayonPool::new(2)?;
/// let job = pool.submit(|| {
///     let context = current::context();
///     let part = |n: u64| if context.stop_requested() { 0 } else { n * n };
///     (1..=1000_u64).into_par_iter().map(part).sum::<u64>()
/// });
/// assert_eq!(job.result()?, 333_833_500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # A pool of your own
///
/// [`over`](RayonPool::over) submits to a pool that you built with rayon's settings, and may share with other code. Its
/// threads are yours: a shutdown waits for the jobs that were submitted here, and not for anything else. Several such pools over
/// one `Arc` work inside of each other: a job of one that waits for a queued job of another runs that in place.
pub struct RayonPool {
    crew: Arc<Crew>,
}

impl RayonPool {
    /// A pool of `threads` threads, which start now. They are called `rayon-0`, `rayon-1`, and so on.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when `threads` is 0 (which is rayon's word for "as many as cores": that is
    /// [`default_size`](RayonPool::default_size)), when it is over 65,536 or what rayon can have, and when the system
    /// refuses to start as many.
    pub fn new(threads: usize) -> Result<Self, BuildError> {
        let most = MOST_THREADS.min(rayon::max_num_threads());
        if !(1..=most).contains(&threads) {
            return Err(BuildError::setting("threads", threads, format_args!("from 1 to {most}")));
        }
        Self::start(threads)
    }

    /// A pool of as many threads as rayon finds right: `RAYON_NUM_THREADS`, or one for each core.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when the system refuses to start as many threads.
    pub fn default_size() -> Result<Self, BuildError> {
        Self::start(0)
    }

    /// Submits to `pool`, a [`rayon::ThreadPool`] or an `Arc` of one.
    ///
    /// A shutdown waits for the jobs that were submitted here, and lets go of the pool; rayon ends its threads some time
    /// after the last owner has. On a thread of `pool`, in whatever code, a shutdown does not wait. A job's
    /// [`worker_name`](executor_core::current::worker_name) is the name of its thread, or `rayon-0` and so on.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use executor_thread::RayonPool;
    ///
    /// let shared = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build()?);
    /// let pool = RayonPool::over(shared.clone());
    /// assert_eq!(pool.submit(rayon::current_num_threads).result()?, 2);
    /// drop(pool);
    /// assert_eq!(shared.install(|| 7), 7); // the threads are still there
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn over(pool: impl Into<Arc<rayon::ThreadPool>>) -> Self {
        Self::of(pool.into(), Vec::new())
    }

    fn of(pool: Arc<rayon::ThreadPool>, threads: Vec<JoinHandle<()>>) -> Self {
        Self { crew: Crew::new(pool, threads) }
    }

    /// A pool whose threads we can join: rayon does not say when those that it starts have ended.
    fn start(threads: usize) -> Result<Self, BuildError> {
        let mut started = Vec::new();
        let built = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .spawn_handler(|thread| {
                let name = format!("rayon-{}", thread.index());
                let body = move || {
                    current::begin_stack(None);
                    thread.run();
                };
                started.push(thread::Builder::new().name(name).spawn(body)?);
                Ok(())
            })
            .build();
        match built {
            Ok(pool) => Ok(Self::of(Arc::new(pool), started)),
            Err(error) => {
                let count = started.len();
                // Rayon has told those that did start to end.
                for thread in started {
                    drop(thread.join());
                }
                let problem = format!("ended after {count} ({error}); {}", cure(&error));
                Err(BuildError::host("starting threads", problem))
            }
        }
    }

    /// A handle, for whoever submits without owning the pool.
    pub fn handle(&self) -> RayonHandle {
        RayonHandle { crew: Away::from(&self.crew) }
    }
}

impl Default for RayonPool {
    /// A pool of as many threads as rayon finds right.
    ///
    /// # Panics
    ///
    /// When the system refuses to start them. [`default_size`](RayonPool::default_size) returns the same as an error.
    fn default() -> Self {
        Self::default_size().unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for RayonPool {
    fn drop(&mut self) {
        self.crew.shutdown(true);
        if !self.crew.origin().is_here() {
            // Whatever it holds is the business of the process that made it.
            std::mem::forget(Arc::clone(&self.crew));
        }
    }
}

/// Submits to a [`RayonPool`] without keeping it alive: when the pool is gone, jobs are rejected. Cheap to clone.
///
/// ```
/// use executor_thread::RayonPool;
///
/// let pool = RayonPool::new(1)?;
/// let handle = pool.handle();
/// assert!(handle.submit(|| 1).result().is_ok());
/// drop(pool);
/// assert!(handle.submit(|| 1).result().is_err());
/// # Ok::<(), executor_core::BuildError>(())
/// ```
#[derive(Clone)]
pub struct RayonHandle {
    crew: Away,
}

impl RayonHandle {
    /// Another handle to the same pool.
    pub fn handle(&self) -> RayonHandle {
        self.clone()
    }
}

/// What a pool and its handle both do.
macro_rules! submits_to_rayon {
    ($pool:ident) => {
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
                if let Some(reason) = self.crew.refusal() {
                    return Err(Rejected::new(job, reason));
                }
                let (cell, future) = Future::of_job_at(self.crew.queue(), job);
                match self.crew.push(cell.clone()) {
                    Ok(()) => Ok(future),
                    Err((_, reason)) => Err(Rejected::new(taken_back(&cell), reason)),
                }
            }

            /// Hands a job over whose outcome nobody waits for. A panic in it is reported by the panic hook.
            pub fn execute<J: Job>(&self, job: J) {
                drop(self.submit(job));
            }

            /// Hands a job over that runs once `delay` is over. A shutdown waits for it.
            pub fn submit_after<J: Job>(&self, delay: Duration, job: J) -> Future<J::Output> {
                let (cell, future) = Future::of_job_at(self.crew.delay(), job);
                let when = time_after(delay);
                match self.crew.push_at(when, cell) {
                    Ok(()) => future,
                    Err((_, reason)) => Future::failed(JobError::Rejected(reason)),
                }
            }

            /// Applies `f` to each item, in parallel and in order; see [`Map`].
            pub fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, ClosureMapper<RayonHandle, F>>
            where
                I: IntoIterator<Item: Send + 'static>,
                F: Fn(I::Item) -> R + Send + Sync + 'static,
                R: Send + 'static,
            {
                ClosureExecutor::map(self, items, f)
            }

            /// How many jobs run at once.
            pub fn workers(&self) -> usize {
                self.crew.workers()
            }

            /// What the pool is doing, and what came of its jobs so far. Never blocks. Of threads that are not the pool's own, all count as its workers,
            /// and those that do something else as idle. Nothing is measured. A handle tells what came of the jobs also when the pool is gone.
            ///
            /// ```
            /// use executor_thread::RayonPool;
            ///
            /// let pool = RayonPool::new(2)?;
            /// pool.submit(|| 6 * 7).result()?;
            /// assert_eq!(pool.stats().completed, 1);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn stats(&self) -> Stats {
                self.crew.stats()
            }

            /// Takes no more jobs; see [`Shutdown::shutdown`](executor_core::Shutdown::shutdown). With `wait`, blocks until the last job, and the last thread that
            /// is ours, is gone, except on a thread of this pool.
            pub fn shutdown(&self, wait: bool) {
                self.crew.shutdown(wait);
            }
        }

        is_closure_executor!($pool, RayonHandle);

        impl fmt::Debug for $pool {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($pool)).field("workers", &self.workers()).finish_non_exhaustive()
            }
        }
    };
}

submits_to_rayon!(RayonPool);
submits_to_rayon!(RayonHandle);
