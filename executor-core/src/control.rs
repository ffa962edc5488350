//! Requests to a job from threads that do not run it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{JobError, Refused, Rejection};
use crate::notify::{Captures, Notify};
use crate::queue_id::QueueId;
use crate::status::{JobId, Status};

/// Requests to a job, and queries about it, independent of its types.
pub trait Control: Send + Sync {
    /// The job's id.
    fn id(&self) -> JobId;
    /// Returns whether the job is queued, running, done or cancelled.
    fn status(&self) -> Status;
    /// Ends the job if it has not started; see [`Future::cancel`](crate::Future::cancel).
    fn cancel(&self) -> bool;
    /// Ends the job if it has not started, and asks it to stop if it has; see [`Future::abort`](crate::Future::abort).
    fn abort(&self) -> bool;
    /// Ends a job that has not ended with `error`. `None` if it has. The caller chooses the thread on which wakers and callbacks then
    /// run, by where it calls [`Notify::fire`], or drops it.
    fn fail(self: Arc<Self>, error: JobError) -> Option<Notify>;
    /// Whether somebody asked the job to stop.
    fn stop_requested(&self) -> bool;
    /// The job as its queue sees it.
    fn queued(self: Arc<Self>) -> Arc<dyn QueuedControl>;
}

/// Requests and queries of the queue in which a job waits.
pub trait QueuedControl: Control {
    /// Ends a job that has not started with `error`, and otherwise as `fail`. `None` if it has.
    fn withdraw(self: Arc<Self>, error: JobError) -> Option<Notify>;
    /// As `withdraw`, but what the job captured is the caller's to drop, on a thread of its choice: a drop may take long.
    fn expire(self: Arc<Self>, error: JobError) -> Option<(Notify, Captures)>;
    /// The error of a job that no queue took, for this reason.
    fn refused(&self, reason: Rejection) -> Refused;
    /// Whether the job is still unclaimed and has not ended.
    fn is_waiting(&self) -> bool;
    /// It waits in the queue `queue_id` from now on. False if it does not wait any more.
    fn move_to(&self, queue_id: QueueId) -> bool;
    /// Whose queue it waits in, or has waited in last.
    fn queue_id(&self) -> Option<QueueId>;
    /// It is queued at the time `when`, and is to be measured.
    fn mark_enqueued(&self, when: Instant);
    /// The job began to run at the time `begun` and ran for `ran`. If it is measured, its queue's [counters](crate::job_counters) record both.
    fn record_run(&self, begun: Instant, ran: Duration);
}
