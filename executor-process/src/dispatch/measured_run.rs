//! The run of a job in a worker process, as a measured pool sees it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::Status;
use executor_core::cell::QueuedControl;
use executor_core::observe::{JobDescription, JobOutcome, RunningJob};
use executor_core::registry::ObservedRun;

/// A job that is with a worker process, on the list of the pool's running jobs.
///
/// Dropping it reports a job that was ended from outside: by its time limit, or by an abort.
pub(crate) struct MeasuredRun {
    run: Option<ObservedRun>,
    job: Arc<dyn QueuedControl>,
    started_at: Instant,
    /// How long the job ran, as the worker measured it.
    ran: Option<Duration>,
}

impl MeasuredRun {
    /// The job, which waits since `queued_at`, goes to the worker process `pid`. `None` if its pool is measured no more.
    pub(crate) fn begin(
        job: Arc<dyn QueuedControl>,
        queued_at: Instant,
        description: JobDescription,
        attempt: u32,
        pid: u32,
    ) -> Option<Box<Self>> {
        let queue_id = job.queue_id()?;
        let run = RunningJob::here(job.id(), description, queued_at);
        let started_at = run.started_at;
        let run = ObservedRun::begin(queue_id, run.in_process(pid, attempt))?;
        Some(Box::new(Self { run: Some(run), job, started_at, ran: None }))
    }

    /// Sets how long the job ran.
    pub(crate) fn measured(&mut self, ran: Duration) {
        self.ran = Some(ran);
    }

    /// The run ends with this outcome.
    pub(crate) fn end(mut self, outcome: JobOutcome) {
        self.report(outcome);
    }

    /// The job did not run, or its outcome is another worker's matter.
    pub(crate) fn discard(mut self) {
        self.run = None;
    }

    fn report(&mut self, outcome: JobOutcome) {
        if let Some(run) = self.run.take() {
            run.end(self.ran.unwrap_or_else(|| self.started_at.elapsed()), outcome);
        }
    }
}

impl Drop for MeasuredRun {
    fn drop(&mut self) {
        if self.run.is_none() || std::thread::panicking() {
            return;
        }
        let was_aborted = self.job.status() == Status::Cancelled;
        // A time limit may be about to set the outcome.
        self.report(if was_aborted { JobOutcome::Cancelled } else { JobOutcome::TimedOut });
    }
}
