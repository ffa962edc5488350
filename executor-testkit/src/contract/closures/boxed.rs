//! An executor that gets every closure of the checks in a box.

use std::time::{Duration, Instant};

use executor_core::{ClosureExecutor, Future, Job, Shutdown};

/// Boxes each closure before the executor gets it. So the executor's code is compiled once for each type of result, not for each closure of
/// the checks. The jobs of a map stay as they are.
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
        self.0.submit_job(delay, job)
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
