//! How a job comes into the queue: now or later, full or not, with options or without.

use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::cell::{self, Control, Task};
use executor_core::wrap::{Context, Wrapper, not_captured};
use executor_core::{
    Canceller, Future, Job, JobError, JobName, JobOptions, Panicked, Priority, Refused, Rejected, WhenFull,
};

use crate::options::JobWithOptions;
use crate::runner::InPlace;
use crate::scheduler::{Config, Scheduler, StartTimer, Way};

/// The cell of a job that runs in place.
pub(crate) type JobCell<J> = Arc<cell::JobCell<J>>;

/// The job, if it is to come back, and the error that says why it was refused.
pub(crate) type TakenBack<J> = (Option<J>, Refused);

/// A job with options, and the timer event for its wait.
pub(crate) type Prepared<J> = (JobWithOptions<J>, Option<StartTimer<InPlace>>);

/// Is told of panics in jobs without a future.
pub(crate) type PanicHandler = Arc<dyn Fn(&Panicked) + Send + Sync>;

/// The pool's settings for submits, the same for all of its handles.
#[derive(Clone, Default)]
pub(crate) struct SubmitPolicy {
    pub(crate) when_full: WhenFull,
    pub(crate) panic_handler: Option<PanicHandler>,
    /// Captures the context of each job.
    pub(crate) wrapper: Option<Wrapper>,
}

impl SubmitPolicy {
    /// Adds code around the jobs, inside of the code that was added before.
    pub(crate) fn wrap_jobs<C, A>(&mut self, capture: C)
    where
        C: Fn() -> A + Send + Sync + 'static,
        A: Fn(&mut dyn FnMut()) + Send + Sync + 'static,
    {
        self.wrapper = Some(Wrapper::new(capture).inside(self.wrapper.take()));
    }

    /// Runs each job in a span, outside of all code that was added before.
    #[cfg(feature = "tracing")]
    pub(crate) fn trace_jobs(&mut self, executor: Arc<str>) {
        let spans = executor_core::trace::wrapper(executor);
        self.wrapper = Some(match self.wrapper.take() {
            Some(inner) => inner.inside(Some(spans)),
            None => spans,
        });
    }
}

/// Submits to one queue, with the options of a handle.
#[derive(Clone)]
pub(crate) struct Submitter {
    pub(crate) scheduler: Scheduler<InPlace>,
    pub(crate) policy: SubmitPolicy,
    pub(crate) options: Option<Arc<JobOptions>>,
}

impl Submitter {
    /// The options of the pool's own submits. A pool that is measured, or wraps its jobs, needs some, since only a job with options has the
    /// place of its submission, and a context.
    pub(crate) fn default_options(config: &Config, policy: &SubmitPolicy) -> Option<Arc<JobOptions>> {
        (config.measure || policy.wrapper.is_some()).then(Arc::default)
    }

    /// Captures the context of a job that is submitted now, if the pool wraps its jobs. A pool that is shut down refuses the job
    /// without one.
    ///
    /// # Errors
    ///
    /// The outcome of the job, if the capture panics.
    pub(crate) fn capture(&self) -> Result<Option<Context>, JobError> {
        let Some(wrapper) = self.policy.wrapper.as_ref() else { return Ok(None) };
        if !self.scheduler.is_open() {
            return Ok(None);
        }
        wrapper.capture().map(Some)
    }

    pub(crate) fn options(&self) -> &JobOptions {
        static NONE: JobOptions = JobOptions::new();
        self.options.as_deref().unwrap_or(&NONE)
    }

    #[track_caller]
    pub(crate) fn submit<J: Job>(&self, way: Way, job: J) -> Future<J::Output> {
        let submitted = self.submit_and(way, job, false, |future| future);
        submitted.unwrap_or_else(|(_, error)| Future::failed(JobError::Rejected(error)))
    }

    /// The same, and a job that is refused comes back.
    #[track_caller]
    pub(crate) fn try_submit<J: Job>(&self, way: Way, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.submit_and(way, job, true, |future| future).map_err(rejected)
    }

    /// The same for a job whose outcome is dropped. If the job panics, the handler is called on the thread where it panicked.
    #[track_caller]
    pub(crate) fn execute<J: Job>(&self, job: J) {
        let tell = |future: Future<J::Output>| match self.policy.panic_handler.clone() {
            None => drop(future),
            Some(handler) => future.on_done(move |outcome| {
                if let Err(JobError::Panicked(panicked)) = outcome {
                    handler(&panicked);
                }
            }),
        };
        // A refused job is dropped: the caller has no future that could report it.
        drop(self.submit_and(Way::Now, job, false, tell));
    }

    /// Calls `then` with the future before the job can start, so that a callback it sets runs on the thread where the job ends.
    #[track_caller]
    fn submit_and<J: Job, T>(
        &self,
        way: Way,
        job: J,
        comes_back: bool,
        then: impl FnOnce(Future<J::Output>) -> T,
    ) -> Result<T, TakenBack<J>> {
        let Some(options) = &self.options else {
            return self.queue(way, Priority::Normal, job, comes_back, then);
        };
        let context = match self.capture() {
            Ok(context) => context,
            Err(error) => return Ok(then(not_captured(job, options, error))),
        };
        let way = way.delayed(options.values().delay);
        let (job, timer) = JobWithOptions::new(job, options, &self.scheduler, context);
        self.submit_with_options(way, options.values().priority, (job, timer), comes_back, then)
    }

    /// Sets the timer of the job's wait, if that is limited, when the job is accepted.
    pub(crate) fn submit_with_options<J: Job, T>(
        &self,
        way: Way,
        priority: Priority,
        (job, timer): Prepared<J>,
        comes_back: bool,
        then: impl FnOnce(Future<J::Output>) -> T,
    ) -> Result<T, TakenBack<J>> {
        let and_timer = |future: Future<J::Output>| (timer.map(|timer| (timer, future.control())), then(future));
        match self.queue(way, priority, job, comes_back, and_timer) {
            Ok((timer, made)) => {
                if let Some((timer, control)) = timer {
                    timer.set(control, way.delay());
                }
                Ok(made)
            }
            Err((job, error)) => Err((job.map(JobWithOptions::into_inner), error)),
        }
    }

    fn queue<J: Job, T>(
        &self,
        way: Way,
        priority: Priority,
        job: J,
        comes_back: bool,
        then: impl FnOnce(Future<J::Output>) -> T,
    ) -> Result<T, TakenBack<J>> {
        let Self { scheduler, policy, .. } = self;
        let (cell, future) = Future::of_job_at(scheduler.queue_id(way), job);
        let made = then(future);
        let kept = comes_back.then(|| cell.clone());
        match scheduler.push_by(way, policy.when_full, priority, cell) {
            Ok(()) => Ok(made),
            Err((cell, reason)) => {
                let error = cell.refused(reason);
                Err((kept.map(|cell| taken_back(&cell)), error))
            }
        }
    }

    /// Lets a run of a periodic job wait until it is `due`, if `is_next` says so; a shutdown does not wait for it. The run itself has the
    /// context of the first one.
    pub(crate) fn submit_run<J: Job>(&self, run: J, due: Instant, is_next: impl FnOnce(Canceller) -> bool) {
        let Some(options) = &self.options else {
            return drop(self.queue_run(Priority::Normal, run, due, is_next));
        };
        let (run, timer) = JobWithOptions::new(run, options, &self.scheduler, None);
        let control = self.queue_run(options.values().priority, run, due, is_next);
        if let Some(timer) = timer {
            timer.set(control, due.saturating_duration_since(Instant::now()));
        }
    }

    fn queue_run<J: Job>(
        &self,
        priority: Priority,
        run: J,
        due: Instant,
        is_next: impl FnOnce(Canceller) -> bool,
    ) -> Arc<dyn Control> {
        let (cell, future) = Future::of_job_at(self.scheduler.delay(), run);
        let control = future.control();
        if is_next(future.canceller()) {
            if let Err((cell, reason)) = self.scheduler.push_until_shutdown(due, priority, cell) {
                cell.fail(JobError::rejected(reason));
            }
        }
        control
    }

    /// Gives each worker a job of `make`, or says why not.
    pub(crate) fn broadcast<J: Job>(&self, mut make: impl FnMut() -> J) -> Vec<Future<J::Output>> {
        let context = match self.capture() {
            Ok(context) => context,
            Err(error) => return vec![not_captured(make(), self.options(), error)],
        };
        let (mut futures, mut timers) = (Vec::new(), Vec::new());
        let told = self.scheduler.broadcast(|| {
            let delay = self.scheduler.delay();
            let Some(options) = &self.options else {
                let (cell, future) = Future::of_job_at(delay, make());
                futures.push(future);
                return cell;
            };
            let (job, timer) = JobWithOptions::new(make(), options, &self.scheduler, context.clone());
            let (cell, future) = Future::of_job_at(delay, job);
            timers.extend(timer.map(|timer| (timer, future.control())));
            futures.push(future);
            cell
        });
        for (timer, control) in timers {
            timer.set(control, Duration::ZERO);
        }
        match told {
            Ok(()) => futures,
            Err(reason) => {
                let name = JobName::given(self.options.as_ref().and_then(|options| options.values().label.as_ref()));
                let name = name.unwrap_or_else(|| J::job_name(None));
                vec![Future::failed(JobError::Rejected(Refused::new(reason, Some(name))))]
            }
        }
    }
}

/// The error of a job that was to come back.
pub(crate) fn rejected<J>((job, error): TakenBack<J>) -> Rejected<J> {
    Rejected::with_error(job.expect("it comes back"), error)
}

/// Takes the job back out of a cell that was not queued.
pub(crate) fn taken_back<J: Job>(cell: &JobCell<J>) -> J {
    cell.claim(None).expect("nobody else has seen the job")
}
