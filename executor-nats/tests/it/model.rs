//! The executor beside the model of shutdown, in courses of events that are drawn at random. Its host runs the jobs in processes: those can be
//! stopped as the model says.

use std::thread;
use std::time::{Duration, Instant};

use executor::{Executor, Future, ProcessPool, Rejected, Shutdown};
use executor_nats::NatsHandle;
use executor_testkit::model::{Ability, Shape, Task};
use executor_testkit::{check_shutdown, subject_of_pool};

use crate::support::served::{Served, unique};

subject_of_pool!(Served<ProcessPool>, |this| this.executor, |handle| Handle(handle));

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

subject_of_pool!(Handle, |this| this.0, |handle| Handle(handle));

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

/// Makes each job so long that the host claims none ahead of its worker: all tasks are one function to it, and a claimed job counts as one
/// that runs.
fn at_least(time: &Duration, run: &mut dyn FnMut()) {
    let end = Instant::now() + *time;
    run();
    while let Some(rest) = end.checked_duration_since(Instant::now()) {
        thread::park_timeout(rest);
    }
}

fn served(workers: usize) -> Served<ProcessPool> {
    let pool = ProcessPool::builder().processes(workers).wrap_jobs(|| Duration::from_millis(2), at_least).build();
    Served::new(pool.expect("a pool of processes"), unique("model"))
}

#[test]
fn one_worker_beside_the_model() {
    check_shutdown!(shape(1), || served(1), |check| check.cases(16).seed(seed()));
}

#[test]
fn two_workers_beside_the_model() {
    check_shutdown!(shape(2), || served(2), |check| check.cases(16).seed(seed()));
}
