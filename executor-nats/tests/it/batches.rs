//! Short jobs that are sent together: each ends by itself, as if it had been sent alone.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use executor::{Exit, Future, JobError, JobOptions, Status, call, current};
use executor_nats::{Namespace, NatsExecutor};
use serde_json::json;

use crate::support::barrier::Barrier;
use crate::support::hosts::{
    Host, LONG_LEASE, SHORT_LEASE, Signals, host, is_host, results, square, start_host, wait_for_workers,
    wait_until_told,
};
use crate::support::monitor::stored;
use crate::support::raw::Raw;
use crate::support::servers::Server;
use crate::support::wait_for;

/// More than one batch has.
const JOBS: u32 = 100;

/// A namespace with one host.
struct Batches {
    executor: NatsExecutor,
    first: Host,
    namespace: Namespace,
    server: Server,
}

impl Batches {
    fn new(workers: usize) -> Self {
        let (server, namespace) = (Server::start(), Namespace::new("batches").lease(LONG_LEASE));
        let first = host(server.url(), &namespace, workers);
        let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
        wait_for_workers(&executor, workers);
        Self { executor, first, namespace, server }
    }

    /// Submits jobs while the only worker waits at `barrier`, until they wait as batches. `block` submits a job that waits there, and `job`
    /// a short one.
    fn behind<T: Send + 'static>(
        &self,
        barrier: &Barrier,
        block: impl Fn() -> Future<()>,
        job: impl Fn(u32) -> Future<T>,
    ) -> Vec<Future<T>> {
        wait_for("jobs wait as batches", || {
            barrier.close();
            let blocker = block();
            barrier.until_jobs_wait(1);
            let futures: Vec<_> = (0..JOBS).map(&job).collect();
            self.executor.flush();
            let messages = stored(self.server.monitor(), "executor_batches_jobs").expect("the stream is there");
            if messages < u64::from(JOBS / 2) {
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

fn ended<T: Send + 'static>(futures: Vec<Future<T>>) -> Vec<Result<T, JobError>> {
    futures.into_iter().map(Future::result).collect()
}

#[test]
fn job_of_a_waiting_batch_is_cancelled() {
    static BARRIER: Barrier = Barrier::new();
    static RAN: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    fn block() {
        BARRIER.wait();
    }
    fn note(number: u32) -> u32 {
        RAN.lock().unwrap().push(number);
        number
    }

    let batches = Batches::new(1);
    let executor = &batches.executor;
    let submit = |number: u32| executor.submit(call!(note(number)));
    let futures = batches.behind(&BARRIER, || executor.submit(call!(block())), submit);
    RAN.lock().unwrap().clear();
    assert!(futures[7].cancel() && futures[8].abort() && futures[90].cancel());
    assert!([7, 8, 90].iter().all(|&number: &usize| futures[number].status() == Status::Cancelled));
    assert!(futures[9].status() == Status::Queued);
    BARRIER.open();
    let expected: Vec<_> = (0..JOBS).filter(|number| ![7, 8, 90].contains(number)).collect();
    let outcomes = ended(futures);
    assert_eq!(outcomes.iter().flatten().copied().collect::<Vec<_>>(), expected);
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().err().is_none_or(JobError::is_cancelled)));
    assert_eq!(*RAN.lock().unwrap(), expected, "in order, and no other");
}

#[test]
fn waiting_batch_is_cancelled_as_a_whole() {
    static BARRIER: Barrier = Barrier::new();
    static RAN: AtomicUsize = AtomicUsize::new(0);
    fn block() {
        BARRIER.wait();
    }
    fn count() {
        RAN.fetch_add(1, Ordering::Relaxed);
    }

    let batches = Batches::new(1);
    let executor = &batches.executor;
    let futures = batches.behind(&BARRIER, || executor.submit(call!(block())), |_| executor.submit(call!(count())));
    let before = RAN.load(Ordering::Relaxed);
    thread::scope(|scope| {
        let cancel = |future| scope.spawn(move || Future::cancel(future));
        let cancels: Vec<_> = futures.iter().map(cancel).collect();
        assert!(cancels.into_iter().all(|cancel| cancel.join().unwrap()));
    });
    // The host has those that it has asked for until it looks at them.
    BARRIER.open();
    wait_for("the messages are gone", || {
        (stored(batches.server.monitor(), "executor_batches_jobs") == Some(0)).then_some(())
    });
    assert_eq!(RAN.load(Ordering::Relaxed), before);
}

#[test]
fn late_job_of_a_waiting_batch_times_out() {
    static BARRIER: Barrier = Barrier::new();
    fn block() {
        BARRIER.wait();
    }
    fn same(number: u32) -> u32 {
        number
    }

    let batches = Batches::new(1);
    let executor = &batches.executor;
    let limited = executor.with(JobOptions::new().start_by(Duration::from_secs(3)));
    let submit = |number| match number {
        50.. => executor.submit(call!(same(number))),
        _ => limited.submit(call!(same(number))),
    };
    let mut futures = batches.behind(&BARRIER, || executor.submit(call!(block())), submit);
    let others = futures.split_off(50);
    for late in ended(futures) {
        assert!(matches!(late, Err(JobError::TimedOut(_))), "{late:?}");
    }
    BARRIER.open();
    assert_eq!(results(others), (50..JOBS).collect::<Vec<_>>());
}

/// The number of the long job.
const LONG: usize = 10;

#[test]
fn long_job_holds_up_no_other_of_its_batch() {
    static BARRIER: Barrier = Barrier::new();
    static LONG_BARRIER: Barrier = Barrier::new();
    static RAN: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    fn block() {
        BARRIER.wait();
    }
    fn uneven(number: u32) -> u32 {
        if number as usize == LONG {
            LONG_BARRIER.wait();
        }
        RAN.lock().unwrap().push(number);
        number
    }

    LONG_BARRIER.open();
    let batches = Batches::new(1);
    let executor = &batches.executor;
    let submit = |number: u32| executor.submit(call!(uneven(number)));
    let mut futures = batches.behind(&BARRIER, || executor.submit(call!(block())), submit);
    RAN.lock().unwrap().clear();
    LONG_BARRIER.close();
    BARRIER.open();
    LONG_BARRIER.until_jobs_wait(1);
    let after = futures.split_off(LONG + 1);
    let long = futures.pop().unwrap();
    assert_eq!(results(futures), (0..10).collect::<Vec<_>>(), "they have ended");
    let _second = host(batches.server.url(), &batches.namespace, 1);
    assert_eq!(results(after), (11..JOBS).collect::<Vec<_>>(), "they run on the other host");
    assert!(!long.is_done());
    LONG_BARRIER.open();
    assert_eq!(long.result().unwrap(), 10);
    let mut ran = RAN.lock().unwrap().clone();
    ran.sort_unstable();
    assert_eq!(ran, (0..JOBS).collect::<Vec<_>>(), "each once");
    drop(batches.first);
}

#[test]
fn job_of_a_claimed_batch_is_cancelled_before_its_start() {
    static BARRIER: Barrier = Barrier::new();
    static LONG_BARRIER: Barrier = Barrier::new();
    static RAN: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    fn block() {
        BARRIER.wait();
    }
    fn uneven(number: u32) -> u32 {
        RAN.lock().unwrap().push(number);
        if number as usize == LONG {
            LONG_BARRIER.wait();
        }
        number
    }

    LONG_BARRIER.open();
    let batches = Batches::new(1);
    let executor = &batches.executor;
    let submit = |number: u32| executor.submit(call!(uneven(number)));
    let futures = batches.behind(&BARRIER, || executor.submit(call!(block())), submit);
    RAN.lock().unwrap().clear();
    LONG_BARRIER.close();
    BARRIER.open();
    LONG_BARRIER.until_jobs_wait(1);
    assert!(!futures[LONG].cancel(), "it runs");
    assert!(futures[LONG + 1].cancel() && futures[LONG + 2].cancel() && futures[LONG + 3].cancel());
    assert!(futures[LONG - 1].is_done() || !futures[LONG - 1].cancel());
    LONG_BARRIER.open();
    let outcomes = ended(futures);
    let expected: Vec<_> = (0..JOBS).filter(|number| !(11..=13).contains(number)).collect();
    assert_eq!(outcomes.iter().flatten().copied().collect::<Vec<_>>(), expected);
    assert_eq!(*RAN.lock().unwrap(), expected, "in order, and no other");
}

#[test]
fn running_job_of_a_batch_is_aborted() {
    static BARRIER: Barrier = Barrier::new();
    static IS_LONG: AtomicUsize = AtomicUsize::new(0);
    fn block() {
        BARRIER.wait();
    }
    fn uneven(number: u32) -> u32 {
        if number as usize == LONG && IS_LONG.load(Ordering::Relaxed) == 1 {
            IS_LONG.store(2, Ordering::Relaxed);
            while !current::stop_requested() {
                thread::yield_now();
            }
        }
        number
    }

    let batches = Batches::new(1);
    let executor = &batches.executor;
    let submit = |number: u32| executor.submit(call!(uneven(number)));
    let futures = batches.behind(&BARRIER, || executor.submit(call!(block())), submit);
    IS_LONG.store(1, Ordering::Relaxed);
    BARRIER.open();
    wait_for("the job runs", || (IS_LONG.load(Ordering::Relaxed) == 2).then_some(()));
    assert!(futures[LONG].abort());
    let outcomes = ended(futures);
    assert!(outcomes[LONG].as_ref().is_err_and(JobError::is_cancelled));
    let expected: Vec<_> = (0..JOBS).filter(|&number| number as usize != LONG).collect();
    assert_eq!(outcomes.iter().flatten().copied().collect::<Vec<_>>(), expected);
}

#[test]
fn overwritten_record_ends_the_jobs_of_its_batch() {
    static BARRIER: Barrier = Barrier::new();
    static LONG_BARRIER: Barrier = Barrier::new();
    fn block() {
        BARRIER.wait();
    }
    fn uneven(number: u32) -> u32 {
        if number as usize == LONG {
            LONG_BARRIER.wait();
        }
        number
    }

    LONG_BARRIER.open();
    let batches = Batches::new(1);
    let executor = &batches.executor;
    let submit = |number: u32| executor.submit(call!(uneven(number)));
    let mut futures = batches.behind(&BARRIER, || executor.submit(call!(block())), submit);
    LONG_BARRIER.close();
    BARRIER.open();
    LONG_BARRIER.until_jobs_wait(1);
    let long = futures.remove(LONG);
    assert_eq!(results(futures.drain(..LONG).collect()), (0..10).collect::<Vec<_>>());
    // All records of batches and single jobs that there are.
    let mut raw = Raw::connect(batches.server.address()).unwrap();
    let request = json!({ "subjects_filter": ">" });
    let info = raw.api("STREAM.INFO.executor_batches_ledger", &request).unwrap();
    for subject in info["state"]["subjects"].as_object().unwrap().keys() {
        raw.publish(subject, b"damaged").unwrap();
    }
    assert!(matches!(long.result(), Err(JobError::Broken(_))));
    LONG_BARRIER.open();
    for (number, outcome) in (11..).zip(ended(futures)) {
        assert!(matches!(outcome, Err(JobError::Broken(_))) || outcome.unwrap() == number);
    }
    assert_eq!(executor.submit(call!(square(7))).result().unwrap(), 49);
}

fn square_or_wait(number: u64, directory: Option<PathBuf>) -> u64 {
    if let Some(directory) = directory {
        wait_until_told(directory);
    }
    square(number)
}

#[test]
fn claimed_batch_of_a_killed_host_is_lost() {
    if is_host() {
        return;
    }
    let (server, signals) = (Server::start(), Signals::new());
    let namespace = Namespace::new("killed").lease(SHORT_LEASE);
    let executor = NatsExecutor::connect(server.url(), namespace).unwrap();
    let start = || start_host(claimed_batch_of_a_killed_host_is_lost, &server.url(), "killed", SHORT_LEASE);
    let mut host = start();
    let submit = |number: u64, directory: Option<PathBuf>| executor.submit(call!(square_or_wait(number, directory)));
    for _ in 0..5 {
        drop(results((0..100).map(|number| submit(number, None)).collect()));
    }
    let futures: Vec<_> = (0..40).map(|number| submit(number, (number == 20).then(|| signals.path()))).collect();
    signals.wait_until_begun(1);
    host.kill();
    let _next = start();
    for (number, outcome) in (0..).zip(ended(futures)) {
        match outcome {
            Ok(square) => assert!(square == number * number && number != 20),
            Err(JobError::Crashed(crashed)) => assert_eq!(crashed.exit(), Exit::Lost),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(signals.begun(), 1, "at most once");
    assert_eq!(submit(8, None).result().unwrap(), 64);
}
