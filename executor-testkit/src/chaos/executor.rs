//! The executor with trouble.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use executor_core::{ClosureExecutor, Executor, Future, Job, Rejected, Shutdown};

use super::log::Deed;
use super::submit::{Shared, Slot, Submitter};
use super::trouble::TroublePlan;

/// Wraps an executor and injects faults: some jobs are delayed, reordered, cancelled, rejected, failed, crashed or panic. For tests of code
/// that must handle rare faults.
///
/// The seed and n alone decide the fault of the n-th job. So if one thread submits, every run is the same. The [`log`](Chaos::log) lists all
/// faults.
///
/// The executor still keeps the laws: every job gets one outcome, `cancel` is true only if the job never starts, and the jobs of one worker
/// start in order. One exception: a delayed job enters a bounded queue when its time comes, even if the queue is full.
///
/// ```
/// use executor::{ClosureExecutor, JobError};
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
#[derive(Clone)]
pub struct Chaos<E>(Submitter<E>);

impl<E> Chaos<E> {
    pub(super) fn new(executor: E, plan: TroublePlan) -> Self {
        Self(Submitter { executor, shared: Arc::new(Shared::new(plan)) })
    }
}

impl<E> Chaos<E> {
    /// Returns the faults so far, in the order of the jobs.
    pub fn log(&self) -> Vec<Deed> {
        self.0.shared.log.deeds()
    }

    /// Returns how many jobs were submitted so far, with and without faults.
    pub fn submitted(&self) -> u64 {
        self.0.shared.log.submitted()
    }

    /// Returns the wrapped executor.
    pub fn get_ref(&self) -> &E {
        &self.0.executor
    }
}

impl<E: Shutdown> Shutdown for Chaos<E> {
    fn shutdown(&self, wait: bool) {
        // Before, so that nothing is refused for another reason afterwards.
        self.0.shared.is_shut_down.store(true, Ordering::SeqCst);
        self.0.executor.shutdown(wait);
    }
}

impl<E: ClosureExecutor> ClosureExecutor for Chaos<E> {
    type Handle = Chaos<E::Handle>;

    fn submit<F, T>(&self, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.0.submit(Slot::new(job), None)
    }

    fn submit_job<J: Job>(&self, delay: Option<Duration>, job: J) -> Future<J::Output> {
        self.0.submit(Slot::new(job), delay)
    }

    fn submit_after<F, T>(&self, delay: Duration, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.0.submit(Slot::new(job), Some(delay))
    }

    fn now(&self) -> Instant {
        self.0.executor.now()
    }

    fn workers(&self) -> usize {
        self.0.executor.workers()
    }

    fn time_limit(&self) -> Option<Duration> {
        self.0.executor.time_limit()
    }

    fn handle(&self) -> Self::Handle {
        Chaos(Submitter { executor: self.0.executor.handle(), shared: self.0.shared.clone() })
    }
}

/// Any job that the executor inside takes.
impl<J: Job, E: ClosureExecutor + Executor<J>> Executor<J> for Chaos<E> {
    fn submit(&self, job: J) -> Future<J::Output> {
        self.0.submit(Slot::new(job), None)
    }

    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.0.try_submit(job)
    }
}

impl<E: fmt::Debug> fmt::Debug for Chaos<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chaos").field("executor", &self.0.executor).field("log", &self.log()).finish_non_exhaustive()
    }
}
