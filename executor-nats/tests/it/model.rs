//! The executor beside the model of shutdown, in courses of events that are drawn at random. Its host runs the jobs in processes: those can be
//! stopped as the model says.

use std::sync::Arc;
use std::time::Duration;

use executor::{Executor, Future, ProcessPool, Rejected, Shutdown, ShutdownPolicy, ShutdownReport, Stats};
use executor_nats::NatsHandle;
use executor_testkit::check_shutdown;
use executor_testkit::model::{Ability, Shape, Subject, Task};

use crate::support::served::{Served, processes, unique};

impl Subject for Served<ProcessPool> {
    fn submit_after(&self, delay: Duration, job: Task) -> Future<u64> {
        self.executor.submit_after(delay, job)
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
        Arc::new(Handle(self.executor.handle()))
    }
}

struct Handle(NatsHandle);

impl Shutdown for Handle {
    fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait);
    }
}

impl Executor<Task> for Handle {
    fn submit(&self, job: Task) -> Future<u64> {
        self.0.submit(job)
    }

    fn try_submit(&self, job: Task) -> Result<Future<u64>, Rejected<Task>> {
        self.0.try_submit(job)
    }
}

impl Subject for Handle {
    fn submit_after(&self, delay: Duration, job: Task) -> Future<u64> {
        self.0.submit_after(delay, job)
    }

    fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        self.0.shutdown_with(policy)
    }

    fn wait_idle(&self) {
        self.0.wait_idle();
    }

    fn stats(&self) -> Stats {
        self.0.stats()
    }

    fn handle(&self) -> Arc<dyn Subject> {
        Arc::new(Self(self.0.handle()))
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

fn served(workers: usize) -> Served<ProcessPool> {
    Served::new(processes(workers), unique("model"))
}

#[test]
fn one_worker_beside_the_model() {
    check_shutdown!(shape(1), || served(1), |check| check.cases(16).seed(seed()));
}

#[test]
fn two_workers_beside_the_model() {
    check_shutdown!(shape(2), || served(2), |check| check.cases(16).seed(seed()));
}
