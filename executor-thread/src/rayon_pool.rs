//! The pool over rayon: jobs that compute in parallel themselves.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use executor_core::{ClosureMapper, Future, Job, Map, Rejected};

use crate::pool::ThreadHandle;
use crate::submit::Submitter;
use crate::traits::is_closure_executor;

/// A [`rayon::ThreadPool`] that runs jobs, for closures that compute and use `par_iter`, `join` or `scope` inside: these
/// use the threads of the pool that the job runs on.
///
/// [`new`](RayonPool::new) starts its threads at once, as rayon does. Dropping the pool is
/// [`shutdown(true)`](ThreadHandle::shutdown): it blocks until every accepted job has its outcome, and no thread is left. A
/// pool in a `static` is never dropped: what is queued when the process exits is lost.
///
/// It does all that a [`ThreadPool`](crate::ThreadPool) does: the pool derefs to its [`handle`](ThreadHandle::handle), so it has all
/// methods of a handle. Jobs of one priority start in the order in which they were submitted. A panic
/// costs its job, also one in a parallel part of it.
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
/// A job that waits for the [`Future`] of another job of the same pool, without a time limit, runs that in place while it is
/// queued, to a depth of 128 or half of the thread's stack; the end of a [`scope`](ThreadHandle::scope) does the same with the scope's jobs. Every other
/// wait keeps its thread, and no spare one comes, as it does in a
/// [`ThreadPool`](crate::ThreadPool): when every thread waits for what is queued in such a way, they wait for ever. Split the
/// work inside of a job by `rayon::join`, which computes while it waits.
///
/// While a job waits for its parallel parts, rayon may run another job of the pool on the same thread, to its end, up to 128 inside of each other or half of
/// the stack. So hold no lock, and no borrow of a thread-local, across `par_iter` that another job of the pool needs; and let no job wait for one that has parallel
/// parts: it may run on the thread of that very job, above it, and wait for ever. More jobs than there are threads may have started, and the time that a job lies under others
/// counts for its `timeout`: bound the queue, or the number of jobs that you submit at once, where time limits matter.
///
/// Only these waits run queued jobs in place: `result`, `wait` for all of them, [`join_all`](executor_core::join_all), `map` in order, the end of a scope. In a job,
/// [`try_join_all`](executor_core::try_join_all), [`as_completed`](executor_core::as_completed), `JobSet` and `unordered` keep the thread.
///
/// # Parallel parts
///
/// Rayon runs the parts of a job on whichever thread is free: there, [`current::id`](executor_core::current::id) and
/// [`current::stop_requested`](executor_core::current::stop_requested) answer for no job, or for another one that waits on that thread. Carry the job's [`current::context`](executor_core::current::context) into them:
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
/// [`over`](RayonPool::over) submits to a pool that you built with rayon's settings, and may share with other code. Its
/// threads are yours: a shutdown waits for the jobs that were submitted here, and not for anything else. Several such pools over
/// one `Arc` work inside of each other: a job of one pool that waits for a queued job of another runs that job in place. The job counts
/// for its own pool, whose shutdown waits for it.
///
/// A job that its submitter runs itself ([`WhenFull::CallerRuns`](crate::WhenFull::CallerRuns), `Block` in a job) uses the threads of the caller for its parts: outside of any
/// rayon pool, those of rayon's global one.
///
/// [`stats`](ThreadHandle::stats) counts all of the threads as the pool's workers, and those that do something else as idle.
pub struct RayonPool(ThreadHandle);

/// A handle to a [`RayonPool`]: the same type as that of a [`ThreadPool`](crate::ThreadPool), for it can do the same.
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

/// Methods that the traits of executors have, too. As inherent methods, they are found before the traits'.
impl RayonPool {
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
    pub fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, ClosureMapper<RayonHandle, F>>
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
    pub fn handle(&self) -> RayonHandle {
        self.0.clone()
    }

    /// See [`ThreadHandle::shutdown`].
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
