//! The traits through which others see a cell: any thread, a queue, the executor that runs the job, and its future.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::control::{Control, QueuedControl};
use crate::error::{JobError, JobName};
use crate::job_counters::Failure;
use crate::notify::{Notify, Watch};
use crate::observe::job::JobDescription;
use crate::queue_id::QueueId;
use crate::status::JobId;

/// A queued job that runs on the thread that takes it from the queue.
pub trait Run: QueuedControl {
    /// Claims the job and runs it, including its callbacks. Returns false if the job was cancelled before.
    fn run(self: Arc<Self>) -> bool;
}

/// A queued job that runs elsewhere, such as in another process: `P` goes there, and `O` comes back.
pub trait Task<P, O>: QueuedControl {
    /// Starts the job, and returns its payload: once, and never after a cancel. `abort` is called if the job is aborted from now on.
    #[must_use = "the payload is lost if it is not run"]
    fn claim(&self, abort: Option<Arc<dyn Abort>>) -> Option<P>;

    /// Dispatches the job to another queue, which starts it unless the dispatch is revoked before. Returns the payload, or `None` if the
    /// job was claimed or has ended.
    #[must_use = "the payload is lost if it is not run"]
    fn dispatch(&self, dispatch: Arc<dyn Dispatch>) -> Option<P>;

    /// Revokes the dispatch of a job that has not started. The job is queued again, as if it had never been taken.
    ///
    /// # Errors
    ///
    /// The payload, if the job has started, or has ended.
    fn take_back(&self, payload: P) -> Result<(), P>;

    /// Sets the outcome of a claimed or dispatched job. A second outcome (a result after a timeout) is dropped. Waiting threads and tasks are
    /// woken, and callbacks run, on the thread that calls [`Notify::fire`]: so the outcomes of several jobs can be set before a thread that
    /// waits for the first of them is woken.
    fn finish(self: Arc<Self>, outcome: Result<O, JobError>) -> Notify {
        self.finish_with(outcome, None)
    }

    /// Like [`finish`](Task::finish), for a job of several parts with outcomes of their own: a result is counted as the worst failure of the
    /// parts.
    fn finish_with(self: Arc<Self>, outcome: Result<O, JobError>, of_parts: Option<Failure>) -> Notify;
}

/// A payload that names its job.
pub trait NamesJob {
    /// Returns the name of the job; without the payload, as far as the type determines it. Runs under the lock of the job, so it must not
    /// block or run user code.
    fn job_name(payload: Option<&Self>) -> Option<JobName>;

    /// Returns the name, tag and place of submission of the job. Must not block or run user code. Default: the name alone.
    fn describe(payload: &Self) -> Option<JobDescription> {
        Some(JobDescription::new(Self::job_name(Some(payload))?, None, None))
    }
}

/// Stops a running job by force.
pub trait Abort: Send + Sync {
    /// Stops the job `id` if it still runs. Returns false if it is too late: the outcome is on its way.
    fn abort(&self, id: JobId) -> bool;
}

/// The place of a dispatched job, which may have started there or not. Concurrent calls of the three methods must get consistent answers.
pub trait Dispatch: Abort {
    /// Makes sure that the job `id` never starts there. Returns false if it has started, or is not there. Runs under the lock of the job, so
    /// it must not block or call methods of the job.
    fn revoke(&self, id: JobId) -> bool;

    /// Returns whether the job `id` has started there. The rules of [`revoke`](Dispatch::revoke) apply.
    fn has_started(&self, id: JobId) -> bool;
}

/// Decides elsewhere whether a job may still be cancelled, aborted or seen as queued, where an answer under the lock of the job would take
/// too long. Each method may block, for it is called without a lock.
///
/// Before a method returns, the job's [`Dispatch`] has to know what was decided: the cell asks it next.
pub trait Steer: Send + Sync {
    /// Tries to make sure that the job never starts.
    fn cancel(&self);

    /// Tries to make sure that the job never starts, or stops if it runs. Returns true if the job has ended so.
    fn abort(&self) -> bool;

    /// Learns whether the job has started.
    fn refresh(&self);
}

/// A job as its future sees it.
pub(crate) trait JoinState<T>: Control {
    /// The same job, without the type of its outcome.
    fn into_control(self: Arc<Self>) -> Arc<dyn Control>;
    /// The outcome, once.
    fn take(&self) -> Option<Result<T, JobError>>;
    /// The outcome of a job that has ended, whose one future takes it now.
    fn take_ended(&self) -> Result<T, JobError> {
        self.take().expect("a job that has ended has an outcome until its one future takes it")
    }
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
