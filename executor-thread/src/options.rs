//! A job that runs in place, with options.

use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::job_counters::Moment;
use executor_core::observe::JobDescription;
use executor_core::panics::named;
use executor_core::wrap::{self, Context};
use executor_core::{Job, JobError, JobName, JobOptions, Label, TimedOut, current};

use crate::runner::InPlace;
use crate::scheduler::{RunLimit, Scheduler, StartLimit, StartTimer};

/// A job with its name and its limits.
pub(crate) struct JobWithOptions<J> {
    job: J,
    label: Option<Arc<Label>>,
    /// Most jobs have no limit, and each job waits with all that is in it.
    limits: Option<Box<Limits>>,
    context: Option<Context>,
    /// Since when it waits, if that is measured.
    since: Moment,
    /// The call that submitted it.
    place: &'static Location<'static>,
}

struct Limits {
    timeout: Option<(Duration, Scheduler<InPlace>)>,
    start_limit: Option<StartLimit<InPlace>>,
}

impl Limits {
    /// The job starts: its start is no longer limited. Returns the limit of its run.
    fn start(self) -> Option<(Duration, Scheduler<InPlace>)> {
        drop(self.start_limit);
        self.timeout
    }
}

impl<J: Job> JobWithOptions<J> {
    /// The job with what the options say of its run, and the timer event for its wait, if that is limited. It runs inside of the
    /// `context`, if there is one.
    #[track_caller]
    pub(crate) fn new(
        job: J,
        options: &JobOptions,
        scheduler: &Scheduler<InPlace>,
        context: Option<Context>,
    ) -> (Self, Option<StartTimer<InPlace>>) {
        let label = options.values().label.clone();
        let timeout = options.values().timeout.map(|limit| (limit, scheduler.clone()));
        let limited = |limit| {
            let error = TimedOut::not_started(name(label.as_ref(), &job), limit);
            StartLimit::new(scheduler.clone(), limit, JobError::TimedOut(error))
        };
        let (start_limit, timer) = options.values().start_by.map(limited).unzip();
        let is_limited = timeout.is_some() || start_limit.is_some();
        let limits = is_limited.then(|| Box::new(Limits { timeout, start_limit }));
        (Self { job, label, limits, context, since: Moment::default(), place: Location::caller() }, timer)
    }

    pub(crate) fn into_inner(self) -> J {
        self.job
    }
}

/// Runs the job inside of its context.
fn run_in<J: Job>(context: Option<(Context, JobName)>, job: J) -> J::Output {
    let context = context.as_ref().map(|(context, name)| (context, name));
    named::<J, _>(|| wrap::run(context, || job.run()))
}

fn name<J: Job>(label: Option<&Arc<Label>>, job: &J) -> Arc<str> {
    let given = label.and_then(|label| label.name.clone());
    given.unwrap_or_else(|| J::job_name(Some(job)).as_str().into())
}

impl<J: Job> Job for JobWithOptions<J> {
    type Output = J::Output;

    fn run(self) -> J::Output {
        let called = self.context.is_some().then(|| Self::job_name(Some(&self)));
        let (job, context) = (self.job, self.context.zip(called));
        let Some((limit, scheduler)) = self.limits.and_then(|limits| limits.start()) else {
            if self.label.is_some() {
                current::describe(self.label, None);
            }
            return run_in(context, job);
        };
        let error = JobError::TimedOut(TimedOut::new(name(self.label.as_ref(), &job), limit));
        let when = Instant::now().checked_add(limit);
        current::describe(self.label, when);
        let _limit = RunLimit::set(scheduler, current::control(), when, error);
        run_in(context, job)
    }

    fn job_name(this: Option<&Self>) -> JobName {
        let label = this.and_then(|this| this.label.as_ref());
        JobName::given(label).unwrap_or_else(|| J::job_name(this.map(|this| &this.job)))
    }

    fn since(this: &mut Self) -> Option<&mut Moment> {
        Some(&mut this.since)
    }

    fn describe(this: &Self) -> JobDescription {
        // A job of a `map`, say, knows a better place.
        let place = J::describe(&this.job).place.unwrap_or(this.place);
        JobDescription::new(Self::job_name(Some(this)), this.label.clone(), Some(place))
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use std::sync::mpsc;

    use crate::ThreadPool;

    #[test]
    fn measured_job_knows_since_when_it_waits() {
        let (open, gate) = mpsc::channel::<()>();
        let pool = ThreadPool::builder().threads(1).measure(true).build().unwrap();
        let blocker = pool.submit(move || gate.recv().is_err());
        let waits = pool.submit(|| ());
        let queued_at = waits.control().queued().queued_at().expect("it waits in a measured pool");
        drop(open);
        assert!(blocker.result().unwrap());
        let ended = waits.control().queued();
        waits.result().unwrap();
        assert!(ended.queued_at().is_none_or(|kept| kept == queued_at));
        assert_eq!(pool.stats().wait.expect("it is measured").count(), 2);
        let usual = ThreadPool::new(1).submit(|| ()).control().queued();
        assert_eq!(usual.queued_at(), None);
    }
}
