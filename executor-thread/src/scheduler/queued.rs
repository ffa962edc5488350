//! The entries of a scheduler: jobs, and timer events.

use std::sync::Arc;
use std::time::Instant;

use executor_core::cell::{Captures, Notify, QueuedControl, Run, Task};
use executor_core::queue_id::QueueId;
use executor_core::registry::InlineRun;
use executor_core::{JobError, current};

/// The operations on a job that a scheduler needs.
///
/// A job that leaves the queue otherwise, cancelled or run by a thread that waits for it, tells the
/// [`JobDeparture`](executor_core::queue_id::JobDeparture) of the queue that it was made with, or moved to.
pub trait Queued: Send + 'static {
    /// Ends a job that no worker is to take, if it waits still. Returns the notification of that, or `None` if it does not wait.
    fn fail(self, error: JobError) -> Option<Notify>;

    /// As `fail`, but what the job captured is the caller's to drop, on a thread of its choice. Unless this is given, it is dropped here.
    fn expire(self, error: JobError) -> Option<(Notify, Captures)>
    where
        Self: Sized,
    {
        self.fail(error).map(|notify| (notify, Captures::default()))
    }

    /// Whether it waits still: it was not claimed or cancelled.
    fn is_waiting(&self) -> bool;

    /// The id by which it finds the queue that it tells, or has told, if it leaves otherwise.
    fn queue_id(&self) -> Option<QueueId>;

    /// It waits in the queue `queue_id` from now on. False if it does not wait any more.
    fn move_to(&self, queue_id: QueueId) -> bool;

    /// It is queued at the time `when`, and is to be measured. Without this, it is not.
    fn mark_enqueued(&self, _when: Instant) {}

    /// Runs it on this thread, for the submitter. False if that cannot be: then it is still to be queued.
    fn run_here(&self) -> bool {
        false
    }
}

/// An action at a given time, other than to queue a job. Fires on the timer's thread, so it must be short.
pub trait TimerEvent: Send {
    /// The time has come, and it fires next. All that are due begin before the first of them fires, so that what one waits for, all wait for
    /// at the same time.
    fn begin(&mut self) {}

    /// It has begun. A callback that is to be run for it is run on the scheduler's thread for callbacks, and what a job had captured is
    /// dropped on the one for drops: no timer waits for code of a user's.
    fn fire(self: Box<Self>) -> Option<(Notify, Captures)>;

    /// Whether it was cancelled: then it may be dropped before its time.
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

    fn run_here(&self) -> bool {
        current::nested(|| {
            let _inline = InlineRun::enter(self.queue_id());
            self.clone().run()
        })
        .is_some()
    }
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
}
