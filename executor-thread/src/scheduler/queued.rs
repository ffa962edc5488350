//! The entries of a scheduler: jobs and timer events.

use std::sync::Arc;
use std::time::Instant;

use executor_core::cell::{Captures, Notify, QueuedControl, Run, Task};
use executor_core::dump::QueuedJob;
use executor_core::queue_id::QueueId;
use executor_core::registry::InlineRun;
use executor_core::{JobError, JobId, Priority, current};

/// The operations on a job that a scheduler needs.
///
/// A job that is cancelled, or run by a thread that waits for it, leaves the queue by itself. It must call the
/// [`JobDeparture`](executor_core::queue_id::JobDeparture) of the queue that it was created with, or moved to.
pub trait Queued: Send + 'static {
    /// Ends the job with `error`, if it is still queued. Returns the notification of its end, or `None` if it is no longer queued.
    fn fail(self, error: JobError) -> Option<Notify>;

    /// Like [`fail`](Self::fail), but returns the captured values of the job, since dropping them may take long. Default: calls `fail`, which
    /// drops them.
    fn expire(self, error: JobError) -> Option<(Notify, Captures)>
    where
        Self: Sized,
    {
        self.fail(error).map(|notify| (notify, Captures::default()))
    }

    /// Returns whether the job is still queued: neither claimed nor cancelled.
    fn is_waiting(&self) -> bool;

    /// Returns the id of the queue that the job was created with, or moved to.
    fn queue_id(&self) -> Option<QueueId>;

    /// Moves the job to the queue `queue_id`. Returns false if it is no longer queued.
    fn move_to(&self, queue_id: QueueId) -> bool;

    /// Records that the job is queued at the time `when`, so that its times are measured. Default: does nothing.
    fn mark_enqueued(&self, _when: Instant) {}

    /// Returns the job for a report. Called under a lock, so this must not block, or run code of a user's. Default: `None`.
    fn as_queued_job(&self, _priority: Priority) -> Option<QueuedJob> {
        None
    }

    /// Returns the id of a job that a [lent runner](super::Lent) can run. Default: `None`.
    fn lendable_id(&self) -> Option<JobId> {
        None
    }

    /// Runs the job on this thread, for the submitter. Returns false if it cannot run here, and is still to be queued. Default: false.
    fn run_here(&self) -> bool {
        false
    }
}

/// An action at a given time. It runs on the timer's thread, so it must be short.
pub trait TimerEvent: Send {
    /// Called before [`fire`](Self::fire). Of several events that are due, all begin before the first fires, so that waits that they begin
    /// overlap. Default: does nothing.
    fn begin(&mut self) {}

    /// Does the action. The scheduler fires the returned notification on its thread for callbacks, and drops the captured values on its thread
    /// for drops, so that no timer waits for user code.
    fn fire(self: Box<Self>) -> Option<(Notify, Captures)>;

    /// Returns whether the event was cancelled, and may be dropped before its time.
    fn is_cancelled(&self) -> bool;
}

impl Queued for Arc<dyn Run> {
    fn fail(self, error: JobError) -> Option<Notify> {
        QueuedControl::withdraw(self, error)
    }

    fn expire(self, error: JobError) -> Option<(Notify, Captures)> {
        QueuedControl::expire(self, error)
    }

    fn queue_id(&self) -> Option<QueueId> {
        QueuedControl::queue_id(&**self)
    }

    fn is_waiting(&self) -> bool {
        QueuedControl::is_waiting(&**self)
    }

    fn move_to(&self, queue_id: QueueId) -> bool {
        QueuedControl::move_to(&**self, queue_id)
    }

    fn mark_enqueued(&self, when: Instant) {
        QueuedControl::mark_enqueued(&**self, when);
    }

    fn as_queued_job(&self, priority: Priority) -> Option<QueuedJob> {
        Some(described(&**self, priority))
    }

    fn run_here(&self) -> bool {
        current::nested(|| {
            let _inline = InlineRun::enter(self.queue_id());
            self.clone().run()
        })
        .is_some()
    }
}

fn described(job: &(impl QueuedControl + ?Sized), priority: Priority) -> QueuedJob {
    QueuedJob::new(job.id(), priority).described(job.describe(), job.queued_at())
}

impl<P: 'static, O: 'static> Queued for Arc<dyn Task<P, O>> {
    fn fail(self, error: JobError) -> Option<Notify> {
        QueuedControl::withdraw(self, error)
    }

    fn expire(self, error: JobError) -> Option<(Notify, Captures)> {
        QueuedControl::expire(self, error)
    }

    fn queue_id(&self) -> Option<QueueId> {
        QueuedControl::queue_id(&**self)
    }

    fn is_waiting(&self) -> bool {
        QueuedControl::is_waiting(&**self)
    }

    fn move_to(&self, queue_id: QueueId) -> bool {
        QueuedControl::move_to(&**self, queue_id)
    }

    fn mark_enqueued(&self, when: Instant) {
        QueuedControl::mark_enqueued(&**self, when);
    }

    fn as_queued_job(&self, priority: Priority) -> Option<QueuedJob> {
        Some(described(&**self, priority))
    }

    fn lendable_id(&self) -> Option<JobId> {
        Some(self.id())
    }
}
