//! The handle to a scoped job's outcome.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use executor_core::panics::drop_catching;
use executor_core::{Future, JobError, Status};
use parking_lot::Mutex;

use super::jobs::Jobs;

/// The outcome of a scoped job, now or later. Returned by [`Scope::submit`](crate::Scope::submit), and usable only inside the scope.
///
/// If it is dropped, the job still runs, the scope waits for it, and its result is dropped on the job's thread.
///
/// ```
/// use executor::ThreadPool;
///
/// let pool = ThreadPool::new(2);
/// let numbers = vec![1, 2, 3];
/// let longest = pool.scope(|s| {
///     let (sum, most) = (s.submit(|| numbers.iter().sum::<i32>()), s.submit(|| numbers.iter().max()));
///     Ok::<_, executor::JobError>((sum.result()?, most.result()?)) // the results may borrow, too
/// })?;
/// assert_eq!(longest, (6, Some(&3)));
/// # Ok::<(), executor::JobError>(())
/// ```
#[must_use = "dropping a future detaches its job: its result is lost, and a panic becomes the scope's"]
pub struct ScopedFuture<'scope, T> {
    /// Completes when the job ends. The outcome is in the slot, because the pool's own future cannot hold a borrowed type.
    ended: Future<()>,
    slot: Arc<Slot<T>>,
    jobs: Arc<Jobs>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedFuture<'_, T> {
    pub(super) fn new(ended: Future<()>, slot: Arc<Slot<T>>, jobs: Arc<Jobs>) -> Self {
        Self { ended, slot, jobs, scope: PhantomData }
    }

    /// Waits for the job, and returns its result. Blocks, as [`wait`](ScopedFuture::wait) does.
    ///
    /// # Errors
    ///
    /// - [`JobError::Panicked`] if the job panicked. The scope itself does not panic for this job then.
    /// - [`JobError::Cancelled`], [`JobError::Rejected`] or [`JobError::Broken`] if the job was not run.
    /// - [`JobError::TimedOut`] if the pool handle's options set a time limit, and the job exceeded it.
    pub fn result(self) -> Result<T, JobError> {
        let outcome = match self.ended.result() {
            Ok(()) => self.slot.take().unwrap_or_else(|| unreachable!("a job that was run has left its outcome")),
            // The job may run on, or have returned since: its outcome is dropped.
            Err(error) => {
                if self.slot.refuse() {
                    self.jobs.panic_was_taken();
                }
                return Err(error);
            }
        };
        if outcome.is_err() {
            self.jobs.panic_was_taken();
        }
        outcome
    }

    /// Blocks until the job has its outcome; being cancelled is one. Inside a job of the same pool, runs this job on the calling
    /// thread if it is still queued.
    pub fn wait(&self) {
        self.ended.wait();
    }

    /// Returns whether the job is queued, running, done or cancelled.
    pub fn status(&self) -> Status {
        self.ended.status()
    }

    /// Returns whether the job has its outcome; being cancelled is one.
    pub fn is_done(&self) -> bool {
        self.ended.is_done()
    }

    /// Cancels the job if it has not started. Returns true if and only if the job never starts. The values that it captured are dropped
    /// by then.
    pub fn cancel(&self) -> bool {
        self.ended.cancel()
    }
}

impl<T> fmt::Debug for ScopedFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedFuture").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Where a job leaves its outcome for its future.
pub(super) struct Slot<T>(Mutex<Content<T>>);

enum Content<T> {
    Nothing,
    Outcome(Result<T, JobError>),
    /// The future has returned another outcome.
    Refused,
}

impl<T> Slot<T> {
    /// False if the future has returned another outcome: then this one is dropped.
    pub(super) fn put(&self, outcome: Result<T, JobError>) -> bool {
        let mut content = self.0.lock();
        if matches!(*content, Content::Refused) {
            drop(content);
            drop_catching(outcome);
            return false;
        }
        *content = Content::Outcome(outcome);
        true
    }

    fn take(&self) -> Option<Result<T, JobError>> {
        match std::mem::replace(&mut *self.0.lock(), Content::Nothing) {
            Content::Outcome(outcome) => Some(outcome),
            Content::Nothing | Content::Refused => None,
        }
    }

    /// The future returns another outcome. True if a panic is dropped.
    fn refuse(&self) -> bool {
        let before = std::mem::replace(&mut *self.0.lock(), Content::Refused);
        let is_panic = matches!(before, Content::Outcome(Err(_)));
        drop_catching(before);
        is_panic
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::new(Content::Nothing))
    }
}

impl<T> Drop for Slot<T> {
    /// Drops an outcome that was not taken. Catches panics of that drop, because the last owner may be the job's side or the future's.
    fn drop(&mut self) {
        drop_catching(std::mem::replace(self.0.get_mut(), Content::Nothing));
    }
}
