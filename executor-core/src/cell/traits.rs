//! The traits through which others see a cell: any thread, a queue, the executor that runs the job, and its future.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::control::{Control, QueuedControl};
use crate::error::{JobError, JobName};
use crate::job_counters::Failure;
use crate::notify::{Notify, Watch};
use crate::queue_id::QueueId;
use crate::status::JobId;

/// A queued job that runs on the thread that takes it from the queue.
pub trait Run: QueuedControl {
    /// Claims the job and runs it to its outcome, callbacks included. False if it was cancelled before.
    fn run(self: Arc<Self>) -> bool;
}

/// A queued job that is run by somebody else, such as another process: `P` goes there and `O` comes back.
pub trait Task<P, O>: QueuedControl {
    /// Starts the job: true exactly once, and never after a cancel. `abort` is called if the job is aborted from now on.
    #[must_use = "the payload is lost if it is not run"]
    fn claim(&self, abort: Option<Arc<dyn Abort>>) -> Option<P>;

    /// Dispatches the job to a queue elsewhere, which starts it unless the dispatch is revoked before. `None` if it was claimed or
    /// has ended.
    #[must_use = "the payload is lost if it is not run"]
    fn dispatch(&self, dispatch: Arc<dyn Dispatch>) -> Option<P>;

    /// Revokes the dispatch of a job that has not started: it waits again, as if it had never been taken.
    ///
    /// # Errors
    ///
    /// The payload, if the job has started, or has ended.
    fn take_back(&self, payload: P) -> Result<(), P>;

    /// Says the outcome of a claimed or dispatched job. One that comes after another (a result after its timeout) is dropped.
    /// The caller chooses the thread on which wakers and callbacks then run, by where it calls [`Notify::fire`].
    fn finish(self: Arc<Self>, outcome: Result<O, JobError>) -> Notify {
        self.finish_with(outcome, None)
    }

    /// The same of a job of several parts, each with an outcome of its own: a result counts as the worst failure of those.
    fn finish_with(self: Arc<Self>, outcome: Result<O, JobError>, of_parts: Option<Failure>) -> Notify;
}

/// A payload that names its job.
pub trait NamesJob {
    /// The job's name. Without the payload, as far as its type tells. Runs under the lock of the job: it must not block, nor run code of
    /// a user's.
    fn job_name(payload: Option<&Self>) -> Option<JobName>;
}

/// Stops a running job, by other means than asking it.
pub trait Abort: Send + Sync {
    /// Stops the job `id` if it still runs. False if that comes too late: its outcome is on the way.
    fn abort(&self, id: JobId) -> bool;
}

/// Where a dispatched job is: it may have started there, or not. All three are asked of this one place, which must give one answer
/// to who asks them at once.
pub trait Dispatch: Abort {
    /// Makes sure that the job `id` never starts there. False if it has started, or is not there. Runs under the lock of the job: it must
    /// not block, nor ask anything of the job.
    fn revoke(&self, id: JobId) -> bool;

    /// Whether the job `id` has started there. As short as [`revoke`](Dispatch::revoke).
    fn has_started(&self, id: JobId) -> bool;
}

/// A job as its future sees it.
pub(crate) trait JoinState<T>: Control {
    /// The same job, without the type of its outcome.
    fn into_control(self: Arc<Self>) -> Arc<dyn Control>;
    /// The outcome, once.
    fn take(&self) -> Option<Result<T, JobError>>;
    /// Decodes the outcome in place, and says whether it is a result. `None` while the job has not ended.
    fn settle(&self) -> Option<bool>;
    /// Whose queue the job waits in, or has waited in last.
    fn queue_id(&self) -> Option<QueueId>;
    /// Runs the job on this thread if it waits in the queue `queue_id`. Says whether it did.
    fn run_here(self: Arc<Self>, queue_id: QueueId) -> bool;
    /// Blocks until the job has ended, or `deadline`. Says whether it has ended.
    fn wait(&self, deadline: Option<Instant>) -> bool;
    /// Replaces who is told of the end. Gives `watch` back if the job has ended.
    fn watch(&self, watch: Watch<T>) -> Result<(), Watch<T>>;
    /// Whether the waker that is told already would wake the same task.
    fn is_watched_by(&self, waker: &Waker) -> bool;
    /// Called when the future is gone: the outcome will not be taken.
    fn detach(&self);
}
