//! Shutdowns with a policy and a report.

use std::fmt;
use std::time::Duration;

use crate::stats::Stats;

/// The policy of a `shutdown_with`: how it treats the jobs of a pool, and how long it may take.
///
/// ```
/// use std::time::Duration;
/// use executor::{ShutdownPolicy, ThreadPool};
///
/// let pool = ThreadPool::new(2);
/// let saved = pool.submit(|| "saved");
/// // Run all accepted jobs. After five seconds, cancel queued jobs and stop running ones.
/// let report = pool.shutdown_with(ShutdownPolicy::drain().within(Duration::from_secs(5)));
/// assert!(report.is_clean(), "{report}");
/// assert_eq!(saved.result()?, "saved");
/// # Ok::<(), executor::JobError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a policy does nothing until it is passed to `shutdown_with`"]
pub struct ShutdownPolicy {
    step: ShutdownStep,
    limit: Option<Duration>,
}

/// The steps of a shutdown. Each step includes the steps before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShutdownStep {
    /// Accepts no more jobs, and runs those that were accepted.
    Drain,
    /// Cancels the jobs that have not started.
    CancelPending,
    /// Stops running jobs: jobs on threads are asked to stop, processes are killed.
    Kill,
}

impl ShutdownPolicy {
    /// Runs every accepted job; delayed jobs run at their time.
    pub fn drain() -> Self {
        Self { step: ShutdownStep::Drain, limit: None }
    }

    /// Cancels jobs that have not started, including delayed jobs. Running jobs continue to their end.
    pub fn cancel_pending() -> Self {
        Self { step: ShutdownStep::CancelPending, limit: None }
    }

    /// Cancels jobs that have not started, and stops running jobs: jobs on threads are asked to stop
    /// ([`current::stop_requested`](crate::current::stop_requested)), processes are killed.
    pub fn kill() -> Self {
        Self { step: ShutdownStep::Kill, limit: None }
    }

    /// Limits how long the shutdown waits. Default: no limit.
    ///
    /// When `limit` is over, jobs that have not started are cancelled, and running jobs are stopped as by [`kill`](ShutdownPolicy::kill).
    /// The report counts the jobs that still run. For killed processes, the shutdown waits up to 1 s more until they are gone; this
    /// usually takes a few milliseconds.
    ///
    /// A job on a thread may run on after the limit. Dropping its pool waits for that job: to leave without it, end the program by
    /// [`std::process::exit`].
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// For authors of executors: returns the first step.
    pub fn step(&self) -> ShutdownStep {
        self.step
    }

    /// For authors of executors: returns the time limit. `None` means no limit.
    pub fn limit(&self) -> Option<Duration> {
        self.limit
    }
}

/// How many of the jobs that a pool had at its shutdown ended in which way. Returned by `shutdown_with`. `{}` writes the four numbers.
///
/// ```
/// use std::time::Duration;
/// use executor::{ShutdownPolicy, ThreadPool};
///
/// let pool = ThreadPool::new(1);
/// let later = pool.submit_after(Duration::from_secs(3600), || ());
/// let report = pool.shutdown_with(ShutdownPolicy::cancel_pending());
/// assert_eq!((report.completed, report.cancelled), (0, 1));
/// assert!(!report.is_clean() && later.is_cancelled());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "the report says whether jobs were cancelled or still run"]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Jobs that returned.
    pub completed: usize,
    /// Jobs that started and failed: they panicked, crashed or timed out, or their results could not be encoded.
    pub failed: usize,
    /// Jobs that never started, and jobs whose processes were killed.
    pub cancelled: usize,
    /// Jobs that still run: the time limit was over, and they did not react to the stop request.
    pub still_running: usize,
}

impl ShutdownReport {
    /// For authors of executors: creates a report.
    pub fn new(completed: usize, failed: usize, cancelled: usize, still_running: usize) -> Self {
        Self { completed, failed, cancelled, still_running }
    }

    /// For authors of executors: returns the difference between two `Stats`. The first must be taken in the same step that closes the
    /// executor.
    pub fn between(before: &Stats, after: &Stats) -> Self {
        let unstarted = after.unstarted - before.unstarted;
        let cancelled = after.cancelled - before.cancelled;
        let completed = after.completed - before.completed;
        let failed = after.done() - before.done() - completed - cancelled - unstarted;
        let count = |jobs: u64| usize::try_from(jobs).unwrap_or(usize::MAX);
        let (completed, failed, cancelled) = (count(completed), count(failed), count(cancelled + unstarted));
        // One that has its outcome may count as running a moment longer.
        let left = (before.queued + before.delayed + before.running).saturating_sub(completed + failed + cancelled);
        Self::new(completed, failed, cancelled, after.running.min(left))
    }

    /// Returns whether every job returned: none failed, was cancelled or still runs.
    pub fn is_clean(&self) -> bool {
        self.failed == 0 && self.cancelled == 0 && self.still_running == 0
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { completed, failed, cancelled, still_running } = self;
        write!(f, "{completed} completed, {failed} failed, {cancelled} cancelled, {still_running} still running")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_counts_as_it_ended() {
        let before = Stats { queued: 7, running: 1, completed: 5, failed: 2, unstarted: 1, ..Stats::default() };
        let after = Stats { running: 1, completed: 6, cancelled: 1, failed: 4, unstarted: 2, ..Stats::default() };
        let after = Stats { panicked: 1, crashed: 1, timed_out: 1, ..after };
        let report = ShutdownReport::between(&before, &after);
        assert_eq!(report, ShutdownReport::new(1, 4, 2, 1));
        assert_eq!(report.to_string(), "1 completed, 4 failed, 2 cancelled, 1 still running");
    }

    #[test]
    fn a_failure_is_not_clean() {
        assert!(ShutdownReport::new(7, 0, 0, 0).is_clean());
        for unclean in [(0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)] {
            let (completed, failed, cancelled, still_running) = unclean;
            assert!(!ShutdownReport::new(completed, failed, cancelled, still_running).is_clean());
        }
    }
}
