//! Jobs that wait for a worker that does not exist.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::hosts::HostInfo;

/// Jobs wait, and no host serves the namespace with this build of the program, or no server is reached. Given to the function of
/// [`on_no_worker`](crate::NatsExecutorBuilder::on_no_worker).
///
/// `{}` writes one line.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NoWorker {
    /// The name of the namespace.
    pub namespace: String,
    /// The fingerprint of this program, which a host must have, too.
    pub build: String,
    /// How many jobs of this executor wait for a host.
    pub waiting: usize,
    /// How long jobs have waited and no host was there.
    pub since: Duration,
    /// How long no server has been reached, if none is.
    pub unreachable: Option<Duration>,
    /// The hosts that serve the namespace with other builds of the program.
    pub others: Vec<HostInfo>,
}

impl fmt::Display for NoWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, build, waiting, since, unreachable, others } = self;
        let jobs = if *waiting == 1 { "job waits" } else { "jobs wait" };
        if let Some(silence) = unreachable {
            let seconds = silence.as_secs();
            return write!(
                f,
                "{waiting} {jobs} in the namespace `{namespace}`, and the NATS server has been unreachable for {seconds} s: check that it \
                 runs, and the way to it; the program connects again by itself"
            );
        }
        let seconds = since.as_secs();
        write!(
            f,
            "{waiting} {jobs}, and for {seconds} s no host has served the namespace `{namespace}` with this build ({build}); "
        )?;
        match &others[..] {
            [] => write!(f, "no other host is there: start one with `serve`"),
            [host] => {
                write!(f, "the host {} has another build ({}): start the same program there", host.label, host.build)
            }
            [host, ..] => write!(
                f,
                "{} hosts have other builds, such as {} ({}): start the same program there",
                others.len(),
                host.label,
                host.build
            ),
        }
    }
}

/// Which function to call, and when.
#[derive(Clone)]
pub(crate) struct OnNoWorker {
    pub(crate) limit: Duration,
    pub(crate) report: Arc<dyn Fn(&NoWorker) + Send + Sync>,
}

impl OnNoWorker {
    pub(crate) fn new(limit: Duration, report: impl Fn(&NoWorker) + Send + Sync + 'static) -> Self {
        Self { limit, report: Arc::new(report) }
    }
}

impl Default for OnNoWorker {
    fn default() -> Self {
        Self::new(Duration::from_secs(10), |report| eprintln!("executor: {report}"))
    }
}

impl fmt::Debug for OnNoWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnNoWorker").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// When to report: after the limit, then each time after twice the time.
#[derive(Default)]
pub(crate) struct Lack {
    since: Option<Instant>,
    reports: u32,
}

impl Lack {
    /// Jobs wait without a host, or not. Returns when to report next.
    pub(crate) fn is(&mut self, is_there: bool, limit: Duration) -> Option<Instant> {
        if !is_there {
            *self = Self::default();
            return None;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        since.checked_add(limit.saturating_mul(1 << self.reports.min(20)))
    }

    pub(crate) fn reported(&mut self) {
        self.reports += 1;
    }

    pub(crate) fn since(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
