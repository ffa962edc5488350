//! Futures made from futures: the result of a job, changed where the job ends.

use std::error::Error;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::cell::{Cell, JoinState, Task};
use crate::control::{Control, QueuedControl};
use crate::error::JobError;
use crate::future::Future;
use crate::notify::{Notify, Watch};
use crate::panics::{catch, drop_catching, named};
use crate::queue_id::QueueId;
use crate::status::{JobId, Status};

impl<T: Send + 'static> Future<T> {
    /// Returns a future of `f(result)`. Does not wait for the job: `f` is called on the thread where the job ends, or at once on this thread if
    /// the job has ended.
    ///
    /// If `f` panics, the new future ends as [`JobError::Panicked`]. Cancelling the new future cancels the job.
    ///
    /// ```
    /// use executor::Future;
    ///
    /// assert_eq!(Future::ready(20).map_ok(|n| n + 1).result()?, 21);
    /// # Ok::<(), executor::JobError>(())
    /// ```
    pub fn map_ok<U, F>(self, f: F) -> Future<U>
    where
        U: Send + 'static,
        F: FnOnce(T) -> U + Send + 'static,
    {
        self.and_then(|value| Ok(named::<F, _>(|| f(value))))
    }

    /// Whatever panics, `f`, its captures or what it drops, the new future ends.
    fn and_then<U: Send + 'static>(self, f: impl FnOnce(T) -> Result<U, JobError> + Send + 'static) -> Future<U> {
        let source = self.state().clone();
        let target = Arc::new(Cell::<(), U, U>::queued((), Ok));
        let mapped = Mapped { source, target: target.clone() };
        self.on_done(move |outcome| {
            if target.claim(None).is_some() {
                let outcome = match outcome {
                    Ok(value) => catch(|| f(value)).and_then(|outcome| outcome),
                    Err(error) => {
                        drop_catching(f);
                        Err(error)
                    }
                };
                target.finish(outcome).fire();
            }
        });
        Future::of_state(Arc::new(mapped))
    }

    /// Merges the job's own `Result` with the future's: an `Err` that the job returns becomes [`JobError::Failed`], which holds it. So one
    /// `?` is enough.
    ///
    /// ```
    /// use executor::{Future, JobError};
    ///
    /// let future: Future<Result<u32, _>> = Future::ready("x".parse::<u32>());
    /// let error = future.flatten().result().unwrap_err();
    /// assert!(matches!(error, JobError::Failed(_)));
    /// assert_eq!(error.to_string(), "invalid digit found in string");
    /// ```
    pub fn flatten<U, E>(self) -> Future<U>
    where
        T: IntoResult<U, E>,
        U: Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.and_then(|value| value.into_result().map_err(|error| JobError::failed(error)))
    }
}

/// `Result`, under a name that the compiler's message can explain.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`flatten` is for jobs that return a `Result`",
    label = "this job returns `{Self}`",
    note = "without `flatten`, the future's outcome is `Result<{Self}, JobError>` already"
)]
pub trait IntoResult<T, E> {
    fn into_result(self) -> Result<T, E>;
}

impl<T, E> IntoResult<T, E> for Result<T, E> {
    fn into_result(self) -> Self {
        self
    }
}

/// Cancel, abort and status are the source's; the outcome is the target's.
struct Mapped<T, U: 'static> {
    source: Arc<dyn JoinState<T>>,
    target: Arc<Cell<(), U, U>>,
}

impl<T, U: Send + 'static> Control for Mapped<T, U> {
    fn id(&self) -> JobId {
        self.source.id()
    }

    fn status(&self) -> Status {
        let (source, target) = (self.source.status(), self.target.status());
        let is_being_changed = source.is_done() && !target.is_done();
        if is_being_changed { Status::Running } else { source }
    }

    fn cancel(&self) -> bool {
        self.source.cancel()
    }

    fn abort(&self) -> bool {
        self.source.abort()
    }

    fn fail(self: Arc<Self>, error: JobError) -> Option<Notify> {
        self.source.clone().fail(error)
    }

    fn stop_requested(&self) -> bool {
        self.source.stop_requested()
    }

    fn queued(self: Arc<Self>) -> Arc<dyn QueuedControl> {
        self.source.clone().queued()
    }
}

impl<T: 'static, U: Send + 'static> JoinState<U> for Mapped<T, U> {
    fn into_control(self: Arc<Self>) -> Arc<dyn Control> {
        self
    }

    fn take(&self) -> Option<Result<U, JobError>> {
        self.target.take()
    }

    fn settle(&self) -> Option<bool> {
        self.target.settle()
    }

    fn queue_id(&self) -> Option<QueueId> {
        self.source.queue_id()
    }

    fn run_here(self: Arc<Self>, queue_id: QueueId) -> bool {
        self.source.clone().run_here(queue_id)
    }

    fn wait(&self, deadline: Option<Instant>) -> bool {
        self.target.wait(deadline)
    }

    fn watch(&self, watch: Watch<U>) -> Result<(), Watch<U>> {
        self.target.watch(watch)
    }

    fn is_watched_by(&self, waker: &Waker) -> bool {
        self.target.is_watched_by(waker)
    }

    fn detach(&self) {
        self.target.detach();
    }
}
