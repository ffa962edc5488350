//! Handles that act on a job without waiting for it: a canceller, and a helper.

use std::fmt;
use std::sync::Arc;

use crate::cell::JoinState;
use crate::control::Control;
use crate::current;
use crate::status::{JobId, Status};

/// Cancels or aborts a job that another thread waits for. Cheap to clone. Returned by [`Future::canceller`](crate::Future::canceller).
///
/// ```
/// use executor::{JobError, promise};
///
/// let (_promise, future) = promise::<u32>();
/// let canceller = future.canceller();
/// std::thread::spawn(move || canceller.cancel());
/// assert!(matches!(future.result(), Err(JobError::Cancelled(_))));
/// ```
#[derive(Clone)]
pub struct Canceller(Arc<dyn Control>);

impl Canceller {
    pub(crate) fn new(control: Arc<dyn Control>) -> Self {
        Self(control)
    }

    /// Cancels the job if it has not started. Returns true if and only if the job never starts; see
    /// [`Future::cancel`](crate::Future::cancel).
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// Cancels the job if it has not started, and stops it if it runs; see [`Future::abort`](crate::Future::abort).
    pub fn abort(&self) -> bool {
        self.0.abort()
    }

    /// Returns whether the job is queued, running, done or cancelled.
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// Returns the job's id.
    pub fn id(&self) -> JobId {
        self.0.id()
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Canceller").field(&self.id()).finish()
    }
}

/// For authors of executors: runs a queued job on a thread that waits for it. Returned by
/// [`Future::helper`](crate::Future::helper).
pub struct Helper<T>(Arc<dyn JoinState<T>>);

impl<T> Helper<T> {
    pub(crate) fn new(state: Arc<dyn JoinState<T>>) -> Self {
        Self(state)
    }

    /// Runs the job if it is queued in the pool that this thread is a worker of, and if jobs are not nested too deeply on this thread.
    /// Returns whether it ran the job.
    pub fn help(&self) -> bool {
        current::in_place(|| self.0.queue_id(), |queue_id| self.0.clone().run_here(queue_id))
    }

    /// Returns whether the job has neither started nor been cancelled.
    pub fn is_waiting(&self) -> bool {
        self.0.clone().queued().is_waiting()
    }
}

impl<T> fmt::Debug for Helper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Helper").field(&self.0.id()).finish()
    }
}
