//! The limit of a queue, and what happens when it is reached.

/// How many jobs may wait in the queue of a pool, and what happens when it is full. For `queue` of a pool's builder.
///
/// ```
/// use executor::{QueueLimit, WhenFull};
///
/// // If a producer is faster than the pool, `submit` blocks.
/// let queue = QueueLimit::bounded(100, WhenFull::Block);
/// assert_eq!((queue.capacity(), queue.when_full()), (Some(100), WhenFull::Block));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct QueueLimit {
    capacity: Option<usize>,
    when_full: WhenFull,
}

impl QueueLimit {
    /// No limit but memory. This is the default.
    pub fn unbounded() -> Self {
        Self::default()
    }

    /// At most `n` jobs wait. Building a pool with a limit of 0 is an error.
    ///
    /// A job waits until a worker has taken it, also when workers are idle, so a burst has room for `n` jobs.
    ///
    /// Running jobs and delayed jobs do not count. When the delay of a job is over, it is queued even if the queue is full. A cancelled
    /// job has left the queue by the time that `cancel` returns.
    pub fn bounded(n: usize, when_full: WhenFull) -> Self {
        Self { capacity: Some(n), when_full }
    }

    /// For authors of executors: returns how many jobs may wait. `None` means no limit.
    pub fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    /// For authors of executors: returns what happens when the queue is full.
    pub fn when_full(&self) -> WhenFull {
        self.when_full
    }
}

/// The rule for `submit`, `execute` and `map` when the queue is full. Default: [`Block`](WhenFull::Block).
///
/// Some methods do not follow it. `try_submit` never waits: it gives the job back as [`Rejection::Full`](crate::Rejection::Full), except with
/// [`DropOldest`](WhenFull::DropOldest). `submit_timeout` and `submit_async` always wait for room.
///
/// ```
/// use std::sync::mpsc;
/// use executor::{QueueLimit, Rejection, ThreadPool, WhenFull};
///
/// let pool = ThreadPool::builder().threads(1).queue(QueueLimit::bounded(1, WhenFull::DropOldest)).build()?;
/// let (started, is_started) = mpsc::channel();
/// let (go_on, blocked) = mpsc::channel();
/// let running = pool.submit(move || {
///     let _ = started.send(());
///     blocked.recv()
/// });
/// is_started.recv()?;
/// let oldest = pool.submit(|| "waits");
/// let newest = pool.submit(|| "takes its place");
/// assert_eq!(oldest.result().unwrap_err().rejection(), Some(Rejection::Dropped));
/// go_on.send(())?;
/// assert_eq!(newest.result()?, "takes its place");
/// running.result()??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// Blocks the submitter until there is room, or the pool is shut down.
    ///
    /// On a thread of the same pool, the job runs in place instead, as with [`CallerRuns`](WhenFull::CallerRuns). If a job waited for
    /// room there, the queued jobs could be waiting for it.
    #[default]
    Block,
    /// Rejects the job: its future ends as [`Rejection::Full`](crate::Rejection::Full).
    Reject,
    /// Runs the job on the submitting thread: its future is done when `submit` returns. Not for process pools.
    ///
    /// On a thread outside the pool, the job has no [`current::state`](crate::current::state). If such jobs submit further jobs, they
    /// nest up to 128 levels, or until half of the thread's stack is used. Deeper jobs are queued, beyond the limit.
    CallerRuns,
    /// Drops the oldest waiting job of the lowest priority, and queues the new job. The dropped job's future ends as
    /// [`Rejection::Dropped`](crate::Rejection::Dropped). Its callback runs, and its captured values are dropped, on the submitting thread.
    DropOldest,
    /// Drops the new job: its future ends as [`Rejection::Dropped`](crate::Rejection::Dropped).
    DropNewest,
}
