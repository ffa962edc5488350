//! Batches whose record is lost, removed or forged: each of their jobs ends.

use std::fs;
use std::time::Duration;

use executor::{Future, JobError, Status, call};
use executor_nats::{Namespace, NatsExecutor};
use serde_json::{Value, json};

use crate::forged::sealed;
use crate::support::barrier::Barrier;
use crate::support::hosts::{Host, LONG_LEASE, SHORT_LEASE, host, results, square, wait_for_workers};
use crate::support::monitor::stored;
use crate::support::raw::Raw;
use crate::support::servers::Server;
use crate::support::wait_for;

/// More than one batch has.
const JOBS: u32 = 100;

/// The number of a job that waits at a barrier of its own.
const LONG: usize = 10;

/// Of each test, for the jobs that hold the worker, and for the jobs that are long.
static BARRIERS: [Barrier; 3] = [const { Barrier::new() }; 3];
static LONG_BARRIERS: [Barrier; 2] = [const { Barrier::new() }; 2];

fn block<const TEST: usize>() {
    BARRIERS[TEST].wait();
}

fn uneven<const TEST: usize>(number: u32) -> u32 {
    if number as usize == LONG {
        LONG_BARRIERS[TEST].wait();
    }
    number
}

/// A namespace with a host of one worker.
struct OneWorker {
    executor: NatsExecutor,
    _host: Host,
    server: Server,
    name: &'static str,
}

impl OneWorker {
    fn new(name: &'static str, namespace: &Namespace) -> Self {
        let server = Server::start();
        let host = host(server.url(), namespace, 1);
        let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
        wait_for_workers(&executor, 1);
        Self { executor, _host: host, server, name }
    }

    /// Submits jobs while the only worker waits at `barrier`, until they wait as batches.
    fn batches<T: Send + 'static>(
        &self,
        barrier: &Barrier,
        block: impl Fn() -> Future<()>,
        job: impl Fn(u32) -> Future<T>,
    ) -> Vec<Future<T>> {
        let jobs = format!("executor_{}_jobs", self.name);
        wait_for("jobs wait as batches", || {
            barrier.close();
            let blocker = block();
            barrier.until_jobs_wait(1);
            let futures: Vec<_> = (0..JOBS).map(&job).collect();
            self.executor.flush();
            if stored(self.server.monitor(), &jobs).expect("the stream is there") < u64::from(JOBS / 2) {
                return Some(futures);
            }
            // No job has run yet, or the system has stopped one, so that it looked like a long one.
            barrier.open();
            blocker.result().unwrap();
            drop(results(futures));
            None
        })
    }
}

/// The outcome, which comes although nothing else happens.
#[track_caller]
fn outcome<T: Send + 'static>(future: Future<T>) -> Result<T, JobError> {
    future.result_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("the job has no outcome"))
}

#[test]
fn batch_of_a_server_that_lost_its_disk_ends() {
    LONG_BARRIERS[0].open();
    let mut setup = OneWorker::new("lost_batch", &Namespace::new("lost_batch").lease(SHORT_LEASE));
    let executor = &setup.executor;
    let submit = |number: u32| executor.submit(call(uneven::<0>, (number,)));
    let futures = setup.batches(&BARRIERS[0], || executor.submit(call(block::<0>, ())), submit);
    LONG_BARRIERS[0].close();
    BARRIERS[0].open();
    LONG_BARRIERS[0].until_jobs_wait(1);
    wait_for("the submitter has seen the record", || (futures[LONG].status() == Status::Running).then_some(()));
    setup.server.kill();
    fs::remove_dir_all(setup.server.data()).unwrap();
    setup.server.restart();
    for (number, future) in (0..).zip(futures) {
        match outcome(future) {
            Ok(result) => assert!(result == number && result != 10),
            Err(JobError::Broken(broken)) => assert!(broken.to_string().contains("lost its streams"), "{broken}"),
            Err(other) => panic!("{other}"),
        }
    }
    LONG_BARRIERS[0].open();
    assert_eq!(setup.executor.submit(call!(square(4))).result().unwrap(), 16);
}

#[test]
fn job_of_a_batch_without_record_times_out() {
    LONG_BARRIERS[1].open();
    let kept = Duration::from_secs(5);
    let namespace = Namespace::new("no_record").lease(LONG_LEASE).keep_jobs(kept).keep_outcomes(kept);
    let setup = OneWorker::new("no_record", &namespace);
    let executor = &setup.executor;
    let submit = |number: u32| executor.submit(call(uneven::<1>, (number,)));
    let mut futures = setup.batches(&BARRIERS[1], || executor.submit(call(block::<1>, ())), submit);
    LONG_BARRIERS[1].close();
    BARRIERS[1].open();
    LONG_BARRIERS[1].until_jobs_wait(1);
    let long = futures.remove(LONG);
    wait_for("the submitter has seen the record", || (long.status() == Status::Running).then_some(()));
    let mut raw = Raw::connect(setup.server.address()).unwrap();
    raw.api("STREAM.PURGE.executor_no_record_ledger", &json!({})).unwrap();
    let late = outcome(long).expect_err("its time is up");
    assert!(matches!(late, JobError::TimedOut(_)), "{late}");
    LONG_BARRIERS[1].open();
    for future in futures {
        drop(outcome(future));
    }
}

/// The subjects of the messages in a stream.
fn subjects(raw: &mut Raw, stream: &str) -> Vec<String> {
    let info = raw.api(&format!("STREAM.INFO.{stream}"), &json!({ "subjects_filter": ">" })).unwrap();
    info["state"]["subjects"].as_object().unwrap().keys().cloned().collect()
}

/// A forged record of a batch, by which no job has started. It tells of more jobs than there are.
fn record_of_too_many() -> Vec<u8> {
    // The writer, the variant, the free jobs, and three empty lists.
    sealed(&[&[7, 6], &[0xff; 9][..], &[1, 0, 0, 0]].concat())
}

#[test]
fn record_of_more_jobs_than_a_batch_has_costs_no_job() {
    fn same(number: u32) -> u32 {
        number
    }

    let setup = OneWorker::new("too_many", &Namespace::new("too_many").lease(SHORT_LEASE));
    let executor = &setup.executor;
    let submit = |number: u32| executor.submit(call!(same(number)));
    let futures = setup.batches(&BARRIERS[2], || executor.submit(call(block::<2>, ())), submit);
    let mut raw = Raw::connect(setup.server.address()).unwrap();
    let (jobs, ledger) = ("executor_too_many_jobs", "executor_too_many_ledger");
    let claimed = subjects(&mut raw, ledger);
    let mut forged = 0;
    for job in subjects(&mut raw, jobs) {
        let record = job.replace(".job.normal.", ".outcome.");
        let message = raw.api(&format!("STREAM.MSG.GET.{jobs}"), &json!({ "last_by_subj": job })).unwrap();
        // Longer than a job alone.
        let is_batch = message["message"]["data"].as_str().unwrap().len() > 1000;
        if is_batch && !claimed.contains(&record) {
            let answer = raw.request(&record, &record_of_too_many()).unwrap();
            assert!(serde_json::from_slice::<Value>(&answer).unwrap()["seq"].is_u64());
            forged += 1;
        }
    }
    assert!(forged > 0);
    BARRIERS[2].open();
    for (number, future) in (0..).zip(futures) {
        assert_eq!(outcome(future).unwrap(), number);
    }
    wait_for("the messages are gone", || (stored(setup.server.monitor(), jobs) == Some(0)).then_some(()));
}
