//! The future of a job's outcome.

mod abort_on_drop;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::cell::{Cell, Ended, JobCell, JoinState, Kind};
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
/// Get the outcome in one of three ways:
///
/// - block: [`result`](Future::result), [`result_timeout`](Future::result_timeout), [`try_result`](Future::try_result);
/// - `.await` it: it is a std future, and works on any runtime;
/// - set a callback: [`on_done`](Future::on_done).
///
/// If the future is dropped, the job still runs, and its outcome is dropped too. To stop the job instead, use
/// [`abort_on_drop`](Future::abort_on_drop).
///
/// A process that exits does not wait for its jobs: shut the pool down first.
///
/// ```
/// use executor::ThreadPool;
///
/// let pool = ThreadPool::new(2);
/// let future = pool.submit(|| 6 * 7);
/// assert_eq!(future.result()?, 42);
/// # Ok::<(), executor::JobError>(())
/// ```
///
/// # Inside a job
///
/// A job may wait for another job of its own pool, even in a pool of one thread. While the other job is queued, [`result`](Future::result)
/// and [`wait`](Future::wait) run it in place. So first release locks, and borrows of [`current::state`], that it needs.
///
/// Async code in a job (`block_on`) may await a future, too. From the first poll until the future is ready or dropped, the thread
/// counts as blocked, and a `ThreadPool` runs other jobs on a spare thread. A `RayonPool` has no spare threads: use `result` there.
#[must_use = "dropping a future detaches its job: its outcome, and every error, is lost; if that is meant, use `execute`"]
pub struct Future<T> {
    /// `None` once the outcome belongs to somebody else.
    state: Option<Arc<dyn JoinState<T>>>,
}

impl<T> Future<T> {
    /// For authors of executors: returns the future of a job cell. Call it once for each cell.
    pub fn of<P, O, K>(cell: Arc<Cell<P, O, T, K>>) -> Self
    where
        P: Send + 'static,
        O: Send + 'static,
        T: Send + 'static,
        K: Kind<P, O, T> + 'static,
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

    /// Waits for the job, and returns its result. Blocks. Inside a job of the same pool, runs this job on the calling thread if it is
    /// still queued, with that worker's [`current::state`].
    ///
    /// # Errors
    ///
    /// [`JobError`] if the job has no result, because it panicked, was cancelled, or timed out, say.
    pub fn result(self) -> Result<T, JobError> {
        self.wait();
        // Taken whole: a dropped future would tell the cell that it is gone.
        self.into_state().take_ended()
    }

    /// Like [`result`](Future::result), but waits for at most `limit`. The job itself goes on.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{JobError, promise};
    ///
    /// let (promise, future) = promise();
    /// let Err(future) = future.result_timeout(Duration::from_millis(1)) else { panic!("it is not ready") };
    /// promise.complete(7);
    /// let Ok(outcome) = future.result_timeout(Duration::from_secs(60)) else { panic!("it is ready") };
    /// assert_eq!(outcome?, 7);
    /// # Ok::<(), JobError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The outer error is the future itself, if the job did not end in time. The inner error is the job's.
    pub fn result_timeout(self, limit: Duration) -> Result<Result<T, JobError>, Self> {
        if self.wait_timeout(limit) { Ok(self.take_ended()) } else { Err(self) }
    }

    /// Like [`result`](Future::result), but does not wait.
    ///
    /// # Errors
    ///
    /// The outer error is the future itself, if the job has not ended. The inner error is the job's.
    pub fn try_result(self) -> Result<Result<T, JobError>, Self> {
        if self.is_done() { Ok(self.take_ended()) } else { Err(self) }
    }

    fn take_ended(self) -> Result<T, JobError> {
        self.state().take_ended()
    }

    /// Blocks until the job has its outcome; being cancelled is one. Inside a job of the same pool, runs this job on the calling thread
    /// if it is still queued, with that worker's [`current::state`].
    pub fn wait(&self) {
        let state = self.state();
        // It costs a load. All else is for jobs that have not ended.
        if !state.is_done() {
            self.wait_for_end();
        }
    }

    fn wait_for_end(&self) {
        let state = self.state();
        let run_here = |queue_id| state.clone().run_here(queue_id);
        if !current::in_place(|| state.queue_id(), run_here) && self.drive(&WaitDeadline::new(None), &run_here) {
            return;
        }
        // Also where it ran here: its time limit may have ended it, and another thread may be about to change the outcome.
        state.wait(None);
    }

    /// Like [`wait`](Future::wait), but for at most `limit`. Returns whether the job has its outcome.
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
        wait_deadline.drive(|| [state.queue_id()], run_here, &|| state.is_done())
    }

    /// Cancels the job if it has not started. Does not wait for it. Returns true if and only if the job never starts. The values that it
    /// captured are dropped by then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let later = pool.submit_after(Duration::from_secs(3600), || ());
    /// assert!(later.cancel() && later.is_cancelled());
    /// assert!(later.result().is_err());
    /// ```
    pub fn cancel(&self) -> bool {
        self.state().cancel()
    }

    /// Cancels the job if it has not started, and stops it if it runs. Does not wait for its end.
    ///
    /// - A running job on a thread is asked to stop ([`current::stop_requested`](crate::current::stop_requested)). It ends when it
    ///   returns, with its result.
    /// - A running job in a process ends as [`JobError::Cancelled`], and the process is killed.
    ///
    /// Returns false if the job had ended before, unless it was cancelled.
    pub fn abort(&self) -> bool {
        self.state().abort()
    }

    /// Wraps the future, so that dropping it [aborts](Future::abort) the job, instead of letting it run on.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let future = pool.submit_after(Duration::from_secs(3600), || ()).abort_on_drop();
    /// drop(future);
    /// assert_eq!(pool.stats().cancelled, 1);
    /// ```
    pub fn abort_on_drop(self) -> AbortOnDrop<T> {
        AbortOnDrop::new(self)
    }

    /// Returns whether the job is queued, running, done or cancelled. Does not block.
    pub fn status(&self) -> Status {
        self.state().status()
    }

    /// Returns whether the job has its outcome; being cancelled is one.
    pub fn is_done(&self) -> bool {
        self.state().is_done()
    }

    /// Returns whether the job has started, and has no outcome yet.
    pub fn is_running(&self) -> bool {
        self.status() == Status::Running
    }

    /// Returns whether the job was cancelled before it started, or killed by an [`abort`](Future::abort) or a shutdown.
    pub fn is_cancelled(&self) -> bool {
        self.status() == Status::Cancelled
    }

    /// Returns the job's id.
    pub fn id(&self) -> JobId {
        self.state().id()
    }

    /// For authors of executors: returns the job itself.
    pub fn control(&self) -> Arc<dyn Control> {
        self.state().clone().into_control()
    }

    /// Returns a handle that cancels or aborts the job while another thread waits for it.
    pub fn canceller(&self) -> Canceller {
        Canceller::new(self.control())
    }

    /// For authors of executors: returns a handle that runs the queued job in place, on a worker that waits for several jobs.
    pub fn helper(&self) -> Helper<T> {
        Helper::new(self.state().clone())
    }

    /// Sets a callback, which is called with the outcome exactly once: on the thread where the job ends, or at once on this thread if the
    /// job has ended. Does not wait for the job. If `f` panics, the panic hook reports that, and nothing else happens.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let (send, results) = mpsc::channel();
    /// pool.submit(|| 6 * 7).on_done(move |outcome| send.send(outcome).unwrap_or_default());
    /// assert_eq!(results.recv()??, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_done<F>(self, f: F)
    where
        F: FnOnce(Result<T, JobError>) + Send + 'static,
    {
        let state = self.into_state();
        let Err(Watch::Call(f)) = state.watch(Watch::Call(Box::new(f))) else { return };
        if let Some(ended) = state.take() {
            crate::panics::call_catching(f, ended);
        }
    }
}

impl<T: Send + 'static> Future<T> {
    /// Returns a future that is already done, with a result.
    pub fn ready(value: T) -> Self {
        Self::with_outcome(Ok(value))
    }

    /// Returns a future that is already done, with an error.
    pub fn failed(error: JobError) -> Self {
        Self::with_outcome(Err(error))
    }

    fn with_outcome(outcome: Result<T, JobError>) -> Self {
        Self::of_state(Arc::new(Ended::new(outcome)))
    }

    /// For authors of executors: returns a cell for `job`, to be queued as `Arc<dyn Run>`, and its future.
    pub fn of_job<J: Job<Output = T>>(job: J) -> (Arc<JobCell<J>>, Self) {
        Self::of_cell(JobCell::of_job(job))
    }

    /// For authors of executors: like [`of_job`](Future::of_job), for a job in the queue `queue_id`.
    pub fn of_job_at<J: Job<Output = T>>(queue_id: QueueId, job: J) -> (Arc<JobCell<J>>, Self) {
        Self::of_cell(JobCell::of_job(job).at(queue_id))
    }

    fn of_cell<J: Job<Output = T>>(cell: JobCell<J>) -> (Arc<JobCell<J>>, Self) {
        let cell = Arc::new(cell);
        (cell.clone(), Self::of(cell))
    }
}

impl<T> std::future::Future for Future<T> {
    type Output = Result<T, JobError>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
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
