//! The thread pool's worker: it runs the job in place.

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use executor_core::cell::Run;
use executor_core::current;
use executor_core::current::activity::{self, ActivityKind};
use executor_core::panics::catch;
use executor_core::{Broken, JobError};

use crate::scheduler::{Batch, Runner};

/// A job of the thread pool's queue.
pub(crate) type Queued = Arc<dyn Run>;

/// Makes the state that a worker keeps for its jobs.
pub(crate) type Initializer = Arc<dyn Fn() -> Rc<dyn Any> + Send + Sync>;

/// Runs jobs on the thread that took them from the queue.
pub(crate) struct InPlace {
    initializer: Option<Initializer>,
    is_ready: bool,
}

impl InPlace {
    pub(crate) fn new(initializer: Option<Initializer>) -> Self {
        Self { initializer, is_ready: false }
    }

    /// Makes the worker's state before its first job, or when it is to be ready for one; again before the next one, if that fails.
    #[inline]
    fn prepare(&mut self) -> Result<(), JobError> {
        if self.is_ready { Ok(()) } else { self.initialize() }
    }

    #[cold]
    fn initialize(&mut self) -> Result<(), JobError> {
        let _activity = self.initializer.is_some().then(|| activity::begin(ActivityKind::Initializer));
        let state = self.initializer.as_ref().map(|make| catch(|| make())).transpose().map_err(|error| {
            let what = match error {
                JobError::Panicked(panic) => match panic.place() {
                    Some(place) => format!("panicked at {place}: {}", panic.message()),
                    None => format!("panicked: {}", panic.message()),
                },
                error => format!("failed: {error:#}"),
            };
            JobError::Broken(Broken::new(format!("the initializer of its worker {what}; fix the initializer")))
        })?;
        current::set_state(state);
        self.is_ready = true;
        Ok(())
    }
}

impl Runner for InPlace {
    type Job = Queued;

    fn run(&mut self, job: Queued, _: &mut Batch<'_, Queued>) -> bool {
        match self.prepare() {
            Ok(()) => job.run(),
            Err(error) => {
                job.fail(error);
                false
            }
        }
    }

    fn begin(&mut self) {
        // If it fails, the first job tries again, and tells why.
        let _: Result<(), _> = self.prepare();
    }
}

impl Drop for InPlace {
    /// The state goes before the thread does, where a panic in its drop can still be caught.
    fn drop(&mut self) {
        current::set_state(None);
    }
}
