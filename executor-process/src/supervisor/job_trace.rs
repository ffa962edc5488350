//! The span of a job in a worker. The subscriber, which may panic or block, is called on the thread of [`Delivery`].

use std::mem::take;
use std::sync::Arc;

use executor_core::cell::QueuedControl;
use executor_core::observe::JobOutcome;
use executor_core::trace::{JobSpan, Submission};
use executor_core::{JobName, Status};
use parking_lot::Mutex;

use crate::supervisor::delivery::Delivery;

/// The bytes that a call holds, about.
const WEIGHT: usize = 256;

/// Where the span is, between its begin and its end.
pub(crate) type SpanPlace = Arc<Mutex<Option<JobSpan>>>;

/// The span in which a job was submitted, and the span of the attempt that runs.
pub(crate) struct JobTrace {
    submission: Arc<Submission>,
    run: Option<Run>,
}

struct Run {
    job: Arc<dyn QueuedControl>,
    delivery: Arc<Delivery>,
    place: SpanPlace,
}

impl JobTrace {
    pub(crate) fn new(submission: Arc<Submission>) -> Self {
        Self { submission, run: None }
    }

    /// The same, for another job of the same call.
    pub(crate) fn again(&self) -> Self {
        Self::new(Arc::clone(&self.submission))
    }

    /// The span of the attempt that runs.
    pub(crate) fn place(&self) -> Option<SpanPlace> {
        Some(Arc::clone(&self.run.as_ref()?.place))
    }

    /// The attempt begins. A job that was taken back from a worker, and had not started there, keeps its span. Returns the number of the call.
    pub(crate) fn begin(
        &mut self,
        delivery: &Arc<Delivery>,
        job: Arc<dyn QueuedControl>,
        name: JobName,
        attempt: u32,
    ) -> Option<u64> {
        if self.run.is_some() {
            return None;
        }
        let (id, place) = (job.id(), SpanPlace::default());
        self.run = Some(Run { job, delivery: Arc::clone(delivery), place: Arc::clone(&place) });
        let submission = Arc::clone(&self.submission);
        delivery.add(WEIGHT, move || {
            let span = submission.begin(id, name.as_str(), attempt);
            *place.lock() = span;
        })
    }

    /// The attempt ends, with an error of this text. Returns the number of the call.
    pub(crate) fn end(&mut self, outcome: JobOutcome, failure: Option<String>) -> Option<u64> {
        self.run.take()?.end(outcome, failure)
    }
}

impl Run {
    fn end(&self, outcome: JobOutcome, failure: Option<String>) -> Option<u64> {
        let place = Arc::clone(&self.place);
        self.delivery.add(WEIGHT + failure.as_ref().map_or(0, String::len), move || {
            let span = take(&mut *place.lock());
            if let Some(span) = span {
                span.end(outcome.as_str(), failure.as_ref().map(|text| -> &dyn std::fmt::Display { text }));
            }
        })
    }
}

/// Ends the span of a job that was ended from outside: by its time limit, or by an abort.
impl Drop for JobTrace {
    fn drop(&mut self) {
        let Some(run) = self.run.take() else { return };
        let was_aborted = run.job.status() == Status::Cancelled;
        run.end(if was_aborted { JobOutcome::Cancelled } else { JobOutcome::TimedOut }, None);
    }
}
