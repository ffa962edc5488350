//! A job that is a number, for tests of the decisions.

use executor_core::cell::Notify;
use executor_core::queue_id::QueueId;
use executor_core::{JobError, JobId};

use super::queued::Queued;

pub(super) struct Number(pub(super) usize);

impl Queued for Number {
    fn fail(self, _: JobError) -> Option<Notify> {
        None
    }

    fn queue_id(&self) -> Option<QueueId> {
        None
    }

    fn is_waiting(&self) -> bool {
        true
    }

    fn move_to(&self, _: QueueId) -> bool {
        true
    }

    fn lendable_id(&self) -> Option<JobId> {
        Some(JobId::from_number(self.0 as u64))
    }
}
