//! A worker's thread: it takes jobs, and gives them to its runner.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;

use executor_core::panics::{catch, drop_quietly};

use super::Runner;
use super::state::Shared;

thread_local! {
    /// Which scheduler this thread works for: the address of what its workers share, or null.
    static SCHEDULER: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

pub(super) fn is_worker_of<R: Runner>(shared: &Shared<R>) -> bool {
    SCHEDULER.get() == ptr::from_ref(shared).cast()
}

/// The body of a worker's thread.
pub(super) fn work<R: Runner>(shared: &Arc<Shared<R>>) {
    SCHEDULER.set(Arc::as_ptr(shared).cast());
    let name = Arc::from(std::thread::current().name().unwrap_or_default());
    let mut runner = None;
    while let Some(job) = shared.next() {
        let is_well = catch(|| {
            let runner = runner.get_or_insert_with(|| (shared.make)(&name));
            runner.run(job, &mut Batch(shared));
        });
        // A runner that panicked may be broken. The next job gets a new one.
        if is_well.is_err() {
            drop_quietly(runner.take());
        }
    }
    drop_quietly(runner);
}

/// More jobs than the one that a runner was given.
pub struct Batch<'a, J>(&'a dyn Extra<J>);

impl<J> Batch<'_, J> {
    /// Another job, if one waits and every worker is busy. Never blocks. Whoever takes it brings it to its outcome.
    pub fn take(&mut self) -> Option<J> {
        self.0.take_extra()
    }
}

impl<J> std::fmt::Debug for Batch<'_, J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}

/// A scheduler, whatever its runner.
trait Extra<J> {
    fn take_extra(&self) -> Option<J>;
}

impl<R: Runner> Extra<R::Job> for Arc<Shared<R>> {
    fn take_extra(&self) -> Option<R::Job> {
        Shared::take_extra(self)
    }
}
