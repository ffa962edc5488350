//! The handle to a job's outcome.

mod abort_on_drop;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::cell::{Cell, JoinState};
use crate::control::Control;
use crate::current;
use crate::drive::WaitDeadline;
use crate::error::JobError;
use crate::handles::{Canceller, Helper};
use crate::job::Job;
use crate::notify::Watch;
use crate::queue_id::QueueId;
use crate::status::{JobId, Status};

pub use self::abort_on_drop::AbortOnDrop;

/// The outcome of a job, now or later.
///
/// Ask for it by blocking ([`result`](Future::result)), from async code (it is a std future on any runtime), or by a
/// callback ([`on_done`](Future::on_done)). Dropped, it detaches: the job still runs, and its outcome is dropped where
/// it ends.
///
/// A process that exits does not wait for jobs: shut the executor down first.
///
/// # Inside a job
///
/// A job may wait for a job of its own pool, however few threads there are. [`result`](Future::result) and [`wait`](Future::wait)
/// run that job in place while it is queued: let go of locks, and of borrows of [`current::state`], that it needs. Async code
/// in a job (`block_on`) may await one too: from the first poll until the future is done or dropped, the thread counts as blocked,
/// so a `ThreadPool` runs another job beside it. A `RayonPool` has no thread to spare: use `result` there.
///
/// ```
/// use executor::promise;
///
/// let (promise, future) = promise();
/// std::thread::spawn(move || promise.complete(6 * 7));
/// assert_eq!(future.result()?, 42);
/// # Ok::<(), executor::JobError>(())
/// ```
#[must_use = "dropping a future detaches its job: its outcome, and every error, is lost"]
pub struct Future<T> {
    /// `None` once the outcome belongs to somebody else.
    state: Option<Arc<dyn JoinState<T>>>,
}

impl<T> Future<T> {
    /// For those who write executors: the future of a job cell. A cell has one future: make it once.
    pub fn of<P, O>(cell: Arc<Cell<P, O, T>>) -> Self
    where
        P: Send + 'static,
        O: Send + 'static,
        T: Send + 'static,
    {
        Self { state: Some(cell) }
    }

    pub(crate) fn of_state(state: Arc<dyn JoinState<T>>) -> Self {
        Self { state: Some(state) }
    }

    pub(crate) fn state(&self) -> &Arc<dyn JoinState<T>> {
        self.state.as_ref().expect("the future was polled to completion: its outcome is taken")
    }

    pub(crate) fn into_state(mut self) -> Arc<dyn JoinState<T>> {
        let state = self.state.take().expect("the future was polled to completion: its outcome is taken");
        current::over(address(&state));
        state
    }

    /// Waits for the job, and returns what came of it. Blocks. Inside a job of the same pool, runs the job in place while it
    /// is queued, on this worker and with its [`current::state`].
    ///
    /// # Errors
    ///
    /// Every way in which a job can end without a result: see [`JobError`].
    pub fn result(self) -> Result<T, JobError> {
        self.wait();
        // Taken whole: a dropped future would tell the cell that it is gone.
        ended(self.into_state().take())
    }

    /// As [`result`](Future::result), for at most `limit`.
    ///
    /// # Errors
    ///
    /// The outer error is the future itself, when the job had not ended in time. The inner one is the job's.
    pub fn result_timeout(self, limit: Duration) -> Result<Result<T, JobError>, Self> {
        if self.wait_timeout(limit) { Ok(self.take_ended()) } else { Err(self) }
    }

    /// As [`result`](Future::result), without waiting.
    ///
    /// # Errors
    ///
    /// The outer error is the future itself, when the job has not ended. The inner one is the job's.
    pub fn try_result(self) -> Result<Result<T, JobError>, Self> {
        if self.is_done() { Ok(self.take_ended()) } else { Err(self) }
    }

    fn take_ended(self) -> Result<T, JobError> {
        ended(self.state().take())
    }

    /// Blocks until the job has its outcome, a cancel included. Inside a job of the same pool, runs the job in place while it
    /// is queued, on this worker and with its [`current::state`].
    pub fn wait(&self) {
        let state = self.state();
        let run_here = |queue_id| state.clone().run_here(queue_id);
        if !current::in_place(|| state.queue_id(), run_here) && self.drive(&WaitDeadline::new(None), &run_here) {
            return;
        }
        // Also where it ran here: its time limit may have ended it, and another thread may be about to change the outcome.
        state.wait(None);
    }

    /// As [`wait`](Future::wait), for at most `limit`. Says whether the job has its outcome.
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        let wait_deadline = WaitDeadline::new(Some(limit));
        if self.drive(&wait_deadline, &|_| false) {
            self.is_done()
        } else {
            self.state().wait(wait_deadline.deadline())
        }
    }

    /// Runs, on a thread that drives the job's executor, what has to be run first.
    fn drive(&self, wait_deadline: &WaitDeadline, run_here: &(dyn Fn(QueueId) -> bool + Sync)) -> bool {
        let state = self.state();
        wait_deadline.drive(|| [state.queue_id()], run_here, &|| state.status().is_done())
    }

    /// Cancels the job if it has not started. True if and only if it never starts; by then, what it captured is dropped.
    pub fn cancel(&self) -> bool {
        self.state().cancel()
    }

    /// [`cancel`](Future::cancel)s the job; if it runs, stops it: on a thread it is asked to
    /// ([`current::stop_requested`](crate::current::stop_requested)) and ends as it likes, in a process it is killed and ends as
    /// [`JobError::Cancelled`]. False if the job had ended (unless by a cancel).
    pub fn abort(&self) -> bool {
        self.state().abort()
    }

    /// Aborts the job when the wrapped future is dropped, instead of detaching it.
    pub fn abort_on_drop(self) -> AbortOnDrop<T> {
        AbortOnDrop::new(self)
    }

    /// Where the job is in its life.
    pub fn status(&self) -> Status {
        self.state().status()
    }

    /// Whether the job has its outcome, a cancel included.
    pub fn is_done(&self) -> bool {
        self.status().is_done()
    }

    /// Whether the job has started, and has no outcome yet.
    pub fn is_running(&self) -> bool {
        self.status() == Status::Running
    }

    /// Whether the job was cancelled or aborted.
    pub fn is_cancelled(&self) -> bool {
        self.status() == Status::Cancelled
    }

    /// The job's id.
    pub fn id(&self) -> JobId {
        self.state().id()
    }

    /// For those who write executors: the job itself.
    pub fn control(&self) -> Arc<dyn Control> {
        self.state().clone().into_control()
    }

    /// Cancels or aborts the job while somebody else waits for it.
    pub fn canceller(&self) -> Canceller {
        Canceller::new(self.control())
    }

    /// For those who write executors: what runs the job in place, on a worker that waits for others than this one as well.
    pub fn helper(&self) -> Helper<T> {
        Helper::new(self.state().clone())
    }

    /// Calls `f` with the outcome, once: on the thread where the job ends, or on this one if it has ended. A panic in `f`
    /// is reported by the panic hook and harms nothing else.
    pub fn on_done<F>(self, f: F)
    where
        F: FnOnce(Result<T, JobError>) + Send + 'static,
    {
        let state = self.into_state();
        let Err(Watch::Call(f)) = state.watch(Watch::Call(Box::new(f))) else { return };
        if let Some(ended) = state.take() {
            crate::panics::drop_catching(crate::panics::catch(|| f(ended)));
        }
    }
}

impl<T: Send + 'static> Future<T> {
    /// A future whose job has ended well.
    pub fn ready(value: T) -> Self {
        Self::with_outcome(Ok(value))
    }

    /// A future whose job has ended with `error`.
    pub fn failed(error: JobError) -> Self {
        Self::with_outcome(Err(error))
    }

    fn with_outcome(outcome: Result<T, JobError>) -> Self {
        Self::of(Arc::new(Cell::<(), T, T>::ended(outcome, Ok)))
    }

    /// For those who write executors: a cell for `job`, to be queued as `Arc<dyn Run>`, and its future.
    pub fn of_job<J: Job<Output = T>>(job: J) -> (Arc<Cell<J, T, T>>, Self) {
        Self::of_cell(Cell::of_job(job))
    }

    /// For those who write executors: the same for a job in the queue `queue_id`.
    pub fn of_job_at<J: Job<Output = T>>(queue_id: QueueId, job: J) -> (Arc<Cell<J, T, T>>, Self) {
        Self::of_cell(Cell::of_job(job).at(queue_id))
    }

    fn of_cell<J: Job<Output = T>>(cell: Cell<J, T, T>) -> (Arc<Cell<J, T, T>>, Self) {
        let cell = Arc::new(cell);
        (cell.clone(), Self::of(cell))
    }
}

impl<T> std::future::Future for Future<T> {
    type Output = Result<T, JobError>;

    /// # Panics
    ///
    /// When it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let cell = self.state();
        let key = address(cell);
        let mut outcome = cell.take();
        if outcome.is_none() {
            if cell.is_watched_by(context.waker()) || cell.watch(Watch::Task(context.waker().clone())).is_ok() {
                current::pending(key);
                return Poll::Pending;
            }
            // It ended between the two looks.
            outcome = cell.take();
        }
        self.state = None;
        current::over(key);
        Poll::Ready(ended(outcome))
    }
}

impl<T> Drop for Future<T> {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            current::over(address(&state));
            state.detach();
        }
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut future = f.debug_struct("Future");
        if let Some(state) = &self.state {
            future.field("id", &state.id()).field("status", &state.status());
        }
        future.finish_non_exhaustive()
    }
}

/// Tells one future from others for as long as it is there.
fn address<T>(state: &Arc<dyn JoinState<T>>) -> usize {
    Arc::as_ptr(state).cast::<()>().addr()
}

/// The outcome of a job that has ended.
fn ended<T>(outcome: Option<Result<T, JobError>>) -> Result<T, JobError> {
    outcome.expect("a job that has ended has an outcome until its one future takes it")
}
