//! An executor that gets every job of the checks in a box.

use std::time::{Duration, Instant};

use executor_core::observe::JobDescription;
use executor_core::{ClosureExecutor, Future, Job, JobName, JobPath, Shutdown};

/// Boxes each job before the executor gets it. So the executor's code is compiled once for each type of result, not for each closure of
/// the checks.
#[derive(Clone)]
pub struct Boxed<E>(pub(super) E);

/// Returns what makes executors as `make` does, and boxes their closures.
pub fn made<E: ClosureExecutor>(make: &(impl Fn() -> E + ?Sized)) -> impl Fn() -> Boxed<E> {
    move || Boxed(make())
}

impl<E: Shutdown> Shutdown for Boxed<E> {
    fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait);
    }
}

impl<E: ClosureExecutor> ClosureExecutor for Boxed<E> {
    type Handle = Boxed<E::Handle>;

    fn submit<F, T>(&self, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let job: Box<dyn FnOnce() -> T + Send> = Box::new(job);
        self.0.submit(job)
    }

    fn submit_job<J: Job>(&self, delay: Option<Duration>, job: J) -> Future<J::Output> {
        self.0.submit_job(delay, BoxedJob::of(job))
    }

    fn submit_after<F, T>(&self, delay: Duration, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let job: Box<dyn FnOnce() -> T + Send> = Box::new(job);
        self.0.submit_after(delay, job)
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn workers(&self) -> usize {
        self.0.workers()
    }

    fn handle(&self) -> Self::Handle {
        Boxed(self.0.handle())
    }

    fn time_limit(&self) -> Option<Duration> {
        self.0.time_limit()
    }
}

/// A job in a box, with the name that it has outside.
struct BoxedJob<T> {
    name: JobName,
    description: JobDescription,
    run: Box<dyn FnOnce() -> T + Send>,
}

impl<T: Send + 'static> BoxedJob<T> {
    fn of<J: Job<Output = T>>(job: J) -> Self {
        let (name, description) = (J::job_name(Some(&job)), J::describe(&job));
        Self { name, description, run: Box::new(|| job.run()) }
    }
}

impl<T: Send + 'static> Job for BoxedJob<T> {
    type Output = T;

    fn run(self) -> T {
        (self.run)()
    }

    fn job_name(this: Option<&Self>) -> JobName {
        this.map_or_else(|| JobPath::of::<Self>().into(), |this| this.name.clone())
    }

    fn describe(this: &Self) -> JobDescription {
        this.description.clone()
    }
}
