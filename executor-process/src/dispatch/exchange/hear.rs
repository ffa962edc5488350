//! Records of the worker, heard before the outcomes of the jobs that they are about.

use super::Exchange;
use crate::dispatch::job::InFlight;
use crate::supervisor::records::SourceJob;

impl Exchange<'_, '_> {
    /// From now on, output is that of the job in the message, which is alone if output is captured.
    pub(super) fn begin_output(&self) {
        if let (Some(output), [Some(in_flight)]) = (&self.worker.listener.output, &*self.slots) {
            output.begin(source(in_flight));
        }
    }

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
    SourceJob { id: job.id(), attempt: payload.attempt, label: payload.label.clone(), path: payload.job_type.name() }
}
