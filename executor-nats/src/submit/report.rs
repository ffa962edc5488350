//! Reports of the engine about its jobs.

use std::time::Instant;

use executor_core::cell::Control;
use executor_core::dump::QueuedJob;

use super::engine::Engine;
use super::job::{Described, Job, Stage};
use super::no_worker::NoWorker;
use crate::protocol::names::PRIORITIES;
use executor_core::cell::NamesJob;

/// How many jobs of each priority are shown.
const MOST_OLDEST: usize = 3;

pub(crate) struct Report {
    pub(crate) lanes: [usize; 3],
    pub(crate) oldest: Vec<QueuedJob>,
    pub(crate) next_due: Option<Instant>,
    pub(crate) no_worker: Option<NoWorker>,
}

impl Engine {
    pub(crate) fn report(&self) -> Report {
        let jobs = self.jobs.borrow();
        let mut report = Report {
            lanes: [0; 3],
            oldest: Vec::new(),
            next_due: self.timers.next_delayed(),
            no_worker: self.no_worker(),
        };
        for (lane, priority) in PRIORITIES.into_iter().enumerate() {
            let is_in_lane =
                |job: &&std::rc::Rc<Job>| job.priority == priority && job.progress.stage() == Stage::Queued;
            let mut waiting: Vec<_> = jobs.values().filter(is_in_lane).collect();
            report.lanes[lane] = waiting.len();
            waiting.sort_unstable_by_key(|job| job.key.number);
            let shown = waiting.into_iter().take(MOST_OLDEST);
            report.oldest.extend(shown.map(|job| {
                let description = Described::describe(&job.described);
                QueuedJob::new(Control::id(&*job.task), priority).described(description, Some(job.since.get()))
            }));
        }
        report
    }
}
