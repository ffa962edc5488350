//! Jobs that borrow: they have ended before what they borrow can change or go.

mod erase_lifetime;
mod future;
mod jobs;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use executor_core::JobPath;
use executor_core::panics::{catch, named};

use crate::pool::ThreadHandle;

use erase_lifetime::Work;
pub use future::ScopedFuture;
use future::Slot;
use jobs::Jobs;

/// Submits jobs that may borrow values which outlive the scope. Passed to the closure of [`scope`](ThreadHandle::scope).
///
/// `'scope` is the lifetime of the scope, `'env` that of the borrowed values, as in [`std::thread::Scope`].
///
/// A [`ScopedFuture`] cannot leave its scope, and a job cannot borrow a value that is created inside the scope. These do not compile:
///
/// ```compile_fail
/// # let pool = executor::ThreadPool::new(1);
/// let escaped = pool.scope(|s| s.submit(|| 1));
/// ```
///
/// ```compile_fail,E0521
/// # let pool = executor::ThreadPool::new(1);
/// let mut kept = None;
/// pool.scope(|s| kept = Some(s.submit(|| 1)));
/// ```
///
/// ```compile_fail,E0373
/// # let pool = executor::ThreadPool::new(1);
/// pool.scope(|s| {
///     let inside = String::from("gone when the jobs run");
///     drop(s.submit(|| inside.len()));
/// });
/// ```
pub struct Scope<'scope, 'env: 'scope> {
    pool: ThreadHandle,
    jobs: Arc<Jobs>,
    /// Neither longer nor shorter: with a shorter `'scope`, a job could borrow what goes before the scope ends.
    own_time: PhantomData<&'scope mut &'scope ()>,
    environment: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Submits a job that may borrow, and returns the future of its outcome. Blocks only if the pool's queue is bounded and full, and the
    /// pool's [`WhenFull`](crate::WhenFull) is `Block` or `CallerRuns`.
    ///
    /// The job may submit more jobs to the scope. If the future is dropped, the job still runs, and the scope waits for it. After a
    /// shutdown of the pool, the job is dropped at once, and the future ends as
    /// [`JobError::Rejected`](executor_core::JobError::Rejected).
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(2);
    /// let text = String::from("borrowed, not cloned");
    /// let words = pool.scope(|s| s.submit(|| text.split(' ').count()).result())?;
    /// assert_eq!(words, 3);
    /// # Ok::<(), executor::JobError>(())
    /// ```
    #[track_caller]
    pub fn submit<F, T>(&'scope self, job: F) -> ScopedFuture<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let slot = Arc::new(Slot::default());
        let (result, jobs) = (slot.clone(), self.jobs.clone());
        let work = ScopedWork { job, result, jobs };
        let future = self.pool.submit(self.erase_lifetime(Box::new(work)));
        self.jobs.submitted(&future);
        ScopedFuture::new(future, slot, self.jobs.clone())
    }
}

/// A closure that may borrow, and where its outcome goes.
struct ScopedWork<F, T> {
    job: F,
    result: Arc<Slot<T>>,
    jobs: Arc<Jobs>,
}

impl<F: FnOnce() -> T + Send, T: Send> Work for ScopedWork<F, T> {
    fn run(self: Box<Self>) {
        let Self { job, result, jobs } = *self;
        let outcome = catch(|| named::<F, _>(job));
        let has_panicked = outcome.is_err();
        // First: a scope that finds no jobs left knows of all panics.
        if has_panicked {
            jobs.panicked();
        }
        if !result.put(outcome) && has_panicked {
            jobs.panic_was_taken();
        }
    }

    fn path(&self) -> JobPath {
        JobPath::of::<F>()
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl ThreadHandle {
    /// Calls `f` with a [`Scope`], whose jobs may borrow local variables. Blocks until all jobs of the scope have ended, then returns the
    /// result of `f`. Inside a job of the same pool, runs the scope's queued jobs on this thread first.
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(2);
    /// let mut numbers = [3, 1, 2];
    /// let (low, high) = numbers.split_at_mut(1);
    /// let sum = pool.scope(|s| {
    ///     s.submit(|| low[0] *= 10);
    ///     let sum = s.submit(|| high.iter().sum::<i32>());
    ///     sum.result()
    /// })?;
    /// assert_eq!((sum, numbers), (3, [30, 1, 2]));
    /// # Ok::<(), executor::JobError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If `f` panics. Also, with "a scoped job panicked", if a job panicked and its [`result`](crate::ScopedFuture::result) was not
    /// taken. In both cases, all jobs have ended by then.
    pub fn scope<'env, F, R>(&self, f: F) -> R
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    {
        Scope::enter(self.handle(), f)
    }
}
