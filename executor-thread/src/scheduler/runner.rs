//! A worker's treatment of a job: a pool's own part of a scheduler.

use std::sync::Arc;

use super::batch::Batch;
use super::queued::Queued;

/// Runs the jobs of one worker. Made, used and dropped on its worker's thread.
pub trait Runner {
    /// The entries of the queue.
    type Job: Queued;

    /// Brings a job to its outcome. False if it had ended before it could be claimed. Should it panic, the worker goes on
    /// with a new runner.
    ///
    /// With `batch` it can take a few more jobs at once, for each of which it is then responsible in the same way.
    fn run(&mut self, job: Self::Job, batch: &mut Batch<'_, Self::Job>) -> bool;

    /// Prepares for jobs that may come. Called by [`prestart`](super::Scheduler::prestart), while there is nothing else to do.
    fn begin(&mut self) {}

    /// Returns the object that ends a running job from another thread. Asked once, before anything else. `None` where jobs can only be asked
    /// to stop.
    fn stop(&self) -> Option<Arc<dyn Stop>> {
        None
    }
}

/// Ends the jobs of a runner, for a shutdown that kills.
pub trait Stop: Send + Sync {
    /// Ends the jobs that it was given and has not begun, as [`JobError::Cancelled`](executor_core::JobError::Cancelled), and those that it is given from now on. Called by any
    /// thread, on all that there are before any of them is to [`stop`](Stop::stop).
    fn revoke(&self) {}

    /// Ends the job that it runs, and those that it is given from now on, as [`JobError::Cancelled`](executor_core::JobError::Cancelled). Called by any thread.
    fn stop(&self);
}
