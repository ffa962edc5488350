//! A job that runs on the thread that takes it.

use std::sync::Arc;
use std::time::Instant;

use super::stage::{Claim, Stage};
use super::{Cell, JobCell, JobKind, Kind, Run};
use crate::current;
use crate::error::JobError;
use crate::job::Job;
use crate::job_counters::{self, Failure, Moment};
use crate::observe::job::{JobOutcome, RunningJob};
use crate::queue_id::QueueId;
use crate::registry::{self, ObservedRun};
use crate::status::Status;

/// A job that was claimed, and where and since when it waited.
pub(super) struct Started<P> {
    payload: P,
    queue_id: Option<QueueId>,
    since: Moment,
}

impl<J: Job> JobCell<J> {
    /// Creates the cell of a job that runs on the thread that takes it from the queue.
    pub fn of_job(job: J) -> Self {
        Self::new(Stage::queued(job), JobKind)
    }
}

impl<J: Job> Run for JobCell<J> {
    fn run(self: Arc<Self>) -> bool {
        let started = self.start(None);
        self.run_payload(started)
    }
}

impl<P, O, T, K> Cell<P, O, T, K>
where
    P: Send + 'static,
    O: Send + 'static,
    T: Send + 'static,
    K: Kind<P, O, T> + 'static,
{
    /// Brings the job to its outcome on this thread, if it was started. Returns whether it was.
    pub(super) fn run_payload(self: Arc<Self>, started: Option<Started<P>>) -> bool {
        let Some(started) = started else { return false };
        let run_fn = K::RUN.expect("a job that runs in place knows how");
        let context = current::enter_job_of(self.clone());
        let observed = self.observe(&started);
        let outcome = run_fn(started.payload);
        if current::is_forked() {
            // A job that forks returns in both processes. The outcome is said in the other one; here, this cell's lock may be held for ever.
            std::mem::forget((self, context, observed, outcome));
            return true;
        }
        let of_parts = job_counters::take_failure_of_parts();
        if let Some((observed, begun)) = observed {
            let ran = begun.elapsed();
            observed.end(ran, self.outcome_of(outcome.as_ref().map(|_| ()), of_parts));
        }
        drop(context);
        if let Some(audience) = self.end_with(outcome, of_parts) {
            self.tell(audience.wake());
        }
        true
    }
}

impl<P: 'static, O: 'static, T, K: Kind<P, O, T>> Cell<P, O, T, K> {
    /// Starts the job if it waits, in the queue `queue_id` if one is given, which counts those that leave: in one step with the look, for
    /// the queue may give it away.
    #[inline]
    pub(super) fn start(&self, queue_id: Option<QueueId>) -> Option<Started<P>> {
        let mut inner = self.inner.lock();
        let its_queue_id = inner.stage.queue_id();
        if queue_id.is_some() && its_queue_id != queue_id {
            return None;
        }
        let since = if inner.stage.is_measured() { *self.since_mut(&mut inner) } else { Moment::default() };
        match inner.stage.claim(None) {
            Claim::Claimed(payload) => Some(Started { payload, queue_id: its_queue_id, since }),
            Claim::Refused(_) => None,
        }
    }

    /// Puts the job on the list of those that run on this worker, if it is measured. Returns since when it runs, too.
    fn observe(&self, started: &Started<P>) -> Option<(ObservedRun, Instant)> {
        let queued_at = started.since.instant()?;
        let job = RunningJob::here(self.word.id(), self.kind.describe(&started.payload)?, queued_at);
        let started_at = job.started_at;
        Some((ObservedRun::begin(started.queue_id?, job)?, started_at))
    }

    /// How the job ends that has returned this `outcome`, perhaps after its time limit.
    fn outcome_of(&self, outcome: Result<(), &JobError>, of_parts: Option<Failure>) -> JobOutcome {
        match self.inner.lock().stage.status(self.word.id()) {
            Status::Cancelled => JobOutcome::Cancelled,
            // An error that came while the job ran: its time was over.
            Status::Done => JobOutcome::TimedOut,
            Status::Queued | Status::Running => {
                registry::ending(outcome, of_parts).map_or(JobOutcome::Failed, Into::into)
            }
        }
    }
}
