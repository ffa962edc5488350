//! The executor seen with options: each job that is submitted through it has them.

use std::any::type_name;
use std::sync::Arc;
use std::time::Duration;

use executor_core::cell::{Run, Task};
use executor_core::panics::named;
use executor_core::{Future, Job, JobError, JobOptions, Label, Rejected, Rejection, TimedOut, current};

use super::clock::Event;
use super::shared::Shared;
use super::submit::Way;

/// A view of a [`ManualExecutor`](super::ManualExecutor) whose jobs have options, with limits in virtual time. Made by
/// [`with`](super::ManualExecutor::with). Cheap to clone; does not keep the executor open.
#[derive(Clone)]
pub struct ManualView {
    pub(super) shared: Arc<Shared>,
    pub(super) options: JobOptions,
}

impl ManualView {
    /// The options.
    pub fn options(&self) -> &JobOptions {
        &self.options
    }

    pub(super) fn submit_job<J: Job>(&self, way: Way, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        let way = match (way, self.options.get_delay()) {
            (Way::Now { .. }, Some(delay)) => Way::Later(delay),
            (way, _) => way,
        };
        let (label, timeout) = (self.options.label().cloned(), self.options.get_timeout());
        let timeout = timeout.map(|limit| (limit, self.shared.clone()));
        let described = Described { job, label: label.clone(), timeout };
        let future = submit(&self.shared, &self.options, way, described).map_err(|rejected| {
            let reason = rejected.reason();
            Rejected::new(rejected.into_job().job, reason)
        })?;
        if let Some(limit) = self.options.get_start_by() {
            let error = JobError::TimedOut(TimedOut::not_started(name::<J>(label.as_ref()), limit));
            let delay = if let Way::Later(delay) = way { delay } else { Duration::ZERO };
            let limit = delay.saturating_add(limit);
            self.shared.set_alarm(limit, Event::EndWait(future.control().queued(), error));
        }
        Ok(future)
    }
}

/// Hands a job over, now or later.
pub(super) fn submit<J: Job>(
    shared: &Shared,
    options: &JobOptions,
    way: Way,
    job: J,
) -> Result<Future<J::Output>, Rejected<J>> {
    let home = if let Way::Later(_) = way { shared.delay() } else { shared.queue() };
    let (cell, future) = Future::of_job_at(home, job);
    let queued: Arc<dyn Run> = cell.clone();
    let pushed = match way {
        Way::Now { may_wait } => shared.push(options.get_priority(), queued, may_wait),
        Way::Later(delay) => shared.push_after(delay, options.get_priority(), queued),
    };
    pushed.map(|()| future).map_err(|(_, reason)| refused(&*cell, reason))
}

/// Takes the job back out of a cell that was not queued.
fn refused<J: Job>(cell: &dyn Task<J, J::Output>, reason: Rejection) -> Rejected<J> {
    Rejected::new(cell.claim(None).expect("nobody else has seen the job"), reason)
}

fn name<J>(label: Option<&Arc<Label>>) -> Arc<str> {
    label.and_then(|label| label.name.clone()).unwrap_or_else(|| type_name::<J>().into())
}

/// A job with its name and the time that it may run.
struct Described<J> {
    job: J,
    label: Option<Arc<Label>>,
    timeout: Option<(Duration, Arc<Shared>)>,
}

impl<J: Job> Job for Described<J> {
    type Output = J::Output;

    fn run(self) -> J::Output {
        let deadline = self.timeout.and_then(|(limit, shared)| {
            let error = JobError::TimedOut(TimedOut::new(name::<J>(self.label.as_ref()), limit));
            shared.set_alarm(limit, Event::EndRun(current::control()?, error));
            shared.now().checked_add(limit)
        });
        current::describe(self.label, deadline);
        named::<J, _>(|| self.job.run())
    }
}
