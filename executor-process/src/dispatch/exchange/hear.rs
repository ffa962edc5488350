//! Records of the worker, heard before the outcomes of the jobs that they are about.

use executor_core::JobError;
use executor_core::job_counters::Failure;
#[cfg(feature = "tracing")]
use executor_core::observe::JobOutcome;

use super::Exchange;
use crate::dispatch::job::InFlight;
#[cfg(feature = "tracing")]
use crate::supervisor::job_trace::JobTrace;
use crate::supervisor::records::SourceJob;

impl Exchange<'_, '_> {
    /// From now on, output is that of the job in the message, which is alone if output is captured.
    pub(super) fn begin_output(&self) {
        if let (Some(output), [Some(in_flight)]) = (&self.worker.listener.output, &*self.slots) {
            output.begin(source(in_flight));
        }
    }

    /// The span of the job begins, if its pool traces jobs.
    #[cfg(feature = "tracing")]
    pub(super) fn begin_trace(&self, in_flight: &mut InFlight) {
        let (job, name, attempt) = (&in_flight.job, in_flight.payload.job_name(), in_flight.payload.attempt);
        if let Some(trace) = &mut in_flight.payload.trace {
            self.worker.listener.wait_for(trace.begin(self.worker.listener.delivery(), job.clone(), name, attempt));
        }
    }

    /// The span of the job ends.
    #[cfg(feature = "tracing")]
    pub(super) fn end_trace(&self, in_flight: &mut InFlight, outcome: Result<Option<Failure>, &JobError>) {
        if let Some(trace) = &mut in_flight.payload.trace {
            let failure = outcome.err().map(ToString::to_string);
            self.worker.listener.wait_for(trace.end(JobOutcome::of(outcome), failure));
        }
    }

    #[cfg(not(feature = "tracing"))]
    #[expect(clippy::unused_self, reason = "there is nothing to trace")]
    pub(super) fn begin_trace(&self, _: &mut InFlight) {}

    #[cfg(not(feature = "tracing"))]
    #[expect(clippy::unused_self, reason = "there is nothing to trace")]
    pub(super) fn end_trace(&self, _: &mut InFlight, _: Result<Option<Failure>, &JobError>) {}

    /// Takes in what the worker has said so far about its jobs. Called while the job that has ended is in its slot.
    pub(super) fn hear(&self) {
        self.worker.take_counted_records(|job| find(&self.slots, job));
    }

    /// The same for a worker that is dead or killed: all that it has said counts.
    pub(super) fn hear_last(&self) {
        self.worker.take_records(|job| find(&self.slots, job));
        if let Some(output) = &self.worker.listener.output {
            output.drain();
        }
    }
}

/// The job of that number, if the worker has it.
pub(super) fn find(slots: &[Option<InFlight>], job: u64) -> Option<SourceJob> {
    slots.iter().flatten().find(|in_flight| in_flight.id() == job).map(source)
}

fn source(InFlight { job, payload, .. }: &InFlight) -> SourceJob {
    SourceJob {
        id: job.id(),
        attempt: payload.attempt,
        label: payload.label.clone(),
        path: payload.job_type.name(),
        #[cfg(feature = "tracing")]
        span: payload.trace.as_ref().and_then(JobTrace::place),
    }
}
