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
//! They need a pool that was built with `measure(true)`; the counters and gauges work on every pool. A histogram gets the durations in
//! buckets, as [`Histogram`] has them: counts are exact, and durations are at most 12.5 % off.
//!
//! `metrics-exporter-prometheus` shows them as summaries, unless you give it buckets (`set_buckets_for_metric`). Its names have no unit:
//! `executor_job_duration` is in seconds.
//!
//! # Updates
//!
//! [`PoolMetrics::update`] calls the recorder, and nothing else does. Call `update` where the numbers are read, such as in the handler of
//! `/metrics`. For a recorder that pushes by itself, call it every few seconds, on any thread but the pool's own. So a recorder that is
//! slow, blocks or panics never holds up a job.

use std::fmt;
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

use ::metrics::{
    Counter, Gauge, SharedString, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use executor_core::observe::{EndedJob, Observer};
use executor_core::panics::{catch, drop_catching};
use executor_core::{Histogram, JobOutcome, Pool, Stats};

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
pub struct PoolMetrics {
    name: SharedString,
    pool: Box<dyn Pool + Send + Sync>,
    numbers: Numbers,
    /// Of a measured pool.
    durations: Option<Durations>,
    times: Arc<JobTimes>,
}

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
        let durations = observers.is_some().then(|| Durations::new(&name));
        let (numbers, times) = (Numbers::new(&name), Arc::<JobTimes>::default());
        if let Some(observers) = observers {
            observers.add(times.clone());
        }
        let metrics = Self { numbers, durations, name, times, pool: Box::new(handle) };
        metrics.update();
        metrics
    }

    /// Sets the counters and gauges from the pool's `stats()`, and adds the durations of the jobs that have run since the last update. Never
    /// blocks, unless the recorder does.
    ///
    /// # Panics
    ///
    /// If the recorder does.
    pub fn update(&self) {
        self.numbers.set(&self.pool.stats(), self.pool.workers());
        if let Some(durations) = &self.durations {
            durations.add(&self.times.take());
        }
    }
}

impl fmt::Debug for PoolMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolMetrics").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Updates the metrics a last time.
impl Drop for PoolMetrics {
    fn drop(&mut self) {
        if let Some(counters) = self.pool.counters() {
            if let Some(observers) = counters.observers() {
                let times: Arc<dyn Observer> = self.times.clone();
                observers.remove(&times);
            }
        }
        drop_catching(catch(|| self.update()));
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
struct Durations {
    wait: ::metrics::Histogram,
    ran: [::metrics::Histogram; 6],
}

impl Durations {
    fn new(pool: &SharedString) -> Self {
        let ran = |outcome: JobOutcome| histogram!("executor.job.duration", "pool" => pool.clone(), "outcome" => outcome.as_key());
        Self { wait: histogram!("executor.job.wait_time", "pool" => pool.clone()), ran: OUTCOMES.map(ran) }
    }

    fn add(&self, times: &Times) {
        let add = |to: &::metrics::Histogram, from: &Histogram| {
            for (time, count) in from.buckets() {
                to.record_many(time, usize::try_from(count).unwrap_or(usize::MAX));
            }
        };
        add(&self.wait, &times.wait);
        self.ran.iter().zip(&times.ran).for_each(|(to, from)| add(to, from));
    }
}

/// The durations of the jobs that have run since the last update. No code of a user's runs under the lock.
#[derive(Default)]
struct JobTimes(Mutex<Times>);

#[derive(Default)]
struct Times {
    wait: Histogram,
    ran: [Histogram; 6],
}

impl JobTimes {
    fn take(&self) -> Times {
        take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for JobTimes {
    fn job_ended(&self, ended: &EndedJob) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.wait.record(ended.job.waited());
        if let Some(place) = OUTCOMES.iter().position(|outcome| *outcome == ended.outcome) {
            times.ran[place].record(ended.ran);
        }
    }
}
