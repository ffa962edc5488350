//! The facts that the model needs before it makes an executor.

/// The rule for a job that finds a bounded queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Full {
    /// `submit` blocks until there is room.
    Block,
    /// The job ends with `Rejection::Full`.
    Reject,
    /// `submit` runs the job on its own thread.
    CallerRuns,
    /// The oldest queued job ends with `Rejection::Dropped`.
    DropOldest,
    /// The job ends with `Rejection::Dropped`.
    DropNewest,
}

/// An ability of an executor besides `submit`, `try_submit` and `shutdown`: a method of [`Subject`](super::Subject), or a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
#[non_exhaustive]
pub enum Ability {
    /// `submit_after`.
    Delay = 1,
    /// `shutdown_with`.
    Report = 1 << 1,
    /// `wait_idle`.
    Idle = 1 << 2,
    /// `stats`.
    Stats = 1 << 3,
    /// `handle`, which does not keep the executor alive. Without this ability, no script drops the executor during a wait.
    Handle = 1 << 4,
    /// Jobs may submit jobs and wait for them (law 6), since they run in the submitter's process.
    Nest = 1 << 5,
    /// Each job runs in a worker process: an abort or a kill stops the job, and the job may crash.
    Processes = 1 << 6,
    /// Jobs run in calls of `run_next`, and time passes in calls of `advance`. No script holds such jobs.
    Manual = 1 << 7,
    /// Two or three calls at the same time. Every [shape](Shape) has this ability by default. Without it, a script that fails once fails
    /// each time.
    Race = 1 << 8,
}

/// Describes an executor to the model: how many jobs run at once, how many may wait, and what the executor can do.
///
/// ```
/// use executor_testkit::model::{Ability, Full, Shape};
///
/// let shape = Shape::new(2).bounded(3, Full::Reject).with(Ability::Delay);
/// assert!(shape.has(Ability::Delay) && !shape.has(Ability::Idle));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    pub(crate) workers: usize,
    pub(crate) bound: Option<(usize, Full)>,
    abilities: u16,
}

impl Shape {
    /// An executor that runs `workers` jobs at once, with the methods of [`Executor`](executor_core::Executor).
    pub fn new(workers: usize) -> Self {
        Self { workers, bound: None, abilities: Ability::Race as u16 }
    }

    /// A pool of threads with all abilities that threads can have.
    pub fn threads(workers: usize) -> Self {
        use Ability::{Delay, Handle, Idle, Nest, Report, Stats};
        [Delay, Report, Idle, Stats, Handle, Nest].into_iter().fold(Self::new(workers), Self::with)
    }

    /// A pool of processes with all abilities that processes can have.
    pub fn processes(workers: usize) -> Self {
        use Ability::{Delay, Handle, Idle, Processes, Report, Stats};
        [Delay, Report, Idle, Stats, Handle, Processes].into_iter().fold(Self::new(workers), Self::with)
    }

    /// A [`ManualExecutor`](crate::ManualExecutor) of one worker.
    pub fn manual() -> Self {
        Self::threads(1).with(Ability::Manual)
    }

    /// Adds an ability.
    pub fn with(mut self, ability: Ability) -> Self {
        self.abilities |= ability as u16;
        self
    }

    /// Removes an ability.
    pub fn without(mut self, ability: Ability) -> Self {
        self.abilities &= !(ability as u16);
        self
    }

    /// Bounds the queue: at most `bound` jobs wait.
    pub fn bounded(mut self, bound: usize, full: Full) -> Self {
        self.bound = Some((bound, full));
        self
    }

    /// Returns whether the executor has this ability.
    pub fn has(&self, ability: Ability) -> bool {
        self.abilities & ability as u16 != 0
    }

    /// The rule for a job that finds `waiting` others, if the queue is full then.
    pub(crate) fn full_at(&self, waiting: usize) -> Option<Full> {
        self.bound.and_then(|(bound, full)| (waiting >= bound).then_some(full))
    }
}
