//! Whose threads run the jobs: the scheduler's own, or those of a rayon pool.
//!
//! Rayon's threads are fixed in number, and others use them too. A scheduler over them starts no workers. Instead it spawns a *turn* for each
//! job that comes into the queue. A turn takes the job that is next by priority and age, runs that job, and ends. So jobs start in the
//! scheduler's order, wherever rayon keeps the turns, and code that shares the pool competes with one `spawn_fifo` a job.
//!
//! In the counts of the state, a turn is a worker: searching from when it is spawned, running from when it has a job. How many run at
//! once is left to rayon: a thread whose job waits for its parallel parts may run another turn meanwhile.

#[cfg(feature = "rayon")]
mod sharing;
#[cfg(feature = "rayon")]
mod threads;

#[cfg(feature = "rayon")]
use std::sync::Arc;

#[cfg(feature = "rayon")]
pub(super) use self::sharing::RunsInPlace;
#[cfg(feature = "rayon")]
pub(super) use self::threads::RayonThreads;

/// Whose threads run the jobs.
#[derive(Default)]
pub(crate) enum Supply {
    /// The scheduler's own, started on demand.
    #[default]
    Own,
    /// Those of the pool.
    #[cfg(feature = "rayon")]
    Rayon(Arc<rayon::ThreadPool>),
    /// Those of a rayon pool, which is not needed any more.
    #[cfg(feature = "rayon")]
    Released,
}

impl Supply {
    /// The scheduler's share of the threads, when nothing is left to be run on them.
    #[must_use = "it is dropped outside the lock"]
    pub(super) fn release(&mut self) -> Self {
        match self {
            Self::Own => Self::Own,
            #[cfg(feature = "rayon")]
            rayon => std::mem::replace(rayon, Self::Released),
        }
    }
}

/// Where no rayon is built in.
#[cfg(not(feature = "rayon"))]
pub(super) enum RayonThreads {}

#[cfg(not(feature = "rayon"))]
impl RayonThreads {
    pub(super) fn of<S>(
        _: &Supply,
        _: executor_core::queue_id::QueueId,
        _: std::sync::Weak<S>,
        _: Vec<std::thread::JoinHandle<()>>,
    ) -> Option<Self> {
        None
    }

    pub(super) fn is_here(&self) -> bool {
        match *self {}
    }

    pub(super) fn is_shared_with(&self, _: executor_core::queue_id::QueueId) -> bool {
        match *self {}
    }

    pub(super) fn names(&self) -> Vec<std::sync::Arc<str>> {
        match *self {}
    }

    pub(super) fn join(&self) {
        match *self {}
    }
}
