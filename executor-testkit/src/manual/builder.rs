//! The settings of a manual executor.

use executor_core::QueueLimit;
use executor_core::wrap::Wrapper;

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
    wrapper: Option<Wrapper>,
    measure: bool,
}

impl ManualExecutor {
    /// An executor that starts jobs of higher priority first, and those of one priority in the order of submission. This thread drives it.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// An executor that starts jobs in an order drawn from `seed`, among those that a pool of several workers could choose. The same seed and
    /// the same calls give the same order.
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

    /// Starts a builder; its [`build`](ManualExecutorBuilder::build) makes the executor.
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
    /// and the same calls give the same order. Default: the order of submission, more urgent jobs first.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the number that `workers()` returns, at least 1, for generic code such as `map`. The executor still runs one job at a time.
    /// Default: 1; with a [`seed`](Self::seed), 2, since one worker would have to keep the order.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers.max(1));
        self
    }

    /// Bounds the queue. Where a submit has to block, a thread that drives the executor runs queued jobs until there is room; other
    /// threads block.
    ///
    /// ```
    /// use executor::{JobError, QueueLimit, Rejection, WhenFull};
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

    /// Sets code that runs around each job, with a context that is captured where the job is submitted, as the builders of the pools do. If
    /// it is called several times, the first closure is the outermost.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use executor_testkit::ManualExecutor;
    ///
    /// thread_local!(static REQUEST: Cell<u32> = const { Cell::new(0) });
    ///
    /// let builder = ManualExecutor::builder().wrap_jobs(|| {
    ///     let request = REQUEST.get();
    ///     move |run: &mut dyn FnMut()| {
    ///         let before = REQUEST.replace(request);
    ///         run();
    ///         REQUEST.set(before);
    ///     }
    /// });
    /// let manual = builder.build();
    /// REQUEST.set(7);
    /// let job = manual.submit(|| REQUEST.get());
    /// REQUEST.set(8);
    /// assert_eq!(job.result()?, 7);
    /// # Ok::<(), executor::JobError>(())
    /// ```
    pub fn wrap_jobs<C, A>(mut self, capture: C) -> Self
    where
        C: Fn() -> A + Send + Sync + 'static,
        A: Fn(&mut dyn FnMut()) + Send + Sync + 'static,
    {
        self.wrapper = Some(Wrapper::new(capture).inside(self.wrapper));
        self
    }

    /// Sets whether to measure how long jobs wait and run, by the system's clock, so that the executor can be
    /// [recorded](super::ManualHandle::record). Default: `false`.
    pub fn measure(mut self, measures: bool) -> Self {
        self.measure = measures;
        self
    }

    /// Makes the executor. This thread drives it.
    pub fn build(self) -> ManualExecutor {
        let workers = self.workers.unwrap_or(if self.seed.is_some() { 2 } else { 1 });
        let order = match self.seed {
            None => Order::Fifo,
            Some(seed) => Order::Seeded { random: Random::new(seed), in_line: workers == 1 },
        };
        let shared = Shared::new(workers, self.queue, "manual-0".into(), order, self.wrapper, self.measure);
        shared.driven_here();
        ManualExecutor::of(ManualHandle::of(shared))
    }
}
