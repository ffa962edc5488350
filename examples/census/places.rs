//! Where files are parsed: one of five executors, chosen when the program runs.

use std::error::Error;

use executor::extend::cell::Run;
use executor::{BuildError, Executor, Future, Job, Pool, PortableJob, ProcessPool, Rejected, Shutdown, ThreadPool};

use crate::console::Console;
use crate::options::{Options, With};

/// A process's main thread has 8 MiB by default. With less, threads would overflow on files that processes parse.
const STACK: usize = 8 * 1024 * 1024;

/// Where files are parsed.
pub(crate) struct Parsers<J: Job> {
    pub(crate) executor: Box<dyn Executor<J>>,
    /// The same, if it can be recorded.
    pub(crate) pool: Option<Box<dyn Pool>>,
}

/// The executor that runs `workers` jobs at once `with` what it says. It can be recorded if it `measures`.
pub(crate) fn parsers<J: PortableJob>(options: &Options, console: &Console) -> Result<Parsers<J>, Box<dyn Error>> {
    let (workers, measures) = (options.workers, options.timeline.is_some());
    Ok(match options.with {
        With::Processes => {
            let processes = ProcessPool::builder().processes(workers).threads_per_process(1).name("parse");
            let pool = processes.measure(measures).build()?;
            let handle = Box::new(pool.handle());
            Parsers { executor: Box::new(pool), pool: Some(handle) }
        }
        With::Threads => {
            let threads = ThreadPool::builder().threads(workers).stack_size(STACK).name("parse");
            let pool = threads.measure(measures).build()?;
            let handle = Box::new(pool.handle());
            Parsers { executor: Box::new(pool), pool: Some(handle) }
        }
        With::Rayon => Parsers { executor: Box::new(Rayon::new(workers)?), pool: None },
        With::None => Parsers { executor: Box::new(InPlace), pool: None },
        With::Nats => Parsers { executor: hosts(options, console)?, pool: None },
    })
}

#[cfg(feature = "nats")]
fn hosts<J: PortableJob>(options: &Options, console: &Console) -> Result<Box<dyn Executor<J>>, Box<dyn Error>> {
    Ok(Box::new(crate::hosts::Hosts::start(options, &options.nats, console)?))
}

#[cfg(not(feature = "nats"))]
fn hosts<J: PortableJob>(options: &Options, _: &Console) -> Result<Box<dyn Executor<J>>, Box<dyn Error>> {
    Err(no_nats(&options.nats, options.workers))
}

/// This program was built without the crate that reaches hosts.
#[cfg(not(feature = "nats"))]
pub(crate) fn no_nats(_: &crate::options::Nats, _: usize) -> Box<dyn Error> {
    "census: `--with nats` needs the feature `nats`: cargo run --release -p census --features nats --example census"
        .into()
}

/// The calling thread.
struct InPlace;

impl<J: Job> Executor<J> for InPlace {
    fn submit(&self, job: J) -> Future<J::Output> {
        // The cell keeps a panic in the job, and makes it the outcome.
        let (cell, future) = Future::of_job(job);
        cell.run();
        future
    }

    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        Ok(self.submit(job))
    }
}

impl Shutdown for InPlace {
    /// Every job has ended where it was submitted.
    fn shutdown(&self, _wait: bool) {}
}

/// Rayon's threads.
struct Rayon(rayon::ThreadPool);

impl Rayon {
    fn new(workers: usize) -> Result<Self, BuildError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).stack_size(STACK).build();
        pool.map(Self).map_err(|error| BuildError::host("rayon", error.to_string()))
    }
}

impl<J: Job> Executor<J> for Rayon {
    fn submit(&self, job: J) -> Future<J::Output> {
        let (cell, future) = Future::of_job(job);
        self.0.spawn(move || {
            cell.run();
        });
        future
    }

    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        Ok(self.submit(job))
    }
}

impl Shutdown for Rayon {
    /// Rayon's pool ends with its last job, once it is dropped. Here every outcome was awaited before.
    fn shutdown(&self, _wait: bool) {}
}
