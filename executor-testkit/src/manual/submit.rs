//! Makes a job of a handle's, with its options, and hands it over.

use std::sync::Arc;
use std::time::Duration;

use executor_core::cell::{Run, Task};
use executor_core::panics::named;
use executor_core::wrap::{self, Context, not_captured};
use executor_core::{
    Future, Job, JobError, JobName, JobOptions, Label, Priority, Rejected, Rejection, TimedOut, current,
};

use super::clock::Event;
use super::shared::Shared;

/// When a job is to be queued.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Now { may_wait: bool },
    After(Duration),
}

impl Way {
    /// As it is, unless it is now, and `delay` says otherwise.
    fn delayed(self, delay: Option<Duration>) -> Self {
        match (self, delay) {
            (Self::Now { .. }, Some(delay)) => Self::After(delay),
            (way, _) => way,
        }
    }

    fn delay(self) -> Duration {
        if let Self::After(delay) = self { delay } else { Duration::ZERO }
    }
}

/// Hands a job over, with `options` if there are any.
pub(super) fn submit<J: Job>(
    shared: &Arc<Shared>,
    options: Option<&JobOptions>,
    way: Way,
    job: J,
) -> Result<Future<J::Output>, Rejected<J>> {
    if options.is_none() && !shared.wraps_jobs() {
        return queue(shared, Priority::Normal, way, job);
    }
    let options = options.unwrap_or(const { &JobOptions::new() });
    let context = match shared.capture() {
        Ok(context) => context,
        Err(error) => return Ok(not_captured(job, options, error)),
    };
    let way = way.delayed(options.values().delay);
    let (label, timeout) = (options.values().label.clone(), options.values().timeout);
    let timeout = timeout.map(|limit| (limit, shared.clone()));
    let wait = options.values().start_by.map(|limit| (limit, TimedOut::not_started(name(label.as_ref(), &job), limit)));
    let with_options = JobWithOptions { job, label, timeout, context };
    let future = queue(shared, options.values().priority, way, with_options).map_err(|rejected| {
        let error = rejected.error().clone();
        Rejected::with_error(rejected.into_job().job, error)
    })?;
    if let Some((limit, error)) = wait {
        let limit = way.delay().saturating_add(limit);
        shared.schedule(limit, Event::EndWait(future.control().queued(), JobError::TimedOut(error)));
    }
    Ok(future)
}

fn queue<J: Job>(shared: &Shared, priority: Priority, way: Way, job: J) -> Result<Future<J::Output>, Rejected<J>> {
    let queue_id = if let Way::After(_) = way { shared.delay() } else { shared.queue() };
    let (cell, future) = Future::of_job_at(queue_id, job);
    let queued: Arc<dyn Run> = cell.clone();
    let pushed = match way {
        Way::Now { may_wait } => shared.push(priority, queued, may_wait),
        Way::After(delay) => shared.push_after(delay, priority, queued),
    };
    pushed.map(|()| future).map_err(|(_, reason)| take_back(&*cell, reason))
}

/// Takes the job back out of a cell that was not queued.
fn take_back<J: Job>(cell: &dyn Task<J, J::Output>, reason: Rejection) -> Rejected<J> {
    let error = cell.refused(reason);
    Rejected::with_error(cell.claim(None).expect("no other thread has seen the job"), error)
}

fn name<J: Job>(label: Option<&Arc<Label>>, job: &J) -> Arc<str> {
    let given = label.and_then(|label| label.name.clone());
    given.unwrap_or_else(|| J::job_name(Some(job)).as_str().into())
}

/// A job with its name, its context and the time that it may run.
struct JobWithOptions<J> {
    job: J,
    label: Option<Arc<Label>>,
    timeout: Option<(Duration, Arc<Shared>)>,
    context: Option<Context>,
}

impl<J: Job> Job for JobWithOptions<J> {
    type Output = J::Output;

    fn run(self) -> J::Output {
        let called = self.context.is_some().then(|| Self::job_name(Some(&self)));
        let deadline = self.timeout.and_then(|(limit, shared)| {
            let error = JobError::TimedOut(TimedOut::new(name(self.label.as_ref(), &self.job), limit));
            shared.schedule(limit, Event::EndRun(current::control()?, error));
            shared.now().checked_add(limit)
        });
        current::describe(self.label, deadline);
        let (job, context) = (self.job, self.context);
        named::<J, _>(|| wrap::run(context.as_ref().zip(called.as_ref()), || job.run()))
    }

    fn job_name(this: Option<&Self>) -> JobName {
        let label = this.and_then(|this| this.label.as_ref());
        JobName::given(label).unwrap_or_else(|| J::job_name(this.map(|this| &this.job)))
    }
}
