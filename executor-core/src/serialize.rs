//! Statistics for serde: durations are seconds as `f64`, and absent values are null.

use std::panic::Location;
use std::time::Duration;

use serde_core::ser::{Serialize, SerializeStruct, Serializer};

use crate::observe::job::JobOutcome;
use crate::shutdown::ShutdownReport;
use crate::stats::{Histogram, Insights, SlowJob, Stats, WorkTimes, WorkerStats};

/// Implements `Serialize` by naming each field and its value. Serde's derive would build syn for programs that only use threads.
macro_rules! serialize {
    ($($type:ident($this:ident): $($field:ident = $value:expr),+;)+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $this = self;
                let count = [$(stringify!($field)),+].len();
                let mut fields = serializer.serialize_struct(stringify!($type), count)?;
                $(fields.serialize_field(stringify!($field), &$value)?;)+
                fields.end()
            }
        }
    )+};
}

serialize! {
    Stats(this):
        queued = this.queued, delayed = this.delayed, running = this.running, idle = this.idle, workers = this.workers,
        completed = this.completed, panicked = this.panicked, cancelled = this.cancelled, timed_out = this.timed_out,
        crashed = this.crashed, failed = this.failed, wait = this.wait, run = this.run, insights = this.insights;
    Histogram(this):
        count = this.count(), sum = secs(this.sum()), mean = secs(this.mean()), p50 = secs(this.quantile(0.5)),
        p90 = secs(this.quantile(0.9)), p99 = secs(this.quantile(0.99)), max = secs(this.max());
    Insights(this):
        workers = this.workers, ended_workers = this.ended_workers, ended = this.ended, callers = this.callers,
        slowest = this.slowest;
    WorkerStats(this):
        name = &*this.name, pid = this.pid, processes = this.processes, jobs = this.jobs, times = this.times;
    WorkTimes(this):
        starting = secs(this.starting), waiting = secs(this.waiting), working = secs(this.working);
    SlowJob(this):
        id = this.id.get(), name = &*this.name, tag = this.tag.as_deref(), place = this.place.map(place),
        worker = &*this.worker, pid = this.pid, attempt = this.attempt, waited = secs(this.waited), ran = secs(this.ran),
        outcome = this.outcome;
    ShutdownReport(this):
        completed = this.completed, failed = this.failed, cancelled = this.cancelled,
        still_running = this.still_running;
}

/// As the field of [`Stats`] that counts such jobs.
impl Serialize for JobOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_key())
    }
}

fn secs(time: Duration) -> f64 {
    time.as_secs_f64()
}

fn place(place: &Location<'_>) -> String {
    format!("{}:{}", place.file(), place.line())
}
