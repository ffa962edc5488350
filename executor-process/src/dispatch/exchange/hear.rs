//! Records of the worker, heard before the outcomes of the jobs that they are about.

use super::Exchange;
use crate::dispatch::job::InFlight;
use crate::supervisor::records::SourceJob;

impl Exchange<'_, '_> {
    /// Takes in what the worker has said so far about its jobs. Called while the job that has ended is in its slot.
    pub(super) fn hear(&self) {
        self.worker.take_records(|job| find(&self.slots, job));
    }
}

/// The job of that number, if the worker has it.
pub(super) fn find(slots: &[Option<InFlight>], job: u64) -> Option<SourceJob> {
    let InFlight { job, payload } = slots.iter().flatten().find(|in_flight| in_flight.id() == job)?;
    Some(SourceJob { id: job.id(), attempt: payload.attempt, label: payload.label.clone() })
}
