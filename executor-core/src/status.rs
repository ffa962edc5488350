//! The id and the status of a job.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Identifies a job within this process. Ids increase with time, and are never reused.
///
/// ```
/// use executor::{ThreadPool, current};
///
/// let pool = ThreadPool::new(1);
/// let future = pool.submit(current::id);
/// let id = future.id();
/// assert_eq!(future.result()?, Some(id));
/// println!("job {id}"); // such as `job #17`
/// # Ok::<(), executor::JobError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u64);

impl JobId {
    /// For authors of executors: returns a new id.
    pub fn next() -> Self {
        // Relaxed: only the uniqueness of the number matters.
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The id that the next job gets, or one before that.
    pub(crate) fn upcoming() -> Self {
        // Relaxed: a thread sees the jobs that it has created itself.
        Self(NEXT.load(Ordering::Relaxed))
    }

    /// Returns the id as a number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// For authors of executors: converts the number of an id that another process sent.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The status of a job. Returned by [`Future::status`](crate::Future::status).
///
/// ```
/// use executor::{Future, Status, promise};
///
/// let (promise, future) = promise();
/// assert_eq!(future.status(), Status::Queued);
/// promise.start();
/// assert_eq!(future.status(), Status::Running);
/// promise.complete(7);
/// assert_eq!(future.status(), Status::Done);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The job has not started.
    Queued,
    /// The job has started, and has no outcome yet.
    Running,
    /// The job has its outcome: a result or an error.
    Done,
    /// The job was cancelled before it started, or killed by an abort or a shutdown.
    Cancelled,
}

impl Status {
    /// Returns whether the job has its outcome; being cancelled is one.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }
}
