//! What acts on a job for others than the one who waits: a canceller, and a guard that aborts.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cell::{Control, Outcome};
use crate::{Future, JobError, JobId, Status};

/// Cancels or aborts a job that somebody else waits for. Made by [`Future::canceller`].
///
/// ```
/// use executor_core::{JobError, promise};
///
/// let (_promise, future) = promise::<u32>();
/// let canceller = future.canceller();
/// std::thread::spawn(move || canceller.cancel());
/// assert!(matches!(future.result(), Err(JobError::Cancelled)));
/// ```
#[derive(Clone)]
pub struct Canceller(Arc<dyn Control>);

impl Canceller {
    pub(crate) fn new(control: Arc<dyn Control>) -> Self {
        Self(control)
    }

    /// See [`Future::cancel`].
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// See [`Future::abort`].
    pub fn abort(&self) -> bool {
        self.0.abort()
    }

    /// See [`Future::status`].
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// The job's id.
    pub fn id(&self) -> JobId {
        self.0.id()
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Canceller").field(&self.id()).finish()
    }
}

/// For those who write executors: runs a queued job in the place of the worker that would have taken it. Made by
/// [`Future::helper`].
pub struct Helper<T>(Arc<dyn Outcome<T>>);

impl<T> Helper<T> {
    pub(crate) fn new(outcome: Arc<dyn Outcome<T>>) -> Self {
        Self(outcome)
    }

    /// Runs the job, if it waits in the queue of the pool that this thread is a worker of, and jobs are not nested too deeply
    /// here. Says whether it did.
    pub fn help(&self) -> bool {
        crate::current::in_place(|| self.0.home(), |home| self.0.clone().run_here(home))
    }

    /// Whether nobody has claimed or cancelled the job yet.
    pub fn is_waiting(&self) -> bool {
        self.0.is_waiting()
    }
}

impl<T> fmt::Debug for Helper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Helper").field(&self.0.id()).finish()
    }
}

/// A future whose job is aborted when it is dropped. Made by [`Future::abort_on_drop`].
///
/// It derefs to the [`Future`], for everything that asks by reference.
#[must_use = "dropped at once, it aborts its job at once"]
#[derive(Debug)]
pub struct AbortOnDrop<T> {
    /// `None` once the outcome was taken.
    future: Option<Future<T>>,
}

impl<T> AbortOnDrop<T> {
    pub(crate) fn new(future: Future<T>) -> Self {
        Self { future: Some(future) }
    }

    /// See [`Future::result`]. Blocks.
    ///
    /// # Errors
    ///
    /// As [`Future::result`].
    pub fn result(self) -> Result<T, JobError> {
        self.into_inner().result()
    }

    /// The future alone: dropping it detaches again.
    ///
    /// # Panics
    ///
    /// When it was polled to its end.
    pub fn into_inner(mut self) -> Future<T> {
        self.future.take().expect("the future is here until its outcome was taken")
    }
}

impl<T> Deref for AbortOnDrop<T> {
    type Target = Future<T>;

    fn deref(&self) -> &Future<T> {
        self.future.as_ref().expect("the future is here until its outcome was taken")
    }
}

impl<T> std::future::Future for AbortOnDrop<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.future.as_mut().expect("a future that was polled to its end has nothing more to tell");
        let polled = Pin::new(future).poll(context);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        if let Some(future) = &self.future {
            future.abort();
        }
    }
}
