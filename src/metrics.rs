//! Counters, gauges and histograms of pools, through the crate [`metrics`](https://docs.rs/metrics): for Prometheus, OpenTelemetry and all
//! else that has a recorder for that crate. Feature `metrics`.
//!
//! | metric | type | unit | labels | meaning |
//! |---|---|---|---|---|
//! | `executor.jobs` | counter | job | `pool`, `outcome` | jobs that have their outcome |
//! | `executor.active_jobs` | gauge | job | `pool` | jobs that run |
//! | `executor.queue.length` | gauge | job | `pool`, `state` | jobs that are `queued` or `delayed` |
//! | `executor.worker.count` | gauge | worker | `pool`, `state` | live workers that are `idle` or `used` |
//! | `executor.worker.max` | gauge | worker | `pool` | how many jobs the pool runs at once, at most |
//! | `executor.job.wait_time` | histogram | second | `pool` | from the queue to the start, of each job that has run |
//! | `executor.job.duration` | histogram | second | `pool`, `outcome` | how long the same jobs ran |
//!
//! The names follow OpenTelemetry's conventions. Prometheus writes `_` for `.`: `executor_job_duration`. An `outcome` is `completed`,
//! `panicked`, `cancelled`, `timed_out`, `crashed` or `failed`, as the fields of [`Stats`] are called. The names of jobs are no labels: there
//! may be any number of them.
//!
//! # Histograms
//!
//! They need a pool that was built with `measure(true)`; the counters and gauges work on every pool. Each job is recorded at its end, on its
//! worker.
//!
//! # Counters and gauges
//!
//! [`PoolMetrics::update`] sets them. Call it where the numbers are read, such as in the handler of `/metrics`. On a measured pool, the end
//! of a job updates them too, at most once a second, for recorders that push by themselves.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use ::metrics::{
    Counter, Gauge, Histogram, SharedString, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};
use executor_core::observe::{EndedJob, Observer};
use executor_core::panics::{catch, drop_catching};
use executor_core::{JobOutcome, Pool, Stats};

/// The least time between two updates at the ends of jobs.
const PERIOD: Duration = Duration::from_secs(1);

const OUTCOMES: [JobOutcome; 6] = [
    JobOutcome::Completed,
    JobOutcome::Panicked,
    JobOutcome::Cancelled,
    JobOutcome::TimedOut,
    JobOutcome::Crashed,
    JobOutcome::Failed,
];

/// The metrics of a pool, as long as this exists. [The module](self) lists them.
///
/// ```
/// use executor::ThreadPool;
/// use executor::metrics::PoolMetrics;
///
/// let pool = ThreadPool::builder().threads(2).measure(true).build()?;
/// let metrics = PoolMetrics::new("thumbnails", pool.handle());
/// pool.submit(|| 6 * 7).result()?;
/// metrics.update(); // before the numbers are read
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the metrics of the pool end when this is dropped"]
pub struct PoolMetrics(Arc<Exported>);

impl PoolMetrics {
    /// Exports the metrics of a pool with the label `pool` set to `name`, to the recorder that is installed now. Install the recorder first.
    ///
    /// Takes a handle, which does not keep the pool open.
    ///
    /// # Panics
    ///
    /// If the recorder does.
    pub fn new(name: impl Into<SharedString>, handle: impl Pool + Send + Sync + 'static) -> Self {
        describe();
        let name = name.into();
        let observers = handle.counters().and_then(|counters| counters.observers().cloned());
        let exported = Arc::new_cyclic(|this: &Weak<Exported>| {
            let observer: Option<Arc<dyn Observer>> =
                observers.is_some().then(|| Arc::new(JobTimes::new(&name, this.clone())) as _);
            Exported { numbers: Numbers::new(&name), observer, name, pool: Box::new(handle) }
        });
        if let (Some(observers), Some(observer)) = (observers, &exported.observer) {
            observers.add(observer.clone());
        }
        exported.update();
        Self(exported)
    }

    /// Sets the counters and gauges from the pool's `stats()`. Never blocks, unless the recorder does.
    ///
    /// # Panics
    ///
    /// If the recorder does.
    pub fn update(&self) {
        self.0.update();
    }
}

impl fmt::Debug for PoolMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolMetrics").field("name", &self.0.name).finish_non_exhaustive()
    }
}

/// Sets the counters and gauges a last time.
impl Drop for PoolMetrics {
    fn drop(&mut self) {
        let Exported { pool, observer, .. } = &*self.0;
        let observers = pool.counters().and_then(|counters| counters.observers().cloned());
        if let (Some(observers), Some(observer)) = (observers, observer) {
            observers.remove(observer);
        }
        drop_catching(catch(|| self.0.update()));
    }
}

fn describe() {
    describe_counter!("executor.jobs", "Jobs that have their outcome.");
    describe_gauge!("executor.active_jobs", "Jobs that run.");
    describe_gauge!("executor.queue.length", "Jobs that wait for a worker, or for their delay to be over.");
    describe_gauge!("executor.worker.count", "Live workers.");
    describe_gauge!("executor.worker.max", "Jobs that the pool runs at once, at most.");
    describe_histogram!("executor.job.wait_time", Unit::Seconds, "How long jobs waited in the queue before they ran.");
    describe_histogram!("executor.job.duration", Unit::Seconds, "How long jobs ran.");
}

struct Exported {
    name: SharedString,
    pool: Box<dyn Pool + Send + Sync>,
    numbers: Numbers,
    /// Of a measured pool.
    observer: Option<Arc<dyn Observer>>,
}

impl Exported {
    fn update(&self) {
        self.numbers.set(&self.pool.stats(), self.pool.workers());
    }
}

struct Numbers {
    jobs: [Counter; 6],
    active: Gauge,
    queued: Gauge,
    delayed: Gauge,
    idle: Gauge,
    used: Gauge,
    max: Gauge,
}

impl Numbers {
    fn new(pool: &SharedString) -> Self {
        let pool = || pool.clone();
        Self {
            jobs: OUTCOMES.map(|outcome| counter!("executor.jobs", "pool" => pool(), "outcome" => outcome.as_key())),
            active: gauge!("executor.active_jobs", "pool" => pool()),
            queued: gauge!("executor.queue.length", "pool" => pool(), "state" => "queued"),
            delayed: gauge!("executor.queue.length", "pool" => pool(), "state" => "delayed"),
            idle: gauge!("executor.worker.count", "pool" => pool(), "state" => "idle"),
            used: gauge!("executor.worker.count", "pool" => pool(), "state" => "used"),
            max: gauge!("executor.worker.max", "pool" => pool()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is an f64")]
    fn set(&self, stats: &Stats, max: usize) {
        let Stats { completed, panicked, cancelled, timed_out, crashed, failed, .. } = *stats;
        let counts = [completed, panicked, cancelled, timed_out, crashed, failed];
        self.jobs.iter().zip(counts).for_each(|(counter, count)| counter.absolute(count));
        let Stats { running, queued, delayed, idle, workers, .. } = *stats;
        let Self { active, queued: waiting, delayed: later, idle: resting, used, max: most, .. } = self;
        let gauges = [active, waiting, later, resting, used, most];
        let numbers = [running, queued, delayed, idle, workers.saturating_sub(idle), max];
        gauges.iter().zip(numbers).for_each(|(gauge, number)| gauge.set(number as f64));
    }
}

/// The histograms.
struct JobTimes {
    wait: Histogram,
    ran: [Histogram; 6],
    exported: Weak<Exported>,
    since: Instant,
    /// The milliseconds since then at which the end of a job sets the counters and gauges again.
    next_update: AtomicU64,
}

impl JobTimes {
    fn new(pool: &SharedString, exported: Weak<Exported>) -> Self {
        let ran = |outcome: JobOutcome| histogram!("executor.job.duration", "pool" => pool.clone(), "outcome" => outcome.as_key());
        Self {
            wait: histogram!("executor.job.wait_time", "pool" => pool.clone()),
            ran: OUTCOMES.map(ran),
            exported,
            since: Instant::now(),
            next_update: AtomicU64::new(0),
        }
    }

    /// Whether the counters and gauges are to be set at the moment `now`. True for one thread.
    fn is_due(&self, now: Instant) -> bool {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = millis(now.saturating_duration_since(self.since));
        // Relaxed: the number stands for itself.
        let due = self.next_update.load(Ordering::Relaxed);
        now >= due
            && self
                .next_update
                .compare_exchange(due, now + millis(PERIOD), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

impl Observer for JobTimes {
    fn job_ended(&self, ended: &EndedJob) {
        self.wait.record(ended.job.waited());
        if let Some(place) = OUTCOMES.iter().position(|outcome| *outcome == ended.outcome) {
            self.ran[place].record(ended.ran);
        }
        // Not by the clock, and a worker process may claim any time.
        if ended.job.started_at.checked_add(ended.ran).is_some_and(|now| self.is_due(now)) {
            if let Some(exported) = self.exported.upgrade() {
                exported.update();
            }
        }
    }
}
