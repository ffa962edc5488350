//! The facts that the model must know of an executor before there is one.

/// The rule for a job that finds a bounded queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Full {
    /// `submit` waits for a place.
    Block,
    /// It ends as `Rejection::Full`.
    Reject,
    /// `submit` runs it.
    CallerRuns,
    /// The oldest that waits ends as `Rejection::Dropped`.
    DropOldest,
    /// It ends as `Rejection::Dropped`.
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
    /// `handle`, which does not keep the executor alive. Without it, the executor is not dropped while something waits for it.
    Handle = 1 << 4,
    /// Jobs may submit jobs, and wait for them (law 6): they run in the process that submits.
    Nest = 1 << 5,
    /// Each job runs in a process: an abort or a kill stops it, and it may crash.
    Processes = 1 << 6,
    /// Jobs run when `run_next` is called, on its thread, and time passes when `advance` is. Such jobs are never held.
    Manual = 1 << 7,
    /// Two or three calls at once. Every [shape](Shape) has it; without it, a script that fails once fails each time.
    Race = 1 << 8,
}

/// The facts that the model must know of an executor: how many jobs it runs at once, how many may wait, and what it can do.
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
    /// An executor that runs `workers` jobs at once, and does what [`Executor`](executor_core::Executor) says.
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

    /// It has this ability too.
    pub fn with(mut self, ability: Ability) -> Self {
        self.abilities |= ability as u16;
        self
    }

    /// It lacks this ability.
    pub fn without(mut self, ability: Ability) -> Self {
        self.abilities &= !(ability as u16);
        self
    }

    /// Up to `bound` jobs wait.
    pub fn bounded(mut self, bound: usize, full: Full) -> Self {
        self.bound = Some((bound, full));
        self
    }

    /// Whether it has this ability.
    pub fn has(&self, ability: Ability) -> bool {
        self.abilities & ability as u16 != 0
    }

    /// The rule for a job that finds `waiting` others, if the queue is full then.
    pub(crate) fn full_at(&self, waiting: usize) -> Option<Full> {
        self.bound.and_then(|(bound, full)| (waiting >= bound).then_some(full))
    }
}
