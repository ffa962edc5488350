//! Many jobs on three servers and four workers, while workers, leaders and the network fail.

use std::env;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use executor::{Exit, Future, JobError, JobOptions, call};
use executor_nats::{Namespace, NatsExecutor};

use crate::support::cluster::{Cluster, Network};
use crate::support::hosts::{Signals, connect, is_host, start_host_with};
use crate::support::programs::Program;
use crate::support::servers::Options;

/// How many jobs run. Default: 600.
const JOBS: &str = "EXECUTOR_NATS_CHAOS_JOBS";

const NAME: &str = "chaos";
const LEASE: Duration = Duration::from_secs(3);
const WORKERS: usize = 4;

/// Runs for a moment.
fn work(number: u64) -> u64 {
    thread::park_timeout(Duration::from_millis(5));
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Fails if it runs a second time.
fn work_once(number: u64, directory: PathBuf) -> u64 {
    std::fs::File::create_new(directory.join(number.to_string())).expect("it runs for the first time");
    work(number)
}

/// The workers, each a process.
struct Workers {
    url: String,
    all: Vec<Program>,
    next: usize,
}

impl Workers {
    fn start(url: String) -> Self {
        let all = (0..WORKERS).map(|_| Self::one(&url)).collect();
        Self { url, all, next: 0 }
    }

    fn one(url: &str) -> Program {
        start_host_with(jobs_have_one_outcome_each_while_all_fails, url, NAME, LEASE, 3, 1)
    }

    /// Kills a worker, and starts another one.
    fn replace_one(&mut self) {
        self.all[self.next].kill();
        self.all[self.next] = Self::one(&self.url);
        self.next = (self.next + 1) % WORKERS;
    }
}

/// Jobs that may run again, and others.
struct Batch {
    again: Vec<(u64, Future<u64>)>,
    once: Vec<(u64, Future<u64>)>,
}

impl Batch {
    fn submit(executor: &NatsExecutor, numbers: impl Iterator<Item = u64>, directory: &Signals) -> Self {
        let (mut again, mut once) = (Vec::new(), Vec::new());
        for number in numbers {
            if number % 2 == 0 {
                let executor = executor.with(JobOptions::new().retry(1000));
                again.push((number, executor.submit(call!(work(number)))));
            } else {
                let executor = executor.with(JobOptions::new().retry(0));
                once.push((number, executor.submit(call!(work_once(number, directory.path())))));
            }
        }
        Self { again, once }
    }

    /// Waits until some of the jobs have ended.
    fn wait_for_some(&self) {
        self.again[self.again.len() / 4].1.wait();
    }

    /// Returns how many jobs were lost.
    fn check(self) -> u64 {
        for (number, future) in self.again {
            assert_eq!(future.result().unwrap_or_else(|error| panic!("{number}: {error}")), work(number));
        }
        let mut lost = 0;
        for (number, future) in self.once {
            match future.result() {
                Ok(result) => assert_eq!(result, work(number)),
                Err(JobError::Crashed(crashed)) if crashed.exit() == Exit::Lost => lost += 1,
                Err(error) => panic!("{number}: {error}"),
            }
        }
        lost
    }
}

#[test]
fn jobs_have_one_outcome_each_while_all_fails() {
    if is_host() {
        return;
    }
    let jobs: u64 = env::var(JOBS).map_or(600, |jobs| jobs.parse().expect("a number"));
    let options = Options::default().jetstream("sync_interval: always");
    let mut cluster = Cluster::start_in(Network::namespaces(3), 3, &options);
    let namespace = Namespace::new(NAME).replicas(3).lease(LEASE);
    let executor = connect(&cluster.url(), &namespace);
    let directory = Signals::new();
    let mut workers = Workers::start(cluster.url());
    let faults = ["worker", "leader of the ledger", "worker", "partition", "leader of the jobs", "worker and leader"];
    let mut batches = Vec::new();
    for (round, fault) in (0..).zip(faults) {
        let count = faults.len() as u64;
        let batch = Batch::submit(&executor, jobs * round / count..jobs * (round + 1) / count, &directory);
        batch.wait_for_some();
        let stream = if fault == "leader of the jobs" { "executor_chaos_jobs" } else { "executor_chaos_ledger" };
        let leader = cluster.leader(stream);
        if fault.contains("worker") {
            workers.replace_one();
        }
        if fault.contains("leader") {
            cluster.kill(leader);
        }
        if fault == "partition" {
            cluster.isolate(leader);
        }
        // The jobs of this round go on without it.
        for (_, future) in &batch.again {
            future.wait();
        }
        if fault.contains("leader") {
            cluster.restart(leader);
        }
        if fault == "partition" {
            cluster.rejoin(leader);
        }
        cluster.wait_until_ready();
        cluster.wait_until_current("executor_chaos_ledger");
        cluster.wait_until_current("executor_chaos_jobs");
        batches.push(batch);
    }
    let lost: u64 = batches.into_iter().map(Batch::check).sum();
    // A worker runs one job, and holds no other that has started.
    assert!(lost <= 3 * 2, "{lost} jobs are lost");
    let stats = executor.handle().stats();
    assert_eq!((stats.completed, stats.crashed), (jobs - lost, lost), "each has one outcome");
    assert_eq!((stats.queued, stats.running), (0, 0));
}
