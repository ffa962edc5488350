//! How long jobs of a type run, as far as this worker has seen.

use std::collections::HashMap;
use std::time::Duration;

use crate::dispatch::job_type::JobType;

/// By the function of the job's type.
#[derive(Default)]
pub(crate) struct RunTimes(HashMap<usize, Duration>);

impl RunTimes {
    /// `None` for a type that was not seen yet.
    pub(crate) fn of(&self, job_type: JobType) -> Option<Duration> {
        self.0.get(&(job_type.work as usize)).copied()
    }

    /// Records that a job of the type ran for `ran`. A longer time changes the estimate faster than a shorter one: jobs sent ahead wait.
    pub(crate) fn learn(&mut self, job_type: JobType, ran: Duration) {
        let known = self.0.entry(job_type.work as usize).or_insert(ran);
        *known = if ran > *known { (*known + ran) / 2 } else { (*known * 7 + ran) / 8 };
    }
}
