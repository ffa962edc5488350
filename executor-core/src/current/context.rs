//! The running job as a value, for the threads that do a part of it.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use super::{Host, Job, enter, with_job, with_worker};
use crate::status::JobId;
use crate::sync::thread_local;

thread_local! {
    /// The pool of the job that this thread does a part of.
    static CARRIED: RefCell<Option<Arc<dyn Host>>> = const { RefCell::new(None) };
}

/// The job that a thread runs, as a value for other threads. Returned by [`context`].
///
/// Threads that a job starts, and rayon's threads that run its parallel parts, are not workers of its pool. There, the functions of
/// [`current`](super) find no job. Such a thread can ask the context instead, or [run](Context::run) code in it.
///
/// ```
/// use executor::{Future, current, extend::cell::Run};
///
/// let (job, future) = Future::of_job(|| {
///     let context = current::context();
///     std::thread::scope(|scope| {
///         let part = scope.spawn(|| context.run(|| (current::id(), current::stop_requested())));
///         part.join().unwrap() == (current::id(), false)
///     })
/// });
/// job.run();
/// assert!(future.result()?);
/// # Ok::<(), executor::JobError>(())
/// ```
#[derive(Clone)]
pub struct Context {
    job: Option<Job>,
    host: Option<Arc<dyn Host>>,
}

/// Returns the job that this thread runs, as a value that other threads can use. Outside a job, the context is empty.
pub fn context() -> Context {
    Context { job: with_job(Job::clone), host: stopping() }
}

/// The pool that says whether the job of this thread should stop.
pub(super) fn stopping() -> Option<Arc<dyn Host>> {
    let carried = CARRIED.try_with(|host| host.borrow().clone()).ok().flatten();
    carried.or_else(|| with_worker(|worker| worker.host.clone()))
}

impl Context {
    /// Returns the id of the job. `None` if the context is empty.
    pub fn id(&self) -> Option<JobId> {
        self.job.as_ref().map(|job| job.id)
    }

    /// Returns whether the job should stop; see [`stop_requested`](super::stop_requested).
    pub fn stop_requested(&self) -> bool {
        let control = self.job.as_ref().and_then(|job| job.control.as_ref());
        control.is_some_and(|control| control.stop_requested())
            || self.host.as_ref().is_some_and(|host| host.is_stopping())
    }

    /// Calls `f` on this thread, as part of the job: in `f`, the functions `id`, `attempt`, `deadline`, `stop_requested`, `name` and `tag`
    /// return the job's values. The worker's name and state stay on the worker's thread.
    ///
    /// # Panics
    ///
    /// If `f` panics.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        /// Puts what was carried before back in its place, also when `f` panics.
        struct Carried(Option<Arc<dyn Host>>);
        impl Drop for Carried {
            fn drop(&mut self) {
                let _ = CARRIED.try_with(|host| host.replace(self.0.take()));
            }
        }
        let Some(job) = self.job.clone() else { return f() };
        let _job = enter(job);
        let _carried = Carried(CARRIED.try_with(|host| host.replace(self.host.clone())).ok().flatten());
        f()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("id", &self.id()).finish_non_exhaustive()
    }
}
