//! A job that runs in place, with options.

use std::any::type_name;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::cell::Control;
use executor_core::panics::named;
use executor_core::{Job, JobError, JobOptions, Label, TimedOut, current};

use crate::runner::InPlace;
use crate::scheduler::{RunLimit, Scheduler, StartAlarm, StartLimit};

/// A job with its name and its limits.
pub(crate) struct JobWithOptions<J> {
    job: J,
    label: Option<Arc<Label>>,
    timeout: Option<(Duration, Scheduler<InPlace>)>,
    start_limit: Option<StartLimit<InPlace>>,
}

impl<J: Job> JobWithOptions<J> {
    /// The job with what the options say of its run, and what watches its wait.
    pub(crate) fn new(job: J, options: &JobOptions, scheduler: &Scheduler<InPlace>) -> (Self, StartWatch) {
        let label = options.label().cloned();
        let timeout = options.get_timeout().map(|limit| (limit, scheduler.clone()));
        let (start_limit, watch) = options
            .get_start_by()
            .map(|limit| {
                let (start_limit, alarm) = StartLimit::new(scheduler.clone(), limit);
                (start_limit, (alarm, timed_out::<J>(label.as_ref(), limit)))
            })
            .unzip();
        (Self { job, label, timeout, start_limit }, StartWatch(watch))
    }

    pub(crate) fn into_inner(self) -> J {
        self.job
    }
}

fn timed_out<J>(label: Option<&Arc<Label>>, limit: Duration) -> JobError {
    let name = label.and_then(|label| label.name.clone()).unwrap_or_else(|| type_name::<J>().into());
    JobError::TimedOut(TimedOut::new(name, limit))
}

impl<J: Job> Job for JobWithOptions<J> {
    type Output = J::Output;

    fn run(self) -> J::Output {
        drop(self.start_limit);
        let Some((limit, scheduler)) = self.timeout else {
            current::describe(self.label, None);
            return named::<J, _>(|| self.job.run());
        };
        let error = timed_out::<J>(self.label.as_ref(), limit);
        let when = Instant::now().checked_add(limit);
        current::describe(self.label, when);
        let _limit = RunLimit::set(scheduler, current::control(), when, error);
        named::<J, _>(|| self.job.run())
    }
}

/// Ends a job that has not started in its time, if that is limited.
pub(crate) struct StartWatch(Option<(StartAlarm<InPlace>, JobError)>);

impl StartWatch {
    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// The job was accepted. Its time begins after `delay`.
    pub(crate) fn begin(self, control: Option<Arc<dyn Control>>, delay: Duration) {
        if let (Some((alarm, error)), Some(control)) = (self.0, control) {
            alarm.set(control, delay, error);
        }
    }
}
