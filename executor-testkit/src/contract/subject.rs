//! The executor under test, as its users see it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use executor_core::{ClosureExecutor, Executor, Future};

use super::tools::jobs::Do;
use super::tools::rendezvous::{Rendezvous, Waiter};

type Later = Arc<dyn Fn(Duration, Do) -> Future<u64> + Send + Sync>;

/// An executor of any kind. It derefs to `dyn Executor<Do>`.
///
/// ```
/// use executor::Executor;
/// use executor_testkit::ManualExecutor;
/// use executor_testkit::contract::{Do, Subject};
///
/// let subject = Subject::new(ManualExecutor::new(), 1);
/// assert_eq!(subject.submit(Do::Echo(7)).result().unwrap(), 7);
/// ```
pub struct Subject {
    executor: Arc<dyn Executor<Do>>,
    later: Option<Later>,
    workers: usize,
}

/// Makes a new executor, for one check.
pub type Make = dyn Fn() -> Subject + Send + Sync;

impl Subject {
    /// An executor that runs this many jobs at once.
    pub fn new(executor: impl Executor<Do> + 'static, workers: usize) -> Self {
        Self { executor: Arc::new(executor), later: None, workers }
    }

    /// As [`new`](Self::new), for an executor that can also delay jobs.
    pub fn delaying<E: Executor<Do> + 'static>(
        executor: E,
        workers: usize,
        submit_after: fn(&E, Duration, Do) -> Future<u64>,
    ) -> Self {
        let executor = Arc::new(executor);
        let later = executor.clone();
        let later: Later = Arc::new(move |delay, job| submit_after(&later, delay, job));
        Self { executor, later: Some(later), workers }
    }

    /// As [`new`](Self::new), for an executor that also runs closures.
    pub fn of_closures<E: Closures>(executor: E) -> Self {
        let workers = executor.workers();
        Self::delaying(executor, workers, |executor, delay, job| {
            executor.submit_after(delay, move || executor_core::Job::run(job))
        })
    }

    /// Returns how many jobs run at once.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Returns another owner of the executor, which is dropped with its last owner.
    pub fn share(&self) -> Arc<dyn Executor<Do>> {
        self.executor.clone()
    }

    /// Keeps every worker busy with a job that waits at `rendezvous`.
    pub fn block(&self, rendezvous: &Rendezvous) -> Vec<Waiter> {
        for number in 0..self.workers as u64 {
            drop(self.submit(Do::Arrive(rendezvous.arrival(), number)));
        }
        rendezvous.accept_all(self.workers)
    }

    /// Hands over a job that runs once `delay` is over.
    ///
    /// # Panics
    ///
    /// When the executor cannot do that: then its contract is to be tested without `delays`.
    pub fn submit_after(&self, delay: Duration, job: Do) -> Future<u64> {
        let later = self.later.as_ref().expect("an executor without delays is tested `without: delays`");
        later(delay, job)
    }
}

impl Deref for Subject {
    type Target = dyn Executor<Do>;

    fn deref(&self) -> &Self::Target {
        &*self.executor
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("workers", &self.workers).finish_non_exhaustive()
    }
}

/// An executor of closures and of [`Do`], to be tested with both.
pub trait Closures: ClosureExecutor + Executor<Do> + 'static {}

impl<E: ClosureExecutor + Executor<Do> + 'static> Closures for E {}
