//! How many jobs may wait, and what happens to the next one.

/// How many jobs may wait in an executor's queue; for the `queue` of a pool's builder.
///
/// ```
/// use executor::{QueueLimit, WhenFull};
///
/// // A producer that is faster than the pool waits for it.
/// let queue = QueueLimit::bounded(100, WhenFull::Block);
/// assert_eq!((queue.capacity(), queue.when_full()), (Some(100), WhenFull::Block));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct QueueLimit {
    capacity: Option<usize>,
    when_full: WhenFull,
}

impl QueueLimit {
    /// As many jobs as there is memory for.
    pub fn unbounded() -> Self {
        Self::default()
    }

    /// Up to `n` jobs wait, at least 1. Those that run, and those whose time has not come, do not count. A job whose delay is over is
    /// queued, full or not.
    ///
    /// A job that is cancelled has freed its place by the time that `cancel` returns.
    pub fn bounded(n: usize, when_full: WhenFull) -> Self {
        Self { capacity: Some(n), when_full }
    }

    /// For those who write executors: how many jobs may wait. `None` for as many as there is memory for.
    pub fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    /// For those who write executors: what happens to the next one.
    pub fn when_full(&self) -> WhenFull {
        self.when_full
    }
}

/// How `submit`, `execute` and `map` treat a job that finds the queue full.
///
/// `try_submit` never waits and never runs a job: but for [`DropOldest`](WhenFull::DropOldest), it gives the job back as
/// [`Rejection::Full`](crate::Rejection::Full). `submit_timeout` and `submit_async` wait for a place, whichever of these is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// Blocks until there is a place, or the pool is shut down.
    ///
    /// A job of the pool that submits another must not wait for a place: those that wait could be waiting for it. On a worker of the
    /// same pool the job runs in place instead, as with [`CallerRuns`](WhenFull::CallerRuns).
    #[default]
    Block,
    /// The job ends as [`Rejection::Full`](crate::Rejection::Full).
    Reject,
    /// The submitter runs the job itself: by the time that `submit` returns, its future is done. On a thread that is no worker of the
    /// pool, the job has no [`current::state`](crate::current::state).
    ///
    /// Jobs that submit jobs are run inside of each other to a depth of 128, or until half of the thread's stack is used. Deeper
    /// jobs are queued, above the bound.
    CallerRuns,
    /// The oldest waiting job of the least priority ends as [`Rejection::Dropped`](crate::Rejection::Dropped), and the
    /// new one takes its place. Its callback runs on the thread that submits, and what it captured is dropped there.
    DropOldest,
    /// The new job ends as [`Rejection::Dropped`](crate::Rejection::Dropped).
    DropNewest,
}
