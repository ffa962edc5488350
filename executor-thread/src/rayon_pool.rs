//! The pool over rayon: jobs that compute in parallel themselves.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use executor_core::{ClosureMapper, Future, Job, Map, Rejected};

use crate::pool::ThreadHandle;
use crate::submit::Submitter;
use crate::traits::is_closure_executor;

/// Runs jobs on the threads of a [`rayon::ThreadPool`]. For jobs that compute, and use `par_iter`, [`rayon::join`] or [`rayon::scope`]
/// inside: these run on the threads of the same pool.
///
/// [`new`](RayonPool::new) starts all threads at once, as rayon does.
///
/// Dropping the pool is [`shutdown(true)`](ThreadHandle::shutdown): it blocks until every accepted job has its outcome and no thread is
/// left. A pool in a `static` is never dropped, so jobs that are queued when the process exits are lost.
///
/// The pool derefs to [`ThreadHandle`], so it has every method of a [`ThreadPool`](crate::ThreadPool). Jobs of one priority start in the
/// order in which they were submitted. A panic, even in a parallel part, fails only its own job.
///
/// ```
/// use executor::{JobOptions, Priority, RayonPool};
/// use rayon::prelude::*;
///
/// let pool = RayonPool::new(2)?;
/// let sum = pool.submit(|| (1..=1000_u64).into_par_iter().map(|n| n * n).sum::<u64>());
/// assert_eq!(sum.result()?, 333_833_500);
///
/// let urgent = pool.with(JobOptions::new().name("urgent").priority(Priority::High));
/// assert_eq!(urgent.submit(|| 7).result()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Jobs that wait for jobs
///
/// A job that waits for a queued job of the same pool runs that job on its own thread. This nests up to 128 levels, or until half of the
/// thread's stack is used. These waits do so, if they have no time limit:
///
/// - [`Future::result`] and [`Future::wait`];
/// - [`wait`](executor_core::wait()) for all of its futures, and [`join_all`](executor_core::join_all);
/// - `map`, unless it is `unordered`;
/// - the end of a [`scope`](ThreadHandle::scope).
///
/// Every other wait blocks its thread: [`try_join_all`](executor_core::try_join_all),
/// [`as_completed`](executor_core::as_completed), [`JobSet`](executor_core::JobSet), and waits with a time limit. Rayon's threads are fixed in
/// number, so no spare thread starts, as it would in a [`ThreadPool`](crate::ThreadPool). If every thread waits in this way for queued
/// jobs, the pool deadlocks. To split the work of a job, use [`rayon::join`], which computes while it waits.
///
/// # Jobs with parallel parts
///
/// While a job waits for its parallel parts, rayon may run another job of the pool on the same thread, to its end. This nests up to 128
/// levels, or until half of the stack is used. Therefore:
///
/// - Do not hold a lock, or a borrow of a thread-local, across a `par_iter` if another job of the pool needs the same.
/// - Do not let a job wait for a job that has parallel parts. The waiting job may run on the thread of that very job, which then can
///   never continue.
/// - More jobs may have started than there are threads, and the time that a job is interrupted counts towards its `timeout`. If time
///   limits matter, bound the queue, or the number of jobs in flight.
///
/// Rayon runs the parts of a job on any of its threads. There, [`current::id`](executor_core::current::id) and
/// [`current::stop_requested`](executor_core::current::stop_requested) know no job, or know another job that waits on that thread. Carry
/// the job's [`current::context`](executor_core::current::context) into the parts:
///
/// ```
/// use executor::{RayonPool, current};
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
/// [`over`](RayonPool::over) submits to a pool that you built with rayon's settings, and may share with other code. A shutdown waits
/// only for the jobs that were submitted through this `RayonPool`.
///
/// Several `RayonPool`s may share one `Arc` of a rayon pool. A job of one that waits for a queued job of another runs that job in place.
/// The job still counts for its own pool, whose shutdown waits for it.
///
/// A job that its submitter runs itself ([`WhenFull::CallerRuns`](crate::WhenFull::CallerRuns), or `Block` in a job) uses the rayon pool of
/// the submitter's thread for its parts: outside of any, rayon's global pool.
///
/// [`stats`](ThreadHandle::stats) counts all threads of the rayon pool as workers, and those that run other code as idle.
pub struct RayonPool(ThreadHandle);

/// A handle to a [`RayonPool`]: the same type as the handle of a [`ThreadPool`](crate::ThreadPool).
///
/// ```
/// use executor::{RayonHandle, RayonPool};
///
/// let pool = RayonPool::new(1)?;
/// let handle: RayonHandle = pool.handle();
/// assert!(handle.submit(|| 1).result().is_ok());
/// drop(pool);
/// assert!(handle.submit(|| 1).result().is_err());
/// # Ok::<(), executor::BuildError>(())
/// ```
pub type RayonHandle = ThreadHandle;

impl RayonPool {
    pub(crate) fn of(submitter: Submitter) -> Self {
        Self(ThreadHandle(submitter))
    }
}

/// Methods that [`Executor`](executor_core::Executor) and [`ClosureExecutor`](executor_core::ClosureExecutor) have too. Inherent methods
/// need no import, and are never ambiguous.
impl RayonPool {
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
    pub fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, ClosureMapper<RayonHandle, F>>
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
    pub fn handle(&self) -> RayonHandle {
        self.0.clone()
    }

    /// Closes the pool, and with `wait`, blocks until every accepted job has its outcome; see [`ThreadHandle::shutdown`].
    pub fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait);
    }
}

impl Deref for RayonPool {
    type Target = RayonHandle;

    fn deref(&self) -> &RayonHandle {
        &self.0
    }
}

impl Drop for RayonPool {
    fn drop(&mut self) {
        self.shutdown(true);
    }
}

is_closure_executor!(RayonPool, RayonHandle, |pool| pool.0.options().values().timeout);

impl fmt::Debug for RayonPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RayonPool").field("workers", &self.workers()).finish_non_exhaustive()
    }
}
