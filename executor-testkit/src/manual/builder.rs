//! The settings of a manual executor.

use executor_core::QueueLimit;

use super::executor::ManualExecutor;
use super::handle::ManualHandle;
use super::lanes::{Order, Random};
use super::shared::Shared;

/// Settings of a [`ManualExecutor`], from [`ManualExecutor::builder`].
///
/// ```
/// use executor_testkit::ManualExecutor;
///
/// let manual = ManualExecutor::builder().seed(7).workers(4).build();
/// assert_eq!(manual.workers(), 4);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "settings do nothing until the executor is built"]
pub struct ManualExecutorBuilder {
    seed: Option<u64>,
    workers: Option<usize>,
    queue: QueueLimit,
}

impl ManualExecutor {
    /// Jobs start in the order in which they were submitted, the more urgent first. This thread drives it.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// The next job is chosen as `seed` has it: in any order that a pool of several workers could start them in. The same seed and the same
    /// calls bring the same order.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use executor_testkit::ManualExecutor;
    ///
    /// let order = |seed| {
    ///     let (manual, (ran, order)) = (ManualExecutor::seeded(seed), mpsc::channel());
    ///     for n in 0..20 {
    ///         let ran = ran.clone();
    ///         manual.execute(move || ran.send(n).unwrap());
    ///     }
    ///     drop((manual, ran));
    ///     order.iter().collect::<Vec<u32>>()
    /// };
    /// assert_eq!(order(1), order(1));
    /// assert_ne!(order(1), order(2));
    /// ```
    pub fn seeded(seed: u64) -> Self {
        Self::builder().seed(seed).build()
    }

    /// Settings first, then [`build`](ManualExecutorBuilder::build).
    pub fn builder() -> ManualExecutorBuilder {
        ManualExecutorBuilder::default()
    }
}

impl Default for ManualExecutor {
    fn default() -> Self {
        Self::new()
    }
}

impl ManualExecutorBuilder {
    /// Chooses the next job by `seed`, in any order in which a pool of [`workers`](Self::workers) could start the jobs. The same seed
    /// and the same calls bring the same order. Default: the order of submission, more urgent jobs first.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How many workers it says that it has, at least 1: generic code asks, `map` above all. It still runs one job at a time. 1, unless it is
    /// set; 2 with a [`seed`](Self::seed), for one worker would have to keep each submitter's order.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers.max(1));
        self
    }

    /// How many jobs may wait, and what happens to the next one. If that is to block, a thread that drives the executor runs the next jobs
    /// until a slot is free, and other threads wait.
    ///
    /// ```
    /// use executor_core::{JobError, QueueLimit, Rejection, WhenFull};
    /// use executor_testkit::ManualExecutor;
    ///
    /// let manual = ManualExecutor::builder().queue(QueueLimit::bounded(1, WhenFull::Reject)).build();
    /// let (first, second) = (manual.submit(|| 1), manual.submit(|| 2));
    /// assert!(matches!(second.result(), Err(error) if error.rejection() == Some(Rejection::Full)));
    /// assert_eq!(first.result()?, 1);
    /// # Ok::<(), JobError>(())
    /// ```
    pub fn queue(mut self, queue: QueueLimit) -> Self {
        self.queue = queue;
        self
    }

    /// The executor. This thread drives it.
    pub fn build(self) -> ManualExecutor {
        let workers = self.workers.unwrap_or(if self.seed.is_some() { 2 } else { 1 });
        let order = match self.seed {
            None => Order::Fifo,
            Some(seed) => Order::Seeded { random: Random::new(seed), in_line: workers == 1 },
        };
        let shared = Shared::new(workers, self.queue, "manual-0".into(), order);
        shared.driven_here();
        ManualExecutor::of(ManualHandle::of(shared))
    }
}
