//! How an executor is shut down when there is more to say than "wait" or "don't".

use std::fmt;
use std::time::Duration;

use crate::stats::Stats;

/// Says what a shutdown does with the jobs, and how long it may take.
///
/// ```
/// use std::time::Duration;
/// use executor::ShutdownPolicy;
///
/// // Run what was accepted; what is not done in five seconds is cancelled, or asked to stop.
/// let policy = ShutdownPolicy::drain().within(Duration::from_secs(5));
/// # let _ = policy;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a policy does nothing until a pool is given it"]
pub struct ShutdownPolicy {
    step: ShutdownStep,
    limit: Option<Duration>,
}

/// How hard a shutdown is. Each step does what the ones before it do, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShutdownStep {
    /// Runs what was accepted.
    Drain,
    /// Cancels what has not started.
    CancelPending,
    /// Stops what runs: on threads it is asked to, processes are killed.
    Kill,
}

impl ShutdownPolicy {
    /// Every accepted job runs, delayed ones at their time.
    pub fn drain() -> Self {
        Self { step: ShutdownStep::Drain, limit: None }
    }

    /// Jobs that have not started are cancelled, delayed ones too. Those that run go on to their end.
    pub fn cancel_pending() -> Self {
        Self { step: ShutdownStep::CancelPending, limit: None }
    }

    /// Jobs that have not started are cancelled, and those that run are stopped: on threads they are asked
    /// ([`current::stop_requested`](crate::current::stop_requested)), processes are killed.
    pub fn kill() -> Self {
        Self { step: ShutdownStep::Kill, limit: None }
    }

    /// Waits for at most `limit`. When that is over, what has not started is cancelled, what runs is stopped, and the
    /// report tells what runs all the same. Processes that are killed then have up to a second more to be gone, of which they need a
    /// few milliseconds.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// For those who write executors: what to do first.
    pub fn step(&self) -> ShutdownStep {
        self.step
    }

    /// For those who write executors: how long to wait, if not for ever.
    pub fn limit(&self) -> Option<Duration> {
        self.limit
    }
}

/// Counts, by outcome, the jobs that an executor still had when it was shut down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "it says whether jobs were cancelled or still run"]
#[non_exhaustive]
pub struct ShutdownReport {
    /// They returned.
    pub completed: usize,
    /// They began, and failed: they panicked, crashed, were not done in time, or their results could not be had.
    pub failed: usize,
    /// They never started, or the processes that they ran in were killed.
    pub cancelled: usize,
    /// They run still: the time was up, and they do not listen.
    pub still_running: usize,
}

impl ShutdownReport {
    /// For those who write executors: a report.
    pub fn new(completed: usize, failed: usize, cancelled: usize, still_running: usize) -> Self {
        Self { completed, failed, cancelled, still_running }
    }

    /// For those who write executors: what happened between two looks at an executor. The first was taken in the same step in which it was
    /// closed.
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

    /// Whether every job returned.
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
