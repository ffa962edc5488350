//! An executor that runs a job when it is told to, and in what order.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use executor_core::cell::Run;
use executor_core::{ClosureExecutor, Future, JobError, Shutdown};

#[derive(Clone)]
pub(crate) struct Manual {
    shared: Arc<Shared>,
    workers: usize,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: Vec<Arc<dyn Run>>,
    submitted: usize,
    is_shut_down: bool,
}

impl Manual {
    /// An executor that says that it has this number of workers.
    pub(crate) fn new(workers: usize) -> Self {
        Self { shared: Arc::default(), workers }
    }

    /// How many jobs were ever submitted.
    pub(crate) fn submitted(&self) -> usize {
        self.shared.queue.lock().unwrap().submitted
    }

    /// Runs the queued job number `pick`, counted around, and says whether it was still to be run. Waits for one;
    /// `None` after shutdown.
    pub(crate) fn run(&self, pick: usize) -> Option<bool> {
        self.take(pick).map(Run::run)
    }

    /// Ends the job that was queued first, without running it.
    pub(crate) fn fail(&self, error: JobError) {
        assert!(self.take(0).is_some_and(|job| job.fail(error).is_some()));
    }

    fn take(&self, pick: usize) -> Option<Arc<dyn Run>> {
        let queue = self.shared.queue.lock().unwrap();
        let mut queue =
            self.shared.changed.wait_while(queue, |queue| queue.jobs.is_empty() && !queue.is_shut_down).unwrap();
        let len = queue.jobs.len();
        (len > 0).then(|| queue.jobs.remove(pick % len))
    }
}

impl Shutdown for Manual {
    fn shutdown(&self, _: bool) {
        self.shared.queue.lock().unwrap().is_shut_down = true;
        self.shared.changed.notify_all();
    }
}

impl ClosureExecutor for Manual {
    type Handle = Self;

    fn submit<F, T>(&self, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (job, future) = Future::of_job(job);
        let mut queue = self.shared.queue.lock().unwrap();
        queue.jobs.push(job);
        queue.submitted += 1;
        self.shared.changed.notify_all();
        future
    }

    fn submit_after<F, T>(&self, _: Duration, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit(job)
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn workers(&self) -> usize {
        self.workers
    }

    fn handle(&self) -> Self {
        self.clone()
    }
}
