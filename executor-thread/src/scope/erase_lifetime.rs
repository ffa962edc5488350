//! The one place where a job that borrows is given to a pool whose jobs must not.
//!
//! It is sound because a scope ends after its jobs, and these three facts make that so:
//!
//! 1. A job that borrows is in a [`ErasedJob`] from the moment when its lifetime is forgotten. A `ErasedJob` counts itself out when it is
//!    gone, as the last thing that it does: after its closure was called, which takes it apart, or dropped. Its owner (a queue, a
//!    worker, or a thread that cancels) cannot get the closure out of it in another way.
//! 2. A result that may borrow goes from the closure into a slot. There the closure's share of it is dropped before the job
//!    is counted out; the other share is the `ScopedFuture`'s, which borrows the scope, and so is gone before it, or leaked.
//! 3. Only [`Scope::enter`] makes a scope. It returns, or unwinds, after the count is zero.

#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use executor_core::{Job, JobName, JobPath, current};

use super::Scope;
use super::jobs::Jobs;
use crate::pool::ThreadHandle;

type BoxedWork<'a> = Box<dyn Work + 'a>;

/// The code of a job that may borrow.
pub(super) trait Work: Send {
    /// Runs it.
    fn run(self: Box<Self>);
    /// The path of the user's closure.
    fn path(&self) -> JobPath;
}

/// A job of a scope. The order of the fields is that of their drops.
pub(super) struct ErasedJob {
    work: BoxedWork<'static>,
    _counted: Counted,
}

impl Job for ErasedJob {
    type Output = ();

    fn run(self) {
        let Self { work, _counted } = self;
        // Should it unwind: what it captured is dropped on the way, before the count.
        work.run();
    }

    fn job_name(this: Option<&Self>) -> JobName {
        this.map_or(JobPath::of::<Self>(), |this| this.work.path()).into()
    }
}

/// Counts a job in until it is dropped.
struct Counted(Arc<Jobs>);

impl Counted {
    fn new(jobs: Arc<Jobs>) -> Self {
        jobs.add();
        Self(jobs)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.remove();
    }
}

/// Ends the program where a scope's wait unwinds, instead of its jobs using what is gone.
struct MustNotUnwind;

impl Drop for MustNotUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    pub(super) fn enter<F, R>(pool: ThreadHandle, f: F) -> R
    where
        F: for<'a> FnOnce(&'a Scope<'a, 'env>) -> R,
    {
        let can_help = current::may_run(pool.0.scheduler.queue());
        let jobs = Arc::new(Jobs::new(can_help));
        let scope = Scope { pool, jobs, own_time: PhantomData, environment: PhantomData };
        let outcome = catch_unwind(AssertUnwindSafe(|| f(&scope)));
        let guard = MustNotUnwind;
        scope.jobs.wait();
        mem::forget(guard);
        match outcome {
            Err(payload) => resume_unwind(payload),
            Ok(_) if scope.jobs.has_panicked() => panic!("a scoped job panicked"),
            Ok(result) => result,
        }
    }

    /// Makes a job for the pool from one that may borrow for the time of the scope.
    pub(super) fn erase_lifetime(&'scope self, work: BoxedWork<'scope>) -> ErasedJob {
        let counted = Counted::new(self.jobs.clone());
        // SAFETY: only a lifetime changes. The closure's borrows live as long as `'scope`, which `'scope self` says is not
        // over before `Scope::enter` is done with the scope: `Scope` is invariant in it. `enter` waits for `counted`, which
        // is dropped after the closure.
        let work = unsafe { mem::transmute::<BoxedWork<'scope>, BoxedWork<'static>>(work) };
        ErasedJob { work, _counted: counted }
    }
}
