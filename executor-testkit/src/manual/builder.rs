//! The settings of a manual executor.

use executor_core::Queue;

use super::ManualExecutor;
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
    queue: Queue,
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

    /// How many jobs may wait, and what happens to the next one. Where that is to block, a thread that drives the executor runs the next jobs
    /// until there is room, and others wait.
    ///
    /// ```
    /// use executor_core::{JobError, Queue, Rejection, WhenFull};
    /// use executor_testkit::ManualExecutor;
    ///
    /// let manual = ManualExecutor::builder().queue(Queue::bounded(1, WhenFull::Reject)).build();
    /// let (first, second) = (manual.submit(|| 1), manual.submit(|| 2));
    /// assert!(matches!(second.result(), Err(JobError::Rejected(Rejection::Full))));
    /// assert_eq!(first.result()?, 1);
    /// # Ok::<(), JobError>(())
    /// ```
    pub fn queue(mut self, queue: Queue) -> Self {
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
        ManualExecutor { shared }
    }
}
