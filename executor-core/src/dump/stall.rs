//! A stall: a job that runs for long, or a queue that does not move.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Dump;
use super::text::{running, time};
use crate::error::BuildError;
use crate::observe::job::RunningJob;

/// A job that has run for longer than a limit, or a queue from which no job has started for as long. Given to the function of `on_stall`.
///
/// `{}` writes what stalls, and the report of the pool.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stall {
    /// The limit of `on_stall`.
    pub limit: Duration,
    /// The jobs that have run for too long, and that were not reported for this multiple of the limit.
    pub jobs: Vec<RunningJob>,
    /// How long no job has started although some wait. `None` if that is not too long.
    pub queue: Option<Duration>,
    /// The report of the pool.
    pub dump: Dump,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = time(self.limit);
        for job in &self.jobs {
            writeln!(f, "{} has run for {}, longer than {limit}", running(job), self.dump.ago(job.started_at))?;
        }
        if let Some(stalled) = self.queue {
            writeln!(f, "jobs wait, and none has started for {}, longer than {limit}", time(stalled))?;
        }
        write!(f, "{}", self.dump)
    }
}

/// For authors of executors: when to call which function if a pool stalls.
#[derive(Clone)]
#[non_exhaustive]
pub struct OnStall {
    /// How long a job may run, and how long none may start while some wait.
    pub limit: Duration,
    /// Is called if that takes longer.
    pub handler: Arc<dyn Fn(&Stall) + Send + Sync>,
}

impl OnStall {
    /// Calls `handler` after `limit`.
    pub fn new(limit: Duration, handler: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        Self { limit, handler: Arc::new(handler) }
    }

    /// Refuses a limit of zero, by which every job would be reported.
    ///
    /// # Errors
    ///
    /// [`BuildError`] that says so.
    pub fn check(&self) -> Result<(), BuildError> {
        if self.limit.is_zero() {
            return Err(BuildError::setting("on_stall", "0 s", "longer than zero"));
        }
        Ok(())
    }
}

impl fmt::Debug for OnStall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnStall").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// For authors of executors: adds what only the pool knows to a report, such as its processes.
#[derive(Clone)]
pub struct Inspect(Arc<dyn Fn(&mut Dump) + Send + Sync>);

impl Inspect {
    /// Calls `f` with each report.
    pub fn new(f: impl Fn(&mut Dump) + Send + Sync + 'static) -> Self {
        Self(Arc::new(f))
    }

    /// Adds to the report.
    pub fn add_to(&self, dump: &mut Dump) {
        (self.0)(dump);
    }
}

impl fmt::Debug for Inspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspect").finish_non_exhaustive()
    }
}

impl Stall {
    /// For authors of executors: a stall of these jobs, and of the queue for this long.
    pub fn new(limit: Duration, jobs: Vec<RunningJob>, queue: Option<Duration>, dump: Dump) -> Self {
        Self { limit, jobs, queue, dump }
    }
}
