//! A worker's treatment of a job: a pool's own part of a scheduler.

use std::sync::Arc;

use super::batch::Batch;
use super::queued::Queued;

/// Runs the jobs of one worker. It is created, used and dropped on the worker's thread.
pub trait Runner {
    /// The entries of the queue.
    type Job: Queued;

    /// Brings a job to its outcome. Returns false if the job had ended before it could be claimed. If this panics, the worker goes on with
    /// a new runner.
    ///
    /// The runner may take more jobs from `batch`, and must bring each of them to its outcome too, or give it back.
    fn run(&mut self, job: Self::Job, batch: &mut Batch<'_, Self::Job>) -> bool;

    /// Prepares for jobs. Called after [`prestart`](super::Scheduler::prestart), when the worker has nothing else to do.
    fn begin(&mut self) {}

    /// Returns an object that ends a running job from another thread. Called once, before any other method. `None` if jobs can only be asked
    /// to stop.
    fn stop(&self) -> Option<Arc<dyn Stop>> {
        None
    }
}

/// Ends the jobs of a runner, for a shutdown that kills.
pub trait Stop: Send + Sync {
    /// Ends the runner's jobs that have not started, and all that it is given later, as
    /// [`JobError::Cancelled`](executor_core::JobError::Cancelled). Called by any thread. A shutdown calls it on all runners before it calls
    /// [`stop`](Stop::stop) on any.
    fn revoke(&self) {}

    /// Ends the running job, and all that the runner is given later, as [`JobError::Cancelled`](executor_core::JobError::Cancelled). Called by
    /// any thread.
    fn stop(&self);
}
