//! A worker's treatment of a job: a pool's own part of a scheduler.

use std::fmt;
use std::sync::Arc;

use executor_core::cell::Notify;

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

    /// Returns an object by which a thread that waits for a job may use the runner, while its worker sleeps. It is called when the worker falls
    /// asleep, under a lock, so it must not block. `None` if the runner serves its own thread only. Default: `None`.
    fn lend(&self) -> Option<Arc<dyn Lent<Self::Job>>> {
        None
    }

    /// Returns an object that ends a running job from another thread. Called once, before any other method. `None` if jobs can only be asked
    /// to stop.
    fn stop(&self) -> Option<Arc<dyn Stop>> {
        None
    }
}

/// A runner whose worker sleeps, and which a thread that waits for a job uses meanwhile: that saves waking the worker, and being woken by
/// it. One thread at a time uses it.
pub trait Lent<J>: Send + Sync {
    /// Brings the job to its outcome, like [`Runner::run`], and blocks until then. Returns the notifications to fire when the runner was given
    /// back, since a callback may wait for the next job of this runner.
    ///
    /// # Errors
    ///
    /// The job, if only the worker itself can run it.
    fn run(&self, job: J, batch: &mut Batch<'_, J>) -> Result<LentRun, J>;
}

/// The run of a job on a [lent](Lent) runner.
pub struct LentRun {
    /// False if the job had ended before it could be claimed.
    pub was_claimed: bool,
    /// Notifications of ended jobs, not yet fired.
    pub notifies: Vec<Notify>,
}

impl fmt::Debug for LentRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LentRun").field("was_claimed", &self.was_claimed).finish_non_exhaustive()
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
