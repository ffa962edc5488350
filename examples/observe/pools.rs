//! The pools of the service, and what is told of them.

use std::time::{Duration, Instant};

use executor::metrics::PoolMetrics;
use executor::{
    BuildError, JobError, Pool, ProcessPool, QueueLimit, ShutdownPolicy, ShutdownReport, ThreadPool, WhenFull,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};

use crate::Outcome;

/// Upper limits of the histograms' buckets, in seconds.
const BUCKETS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

pub(crate) struct Pools {
    pub(crate) web: ThreadPool,
    pub(crate) parse: ProcessPool,
    /// Answers while the others are stuck.
    watch: ThreadPool,
    metrics: [PoolMetrics; 2],
    prometheus: PrometheusHandle,
    since: Instant,
}

impl Pools {
    pub(crate) fn start() -> Outcome<Self> {
        let prometheus = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Prefix("executor.job.".to_owned()), &BUCKETS)?
            .install_recorder()?;
        let queue = QueueLimit::bounded(200, WhenFull::DropOldest);
        let web = ThreadPool::builder().threads(4).name("web").queue(queue).measure(true).build()?;
        let parse = parsers()?;
        // After the recorder is installed.
        let metrics = [PoolMetrics::new("web", web.handle()), PoolMetrics::new("parse", parse.handle())];
        let watch = ThreadPool::builder().threads(1).name("watch").build()?;
        Ok(Self { web, parse, watch, metrics, prometheus, since: Instant::now() })
    }

    fn watched(&self) -> [(&'static str, &dyn Pool); 2] {
        [("web", &self.web), ("parse", &self.parse)]
    }

    /// Prometheus's text.
    pub(crate) fn metrics(&self) -> String {
        self.metrics.iter().for_each(PoolMetrics::update);
        self.prometheus.render()
    }

    /// Statistics and running jobs of each pool.
    pub(crate) fn stats(&self) -> Value {
        let pools = self.watched().map(|(name, pool)| {
            json!({ "name": name, "max": pool.workers(), "stats": pool.stats(), "running": running(pool) })
        });
        json!({ "uptime": self.since.elapsed().as_secs_f64(), "pools": pools })
    }

    /// A report of what each worker runs, what waits for what, and why nothing moves. It may take a moment, so a job makes it.
    pub(crate) async fn dump(&self) -> Result<String, JobError> {
        let handles: [Box<dyn Pool + Send>; 2] = [Box::new(self.web.handle()), Box::new(self.parse.handle())];
        self.watch.submit(move || handles.map(|pool| pool.dump().to_string()).join("\n\n") + "\n").await
    }

    /// Gives jobs some seconds to end.
    pub(crate) fn shut_down(&self) -> [(&'static str, ShutdownReport); 2] {
        let policy = || ShutdownPolicy::drain().within(Duration::from_secs(5));
        self.watched().map(|(name, pool)| (name, pool.shutdown_with(policy())))
    }
}

fn parsers() -> Result<ProcessPool, BuildError> {
    let queue = QueueLimit::bounded(200, WhenFull::DropOldest);
    ProcessPool::builder().processes(2).name("parse").queue(queue).measure(true).build()
}

fn running(pool: &dyn Pool) -> Vec<Value> {
    let running = pool.counters().map(|counters| counters.running()).unwrap_or_default();
    let told = running.iter().map(|job| {
        json!({
            "id": job.id.get(), "name": job.description.name.as_str(), "tag": job.description.tag(),
            "place": job.description.place.map(ToString::to_string), "worker": &*job.worker, "pid": job.pid,
            "attempt": job.attempt, "seconds": job.started_at.elapsed().as_secs_f64(),
        })
    });
    told.collect()
}
