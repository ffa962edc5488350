//! The executor beside the model of shutdown, in courses of events that are drawn at random. Its host runs the jobs in processes: those can be
//! stopped as the model says.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use executor::{Executor, Future, Job, ProcessPool, Rejected, Shutdown, ShutdownPolicy, ShutdownReport, Stats, call};
use executor_nats::NatsHandle;
use executor_testkit::check_shutdown;
use executor_testkit::model::{Ability, Shape, Subject, Task};

use crate::support::served::{Served, processes, unique};

/// More than a host claims ahead of its workers.
const LONG: Duration = Duration::from_millis(2);

/// Makes each job so long that the host claims none ahead of its worker: all tasks are one function to it, and a claimed job counts as one
/// that runs.
fn run_long(task: Task) -> u64 {
    let end = Instant::now() + LONG;
    let result = task.run();
    while let Some(rest) = end.checked_duration_since(Instant::now()) {
        thread::park_timeout(rest);
    }
    result
}

/// The executor, and its host, which a handle has not.
struct Beside {
    executor: NatsHandle,
    _host: Option<Served<ProcessPool>>,
}

impl Shutdown for Beside {
    fn shutdown(&self, wait: bool) {
        self.executor.shutdown(wait);
    }
}

impl Executor<Task> for Beside {
    fn submit(&self, job: Task) -> Future<u64> {
        self.executor.submit(call!(run_long(job)))
    }

    fn try_submit(&self, job: Task) -> Result<Future<u64>, Rejected<Task>> {
        let accepted = self.executor.try_submit(call!(run_long(job.clone())));
        accepted.map_err(|rejected| Rejected::with_error(job, rejected.error().clone()))
    }
}

impl Subject for Beside {
    fn submit_after(&self, delay: Duration, job: Task) -> Future<u64> {
        self.executor.submit_after(delay, call!(run_long(job)))
    }

    fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        self.executor.shutdown_with(policy)
    }

    fn wait_idle(&self) {
        self.executor.wait_idle();
    }

    fn stats(&self) -> Stats {
        self.executor.stats()
    }

    fn handle(&self) -> Arc<dyn Subject> {
        Arc::new(Self { executor: self.executor.clone(), _host: None })
    }
}

/// The seed of the scripts: the same in each run, so that a change is judged by its effect, unless `EXECUTOR_MODEL_SEED` is set.
fn seed() -> u64 {
    let said = std::env::var("EXECUTOR_MODEL_SEED").ok();
    said.map_or(1127, |seed| seed.parse().expect("EXECUTOR_MODEL_SEED is a number"))
}

/// As for a pool of processes: without races, unless `EXECUTOR_MODEL_SEED` asks for new scripts.
fn shape(workers: usize) -> Shape {
    let shape = Shape::processes(workers);
    if std::env::var_os("EXECUTOR_MODEL_SEED").is_some() { shape } else { shape.without(Ability::Race) }
}

fn served(workers: usize) -> Beside {
    let host = Served::new(processes(workers), unique("model"));
    Beside { executor: host.executor.handle(), _host: Some(host) }
}

#[test]
fn one_worker_beside_the_model() {
    check_shutdown!(shape(1), || served(1), |check| check.cases(16).seed(seed()));
}

#[test]
fn two_workers_beside_the_model() {
    check_shutdown!(shape(2), || served(2), |check| check.cases(16).seed(seed()));
}
