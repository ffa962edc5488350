//! Requests to a job from threads that do not run it.

use std::sync::Arc;
use std::time::Instant;

use crate::error::{JobError, Refused, Rejection};
use crate::notify::{Captures, Notify};
use crate::observe::job::JobDescription;
use crate::queue_id::QueueId;
use crate::status::{JobId, Status};

/// Requests to a job, and queries about it, independent of its types.
pub trait Control: Send + Sync {
    /// Returns the job's id.
    fn id(&self) -> JobId;
    /// Returns whether the job is queued, running, done or cancelled.
    fn status(&self) -> Status;
    /// Returns whether the job has its outcome. Never blocks.
    fn is_done(&self) -> bool {
        self.status().is_done()
    }
    /// Cancels the job if it has not started; see [`Future::cancel`](crate::Future::cancel).
    fn cancel(&self) -> bool;
    /// Cancels the job if it has not started, and stops it if it runs; see [`Future::abort`](crate::Future::abort).
    fn abort(&self) -> bool;
    /// Ends the job with `error`. Returns `None` if it has ended already. Wakers and callbacks run on the thread that calls
    /// [`Notify::fire`], or drops the notification.
    fn fail(self: Arc<Self>, error: JobError) -> Option<Notify>;
    /// Returns whether the job was asked to stop.
    fn stop_requested(&self) -> bool;
    /// Returns the job as its queue sees it.
    fn queued(self: Arc<Self>) -> Arc<dyn QueuedControl>;
}

/// Requests to a job, and queries about it, for the queue in which it waits.
pub trait QueuedControl: Control {
    /// Like [`fail`](Control::fail), but only if the job has not started. Returns `None` if it has.
    fn withdraw(self: Arc<Self>, error: JobError) -> Option<Notify>;
    /// Like [`withdraw`](QueuedControl::withdraw), but returns the captured values, since dropping them may take long.
    fn expire(self: Arc<Self>, error: JobError) -> Option<(Notify, Captures)>;
    /// Returns the error of a job that no queue accepted, for this reason.
    fn refused(&self, reason: Rejection) -> Refused;
    /// Returns whether the job has neither been claimed nor ended.
    fn is_waiting(&self) -> bool;
    /// Moves the job to the queue `queue_id`. Returns false if the job is no longer queued.
    fn move_to(&self, queue_id: QueueId) -> bool;
    /// Returns the queue in which the job waits or waited last.
    fn queue_id(&self) -> Option<QueueId>;
    /// Records that the job is queued at the time `when`, so that its times are measured.
    fn mark_enqueued(&self, when: Instant);
    /// Returns since when the job waits, if its times are measured.
    fn queued_at(&self) -> Option<Instant>;
    /// Returns the name, tag and place of submission of a job that has not started. `None` if it has, or if it has no name.
    fn describe(&self) -> Option<JobDescription>;
}
