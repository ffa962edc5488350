//! The state of a pool, and how its jobs have ended.

mod histogram;
mod insights;
mod table;

use std::fmt;

pub use histogram::Histogram;
pub(crate) use histogram::{Recorder, add};
pub(crate) use insights::keep_slowest;
pub use insights::{Insights, SlowJob, WorkTimes, WorkerStats};

/// The state of a pool, and how its jobs have ended so far. Returned by `stats()` of every pool and handle.
///
/// `{}` writes one line, for logs. `{:#}` adds the [`Insights`] as a table, if the pool was built with `measure(true)`. As
/// [`serde::Serialize`](https://docs.rs/serde), for example by `serde_json::to_string(&stats)`, each field has its name, durations are
/// seconds as `f64`, and a [`Histogram`] is its `count`, `sum`, `mean`, `p50`, `p90`, `p99` and `max`.
///
/// ```
/// use executor::ThreadPool;
///
/// let pool = ThreadPool::new(2);
/// pool.submit(|| 6 * 7).result()?;
/// pool.wait_idle();
/// let stats = pool.stats();
/// assert_eq!((stats.queued, stats.running, stats.completed), (0, 0, 1));
/// assert!(stats.to_string().starts_with("0 queued, 0 delayed, 0 running, "));
/// # Ok::<(), executor::JobError>(())
/// ```
///
/// # Accuracy
///
/// While jobs start and end, the numbers are from almost the same moment. While nothing changes, they are exact: `queued`, `delayed`,
/// `running` and [`done`](Stats::done) add up to all accepted jobs. An ended job is counted before its future is ready.
///
/// A job is an entry of the pool's queue. So a chunk of a `map` counts as one job, and each run of a periodic job counts. A chunk with
/// failed items counts once, as the worst failure: crashed, then timed out, panicked, failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Jobs that wait for a worker. Includes those that were sent to a busy worker process ahead of time.
    pub queued: usize,
    /// Jobs that wait for their delay to be over.
    pub delayed: usize,
    /// Jobs that run, including those whose worker is still cleaning up after them.
    pub running: usize,
    /// Live workers that have no job.
    pub idle: usize,
    /// Live workers. They start on demand, and end when they have been idle for some time.
    pub workers: usize,
    /// Jobs that returned. The result of a process job may still fail to decode when it is taken.
    pub completed: u64,
    /// Jobs that panicked.
    pub panicked: u64,
    /// Jobs that were cancelled before they started, or killed by an abort or a shutdown.
    pub cancelled: u64,
    /// Jobs that did not finish, or did not start, within their time limit.
    pub timed_out: u64,
    /// Jobs whose worker process died.
    pub crashed: u64,
    /// Jobs that ended in another way: dropped from a full queue, impossible to encode or decode, or without a worker that works.
    pub failed: u64,
    /// Jobs that never started and were not cancelled: they were dropped, were late, or had no worker to run them.
    pub(crate) unstarted: u64,
    /// How long jobs waited in the queue before a worker ran them. `None` unless the pool was built with `measure(true)`.
    pub wait: Option<Histogram>,
    /// How long the same jobs ran. `None` unless the pool was built with `measure(true)`.
    pub run: Option<Histogram>,
    /// How long each worker started, waited and worked, and the slowest jobs. `None` unless the pool was built with `measure(true)`.
    pub insights: Option<Insights>,
}

impl Stats {
    /// Returns how many jobs have their outcome, of any kind.
    ///
    /// ```
    /// # let stats = executor::Stats::default();
    /// assert_eq!(stats.done() - stats.completed, 0); // none failed
    /// ```
    pub fn done(&self) -> u64 {
        self.completed + self.panicked + self.cancelled + self.timed_out + self.crashed + self.failed
    }
}

/// Writes one line. If times were measured, it includes their median and 99th percentile. `{:#}` adds a table of the insights.
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
        match &self.insights {
            Some(insights) if f.alternate() => write!(f, "\n\n{insights}"),
            _ => Ok(()),
        }
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
        let line = stats.to_string();
        let stats = Stats { insights: Some(Insights::default()), ..stats };
        assert_eq!(
            (stats.to_string(), format!("{stats:#}")),
            (line.clone(), format!("{line}\n\n{}", Insights::default()))
        );
    }
}
