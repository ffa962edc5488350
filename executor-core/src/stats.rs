//! The current state of an executor, and how its jobs ended so far.

mod histogram;

use std::fmt;

pub use histogram::Histogram;
pub(crate) use histogram::{Recorder, add};

/// The state of an executor at a moment, and how its jobs ended so far. Plain data, which `stats()` of each pool gives.
///
/// While jobs move, the numbers are of almost the same moment. When nothing moves, they are exact: what is queued, delayed, running and
/// [done](Stats::done) makes up all that was accepted. A job is done, here, before its future says so.
///
/// A job is what the pool takes from its queue: a chunk of a `map` is one, and so is each round of a periodic job. A chunk of which items failed
/// counts as the worst of them: crashed, then timed out, panicked, failed.
///
/// ```
/// use executor::Stats;
///
/// let stats = Stats::default();
/// assert_eq!((stats.queued, stats.done()), (0, 0));
/// assert!(stats.to_string().starts_with("0 queued, 0 delayed, 0 running, 0 idle of 0 workers"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Jobs that wait for a worker, those included that were sent to one ahead of their turn.
    pub queued: usize,
    /// Jobs that wait for their time.
    pub delayed: usize,
    /// Jobs that run, or that their worker has not put away yet.
    pub running: usize,
    /// Workers that have no job.
    pub idle: usize,
    /// Workers that there are: threads start on demand, and end when they are idle for long.
    pub workers: usize,
    /// Jobs that returned. The result of a process pool's job may still fail to decode where it is taken.
    pub completed: u64,
    /// Jobs that panicked.
    pub panicked: u64,
    /// Jobs that were cancelled, or aborted by force.
    pub cancelled: u64,
    /// Jobs that were not done in time.
    pub timed_out: u64,
    /// Jobs whose process died.
    pub crashed: u64,
    /// Jobs that ended otherwise: dropped from a full queue, not encodable, or without a worker that could run them.
    pub failed: u64,
    /// Jobs that never started and were not cancelled: they were dropped, were late, or had no worker to run them.
    pub(crate) unstarted: u64,
    /// How long jobs waited in the queue, those that a worker ran. `None` unless the pool was built with `measure(true)`.
    pub wait: Option<Histogram>,
    /// How long the same jobs ran.
    pub run: Option<Histogram>,
}

impl Stats {
    /// How many jobs have their outcome, whatever it is.
    ///
    /// ```
    /// # let stats = executor::Stats::default();
    /// assert_eq!(stats.done() - stats.completed, 0); // none failed
    /// ```
    pub fn done(&self) -> u64 {
        self.completed + self.panicked + self.cancelled + self.timed_out + self.crashed + self.failed
    }
}

/// One line, with the median and the 99th percentile of what was measured.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queued, delayed, running, idle, workers, .. } = self;
        write!(f, "{queued} queued, {delayed} delayed, {running} running, {idle} idle of {workers} workers; ")?;
        let Self { completed, panicked, cancelled, timed_out, crashed, failed, .. } = self;
        write!(f, "{completed} completed, {panicked} panicked, {cancelled} cancelled, {timed_out} timed out, ")?;
        write!(f, "{crashed} crashed, {failed} failed")?;
        for (name, measured) in [("wait", &self.wait), ("run", &self.run)] {
            if let Some(times) = measured {
                write!(f, "; {name} p50 {:.3?}, p99 {:.3?}", times.quantile(0.5), times.quantile(0.99))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_text_is_one_line_with_everything_in_it() {
        let recorder = Recorder::default();
        recorder.record(Duration::from_micros(10), false);
        let mut run = Histogram::default();
        recorder.add_to(&mut run);
        let stats = Stats { queued: 1, delayed: 2, running: 3, idle: 4, workers: 7, ..Stats::default() };
        let stats = Stats { completed: 8, panicked: 9, cancelled: 10, timed_out: 11, crashed: 12, failed: 13, ..stats };
        let text = "1 queued, 2 delayed, 3 running, 4 idle of 7 workers; 8 completed, 9 panicked, 10 cancelled, \
                    11 timed out, 12 crashed, 13 failed";
        assert_eq!((stats.to_string().as_str(), stats.done()), (text, 63));
        // A bucket is told by its middle.
        let stats = Stats { wait: Some(Histogram::default()), run: Some(run), ..stats };
        assert_eq!(stats.to_string(), format!("{text}; wait p50 0.000ns, p99 0.000ns; run p50 9.215µs, p99 9.215µs"));
    }
}
