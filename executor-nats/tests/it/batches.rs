//! Short jobs that are sent together: each ends by itself, as if it had been sent alone.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
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

/// The number of the long job.
const LONG: u32 = 10;

/// Where the jobs of a test wait, and which of them have run.
struct Scene {
    /// For the only worker, until the jobs of the test are submitted.
    first: Barrier,
    /// For the long job.
    long: Barrier,
    ran: Mutex<Vec<u32>>,
}

/// By their numbers, which the jobs are given.
static SCENES: Mutex<Vec<Arc<Scene>>> = Mutex::new(Vec::new());

fn scene(number: usize) -> Arc<Scene> {
    SCENES.lock().unwrap()[number].clone()
}

fn block(number: usize) {
    scene(number).first.wait();
}

fn run(scene_number: usize, number: u32) -> u32 {
    let scene = scene(scene_number);
    scene.ran.lock().unwrap().push(number);
    if number == LONG {
        scene.long.wait();
    }
    number
}

/// A namespace with one host of one worker.
struct Batches {
    number: usize,
    scene: Arc<Scene>,
    executor: NatsExecutor,
    _first: Host,
    namespace: Namespace,
    server: Server,
}

impl Batches {
    fn new() -> Self {
        let scene = Arc::new(Scene { first: Barrier::new(), long: Barrier::new(), ran: Mutex::default() });
        scene.long.open();
        let mut scenes = SCENES.lock().unwrap();
        let number = scenes.len();
        scenes.push(scene.clone());
        drop(scenes);
        let (server, namespace) = (Server::start(), Namespace::new("batches").lease(LONG_LEASE));
        let first = host(server.url(), &namespace, 1);
        let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
        wait_for_workers(&executor, 1);
        Self { number, scene, executor, _first: first, namespace, server }
    }

    fn submit(&self, number: u32) -> Future<u32> {
        self.executor.submit(call!(run(self.number, number)))
    }

    fn messages(&self) -> u64 {
        wait_for("the monitor answers", || stored(self.server.monitor(), "executor_batches_jobs"))
    }

    /// Submits jobs while the only worker waits, until they wait as batches. None of them has run then.
    fn waiting(&self) -> Vec<Future<u32>> {
        self.waiting_by(|number| self.submit(number))
    }

    /// Like [`waiting`](Self::waiting), with a function that submits a job.
    fn waiting_by(&self, submit: impl Fn(u32) -> Future<u32>) -> Vec<Future<u32>> {
        let futures = wait_for("jobs wait as batches", || {
            self.scene.first.close();
            let blocker = self.executor.submit(call!(block(self.number)));
            self.scene.first.until_jobs_wait(1);
            let futures: Vec<_> = (0..JOBS).map(&submit).collect();
            self.executor.flush();
            if self.messages() < u64::from(JOBS / 2) {
                return Some(futures);
            }
            // No job has run yet, or the system has stopped one, so that it looked like a long one.
            self.scene.first.open();
            blocker.result().unwrap();
            drop(ended(futures));
            None
        });
        self.scene.ran.lock().unwrap().clear();
        futures
    }

    /// Like [`waiting`](Self::waiting), and lets the jobs run until the long one does, which waits.
    fn at_the_long_one(&self) -> Vec<Future<u32>> {
        let futures = self.waiting();
        self.scene.long.close();
        self.scene.first.open();
        self.scene.long.until_jobs_wait(1);
        futures
    }

    fn ran(&self) -> Vec<u32> {
        self.scene.ran.lock().unwrap().clone()
    }
}

/// A test that fails leaves no job waiting.
impl Drop for Batches {
    fn drop(&mut self) {
        self.scene.first.open();
        self.scene.long.open();
    }
}

fn ended<T: Send + 'static>(futures: Vec<Future<T>>) -> Vec<Result<T, JobError>> {
    futures.into_iter().map(Future::result).collect()
}

/// The numbers of all jobs but these.
fn all_but(others: &[u32]) -> Vec<u32> {
    (0..JOBS).filter(|number| !others.contains(number)).collect()
}

fn results_of(outcomes: &[Result<u32, JobError>]) -> Vec<u32> {
    outcomes.iter().flatten().copied().collect()
}

#[test]
fn job_of_a_waiting_batch_is_cancelled() {
    let batches = Batches::new();
    let futures = batches.waiting();
    assert!(futures[7].cancel() && futures[8].abort() && futures[90].cancel());
    assert!([7, 8, 90].iter().all(|&number: &usize| futures[number].status() == Status::Cancelled));
    assert!(futures[9].status() == Status::Queued);
    batches.scene.first.open();
    let (outcomes, expected) = (ended(futures), all_but(&[7, 8, 90]));
    assert_eq!(results_of(&outcomes), expected);
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().err().is_none_or(JobError::is_cancelled)));
    assert_eq!(batches.ran(), expected, "in order, and no other");
}

#[test]
fn waiting_batch_is_cancelled_as_a_whole() {
    let batches = Batches::new();
    let futures = batches.waiting();
    thread::scope(|scope| {
        let cancel = |future| scope.spawn(move || Future::cancel(future));
        let cancels: Vec<_> = futures.iter().map(cancel).collect();
        assert!(cancels.into_iter().all(|cancel| cancel.join().unwrap()));
    });
    // All but that of the job that runs.
    wait_for("the messages are gone", || (batches.messages() <= 1).then_some(()));
    batches.scene.first.open();
    wait_for("all messages are gone", || (batches.messages() == 0).then_some(()));
    assert!(batches.ran().is_empty());
}

#[test]
fn late_job_of_a_waiting_batch_times_out() {
    let batches = Batches::new();
    let limited = batches.executor.with(JobOptions::new().start_by(Duration::from_secs(3)));
    let mut futures = batches.waiting_by(|number| match number {
        50.. => batches.submit(number),
        _ => limited.submit(call!(run(batches.number, number))),
    });
    let others = futures.split_off(50);
    for late in ended(futures) {
        assert!(matches!(late, Err(JobError::TimedOut(_))), "{late:?}");
    }
    batches.scene.first.open();
    assert_eq!(results(others), (50..JOBS).collect::<Vec<_>>());
    assert_eq!(batches.ran(), (50..JOBS).collect::<Vec<_>>(), "no late one");
}

#[test]
fn long_job_holds_up_no_other_of_its_batch() {
    let batches = Batches::new();
    let mut futures = batches.at_the_long_one();
    let after = futures.split_off(LONG as usize + 1);
    let long = futures.pop().unwrap();
    assert_eq!(results(futures), (0..LONG).collect::<Vec<_>>(), "they have ended");
    let _second = host(batches.server.url(), &batches.namespace, 1);
    assert_eq!(results(after), (LONG + 1..JOBS).collect::<Vec<_>>(), "they run on the other host");
    assert!(!long.is_done());
    batches.scene.long.open();
    assert_eq!(long.result().unwrap(), LONG);
    let mut ran = batches.ran();
    ran.sort_unstable();
    assert_eq!(ran, all_but(&[]), "each once");
}

#[test]
fn job_of_a_claimed_batch_is_cancelled_before_its_start() {
    let batches = Batches::new();
    let futures = batches.at_the_long_one();
    assert!(!futures[10].cancel(), "it runs");
    assert!(futures[11].cancel() && futures[12].cancel() && futures[13].cancel());
    assert!(futures[9].is_done() || !futures[9].cancel());
    batches.scene.long.open();
    let expected = all_but(&[11, 12, 13]);
    assert_eq!(results_of(&ended(futures)), expected);
    assert_eq!(batches.ran(), expected, "in order, and no other");
}

#[test]
fn running_job_of_a_batch_is_aborted() {
    static IS_LONG: AtomicUsize = AtomicUsize::new(0);
    fn uneven(number: u32) -> u32 {
        if number == LONG && IS_LONG.load(Ordering::Relaxed) == 1 {
            IS_LONG.store(2, Ordering::Relaxed);
            while !current::stop_requested() {
                thread::yield_now();
            }
        }
        number
    }

    let batches = Batches::new();
    let futures = batches.waiting_by(|number| batches.executor.submit(call!(uneven(number))));
    IS_LONG.store(1, Ordering::Relaxed);
    batches.scene.first.open();
    wait_for("the job runs", || (IS_LONG.load(Ordering::Relaxed) == 2).then_some(()));
    assert!(futures[LONG as usize].abort());
    let outcomes = ended(futures);
    assert!(outcomes[LONG as usize].as_ref().is_err_and(JobError::is_cancelled));
    assert_eq!(results_of(&outcomes), all_but(&[LONG]));
}

#[test]
fn overwritten_record_ends_the_jobs_of_its_batch() {
    let batches = Batches::new();
    let mut futures = batches.at_the_long_one();
    let after = futures.split_off(LONG as usize + 1);
    let long = futures.pop().unwrap();
    assert_eq!(results(futures), (0..LONG).collect::<Vec<_>>());
    // All records of batches and single jobs that there are.
    let mut raw = Raw::connect(batches.server.address()).unwrap();
    let request = json!({ "subjects_filter": ">" });
    let info = raw.api("STREAM.INFO.executor_batches_ledger", &request).unwrap();
    for subject in info["state"]["subjects"].as_object().unwrap().keys() {
        raw.publish(subject, b"damaged").unwrap();
    }
    assert!(matches!(long.result(), Err(JobError::Broken(_))));
    batches.scene.long.open();
    for (number, outcome) in (LONG + 1..).zip(ended(after)) {
        assert!(matches!(outcome, Err(JobError::Broken(_))) || outcome.unwrap() == number);
    }
    assert_eq!(batches.executor.submit(call!(square(7))).result().unwrap(), 49);
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
        // A host that a busy machine stops for longer than its lease is lost, too.
        drop(ended((0..100).map(|number| submit(number, None)).collect()));
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
    assert_eq!(wait_for("the next host serves", || submit(8, None).result().ok()), 64);
}
