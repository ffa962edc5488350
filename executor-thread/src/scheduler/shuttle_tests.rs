//! The whole scheduler, small, in thousands of orders in which its threads may run: shuttle chooses the next thread at each lock, wait and
//! atomic. A thread that waits for ever is a deadlock, which shuttle reports.
//!
//! A failure names its seed: `SHUTTLE_RANDOM_SEED=<seed>` runs that order again, first. `EXECUTOR_SCHEDULES` is how many are tried.

mod ends;
mod jobs;
mod lends;
mod runners;
mod waits;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use executor_core::cell::Run;
use executor_core::{Future, Priority, Rejection};
use shuttle::scheduler::RandomScheduler;
use shuttle::{MaxSteps, Runner as Shuttle};

use super::owned::Owned;
use super::sync::reset_clock;
use super::{Batch, Config, Hooks, Runner, Scheduler};

type Entry = Arc<dyn Run>;

/// Runs each job in place.
struct InPlace;

impl Runner for InPlace {
    type Job = Entry;

    fn run(&mut self, job: Entry, _: &mut Batch<'_, Entry>) -> bool {
        job.run()
    }
}

/// Does with a job what the test says.
struct Scripted(Arc<dyn Fn(Entry, &mut Batch<'_, Entry>) -> bool + Send + Sync>);

impl Runner for Scripted {
    type Job = Entry;

    fn run(&mut self, job: Entry, batch: &mut Batch<'_, Entry>) -> bool {
        (self.0)(job, batch)
    }
}

/// Tries many orders. In none may a thread wait for ever, or run so long.
fn check(test: impl Fn() + Send + Sync + 'static) {
    let schedules = std::env::var("EXECUTOR_SCHEDULES").ok().and_then(|n| n.parse().ok()).unwrap_or(1000);
    let mut config = shuttle::Config::new();
    config.stack_size = 1 << 18;
    config.max_steps = MaxSteps::FailAfter(100_000);
    Shuttle::new(RandomScheduler::new(schedules), config).run(move || {
        reset_clock();
        test();
    });
}

/// Workers that stay for ever, so that the clock wakes no thread that another thread should wake.
fn patient(workers: usize) -> Config {
    Config { keep_alive: Duration::MAX, ..Config::new("shuttle", workers) }
}

/// The same, and how many of their threads live.
fn counted(config: Config) -> (Config, Count) {
    let alive = Count::default();
    let (starts, stops) = (alive.clone(), alive.clone());
    let hooks = Hooks::default().on_start(move || starts.add(1)).on_stop(move || stops.add(usize::MAX));
    (Config { hooks, ..config }, alive)
}

/// The same, and how many of their threads were started.
fn starts(config: Config) -> (Config, Count) {
    let started = Count::default();
    let count = started.clone();
    (Config { hooks: Hooks::default().on_start(move || count.add(1)), ..config }, started)
}

fn in_place(config: Config) -> Owned<InPlace> {
    Owned::new(config, |_| InPlace)
}

fn scripted(
    config: Config,
    script: impl Fn(Entry, &mut Batch<'_, Entry>) -> bool + Send + Sync + 'static,
) -> Owned<Scripted> {
    let script: Arc<dyn Fn(Entry, &mut Batch<'_, Entry>) -> bool + Send + Sync> = Arc::new(script);
    Owned::new(config, move |_| Scripted(script.clone()))
}

/// A count that needs no scheduling: what happens between two steps of shuttle happens at once.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn add(&self, n: usize) {
        self.0.fetch_add(n, Ordering::SeqCst);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Queues a job that counts.
fn push<R: Runner<Job = Entry> + 'static>(to: &Scheduler<R>, count: &Count) -> Result<Future<()>, Rejection> {
    let count = count.clone();
    push_job(to, move || count.add(1))
}

fn push_job<R: Runner<Job = Entry> + 'static, T: Send + 'static>(
    to: &Scheduler<R>,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<Future<T>, Rejection> {
    let (cell, future) = Future::of_job_at(to.queue(), job);
    to.push(Priority::Normal, cell).map(|()| future).map_err(|(_, reason)| reason)
}
