//! An executor around another that makes trouble, by a seed.

mod builder;
mod log;
mod submit;
#[cfg(test)]
mod tests;
mod trouble;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use executor_core::{ClosureExecutor, Executor, Future, Job, Rejected, Shutdown};

pub use builder::ChaosBuilder;
pub use log::{Deed, Trouble};

use submit::Slot;
use trouble::Fates;

/// An executor around another that delays, reorders, cancels, refuses, fails, crashes and panics some of the jobs that it is given: to test what code does
/// in trouble that is rare.
///
/// The seed and n alone decide about the n-th job, so if one thread submits, a run repeats. The [`log`](Chaos::log) lists all trouble.
///
/// No law is broken: every job has one outcome, a cancel is true only where the job never starts, jobs of one worker start in order.
/// But a job that is delayed is due at a time and so comes into a bounded queue, full or not.
///
/// ```
/// use executor_core::{ClosureExecutor, JobError};
/// use executor_testkit::{Chaos, ManualExecutor};
///
/// // The code under test: it tries again, at most twice.
/// fn robust<E: ClosureExecutor>(pool: &E) -> Result<u32, JobError> {
///     let once = || pool.submit(|| 42).result();
///     once().or_else(|_| once()).or_else(|_| once())
/// }
///
/// let outcomes: Vec<bool> = (0..100)
///     .map(|seed| robust(&Chaos::builder().seed(seed).crash(0.2).cancel(0.1).around(ManualExecutor::new())).is_ok())
///     .collect();
/// let failed = outcomes.iter().filter(|is_ok| !**is_ok).count();
/// assert!((1..10).contains(&failed), "three failures in a row are rare: {failed}");
/// ```
pub struct Chaos<E> {
    executor: E,
    shared: Arc<Shared>,
}

/// The state that a chaos and its handles share.
struct Shared {
    fates: Fates,
    log: log::Log,
    is_shut_down: AtomicBool,
}

impl Chaos<()> {
    /// No trouble yet: say what, and how often.
    pub fn builder() -> ChaosBuilder {
        ChaosBuilder::new()
    }
}

impl<E> Chaos<E> {
    /// The trouble made so far, in the order of the jobs.
    pub fn log(&self) -> Vec<Deed> {
        self.shared.log.deeds()
    }

    /// How many jobs came so far, with trouble and without.
    pub fn submitted(&self) -> u64 {
        self.shared.log.submitted()
    }

    /// The executor inside.
    pub fn get_ref(&self) -> &E {
        &self.executor
    }
}

impl<E: Shutdown> Shutdown for Chaos<E> {
    fn shutdown(&self, wait: bool) {
        // Before, so that nothing is refused for another reason afterwards.
        self.shared.is_shut_down.store(true, Ordering::SeqCst);
        self.executor.shutdown(wait);
    }
}

impl<E: ClosureExecutor> ClosureExecutor for Chaos<E> {
    type Handle = Chaos<E::Handle>;

    fn submit<F, T>(&self, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.give(Slot::new(job), None)
    }

    fn submit_after<F, T>(&self, delay: Duration, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.give(Slot::new(job), Some(delay))
    }

    fn now(&self) -> Instant {
        self.executor.now()
    }

    fn workers(&self) -> usize {
        self.executor.workers()
    }

    fn time_limit(&self) -> Option<Duration> {
        self.executor.time_limit()
    }

    fn handle(&self) -> Self::Handle {
        Chaos { executor: self.executor.handle(), shared: self.shared.clone() }
    }
}

/// Any job that the executor inside takes.
impl<J: Job, E: ClosureExecutor + Executor<J>> Executor<J> for Chaos<E> {
    fn submit(&self, job: J) -> Future<J::Output> {
        self.give(Slot::new(job), None)
    }

    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.try_give(job)
    }
}

impl<E: Clone> Clone for Chaos<E> {
    fn clone(&self) -> Self {
        Self { executor: self.executor.clone(), shared: self.shared.clone() }
    }
}

impl<E: fmt::Debug> fmt::Debug for Chaos<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chaos").field("executor", &self.executor).field("log", &self.log()).finish_non_exhaustive()
    }
}
