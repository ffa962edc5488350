//! A sequence of operations: written by hand, or found by the model and printed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::driver::{Driver, Failure};
use super::op::{Delay, JobNumber, Op, Policy, Work};
use super::shape::Shape;
use super::subject::Subject;
use super::watchdog;

/// Longer than any executor takes to come to rest, on a loaded machine.
const REST_LIMIT: Duration = Duration::from_secs(60);

/// A list of operations on an executor. After each operation, the script waits until the executor is at rest, and checks that the laws
/// allow its state.
///
/// The model prints a script when it finds a fault. A script written by hand tests one order of events.
///
/// ```
/// use executor_testkit::model::{Act, Delay, Script, Shape};
///
/// let script = Script::new(Shape::threads(1))
///     .submit(1, Act::Return.held()) // it runs, and is held
///     .submit(2, Act::Panic) // it waits for the one worker
///     .submit_after(3, Delay::Never, Act::Return)
///     .race(|race| race.cancel(2).open(1)) // at the same time, from two threads
///     .shutdown(true) // does not return: job 3 is not due for an hour
///     .cancel(3);
/// // .check(|| ThreadPool::new(1))
/// # let _ = script;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a script does nothing until it is checked"]
pub struct Script {
    shape: Shape,
    ops: Vec<Op>,
}

impl Script {
    /// An empty script for executors of this shape.
    pub fn new(shape: Shape) -> Self {
        Self { shape, ops: Vec::new() }
    }

    pub(super) fn of(shape: Shape, ops: Vec<Op>) -> Self {
        Self { shape, ops }
    }

    fn then(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }

    /// Submits job `job`: through the executor if the number is odd, through its handle if it is even and there is a handle.
    pub fn submit(self, job: JobNumber, work: impl Into<Work>) -> Self {
        self.then(Op::Submit(job, work.into()))
    }

    /// As [`submit`](Self::submit), by `try_submit`.
    pub fn try_submit(self, job: JobNumber, work: impl Into<Work>) -> Self {
        self.then(Op::TrySubmit(job, work.into()))
    }

    /// As [`submit`](Self::submit), by `submit_after`.
    pub fn submit_after(self, job: JobNumber, delay: Delay, work: impl Into<Work>) -> Self {
        self.then(Op::SubmitAfter(job, delay, work.into()))
    }

    /// Lets a [held](super::Act::held) job go on.
    pub fn open(self, job: JobNumber) -> Self {
        self.then(Op::Open(job))
    }

    /// Waits for the job, on another thread.
    pub fn wait(self, job: JobNumber) -> Self {
        self.then(Op::Wait(job))
    }

    /// Registers a callback for the job's outcome.
    pub fn on_done(self, job: JobNumber) -> Self {
        self.then(Op::CallBack(job))
    }

    /// Drops the job's future.
    pub fn drop_future(self, job: JobNumber) -> Self {
        self.then(Op::DropFuture(job))
    }

    /// Cancels the job.
    pub fn cancel(self, job: JobNumber) -> Self {
        self.then(Op::Cancel(job))
    }

    /// Aborts the job.
    pub fn abort(self, job: JobNumber) -> Self {
        self.then(Op::Abort(job))
    }

    /// Kills the process that runs the job, if the job runs.
    pub fn kill_worker_of(self, job: JobNumber) -> Self {
        self.then(Op::Kill(job))
    }

    /// Waits until the executor is idle, on another thread.
    pub fn wait_idle(self) -> Self {
        self.then(Op::WaitIdle)
    }

    /// Shuts down, on another thread.
    pub fn shutdown(self, wait: bool) -> Self {
        self.then(Op::Shutdown(wait))
    }

    /// Shuts down with a report, on another thread.
    pub fn shutdown_with(self, policy: Policy) -> Self {
        self.then(Op::ShutdownWith(policy))
    }

    /// Drops the executor, on another thread.
    pub fn drop_pool(self) -> Self {
        self.then(Op::DropPool)
    }

    /// Drops the handle.
    pub fn drop_handle(self) -> Self {
        self.then(Op::DropHandle)
    }

    /// Runs the next job of a manual executor.
    pub fn run_next(self) -> Self {
        self.then(Op::RunNext)
    }

    /// Moves the clock of a manual executor until jobs with [`Delay::Soon`] are due.
    pub fn advance(self) -> Self {
        self.then(Op::Advance)
    }

    /// Does all operations that `race` adds at the same time, each on a thread of its own.
    pub fn race(self, race: impl FnOnce(Self) -> Self) -> Self {
        let Self { ops, .. } = race(Self::new(self.shape));
        self.then(Op::Race(ops))
    }

    /// Runs the script on the executor that `make` makes. Blocks until every call has returned and every job has ended.
    ///
    /// # Panics
    ///
    /// If the executor breaks a law, or hangs. The text names the operation after which it did.
    #[track_caller]
    pub fn check<S: Subject>(&self, make: impl FnOnce() -> S) {
        if let Err(failure) = self.run(Arc::new(make()), REST_LIMIT, || ()) {
            let threads = if failure.is_hang { watchdog::threads() } else { String::new() };
            panic!("{}{threads}", failure.text);
        }
    }

    pub(super) fn run(
        &self,
        executor: Arc<dyn Subject>,
        patience: Duration,
        about_to_do: impl FnMut(),
    ) -> Result<(), Failure> {
        Driver::new(self.shape, executor, patience).run(&self.ops, about_to_do)
    }

    /// Whether chance has a part in it.
    pub(super) fn has_race(&self) -> bool {
        self.ops.iter().any(|op| matches!(op, Op::Race(_)))
    }

    /// A test that does it, to be pasted: `shape` and `make` are code.
    pub(super) fn as_test(&self, shape: &str, make: &str) -> String {
        format!(
            "#[test]\nfn a_shutdown_that_went_wrong() {{\n    Script::new({shape}){self}\n        .check({make});\n}}\n"
        )
    }
}

/// The calls that make it, a line each.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ops.iter().try_for_each(|op| write!(f, "\n        {op}"))
    }
}
