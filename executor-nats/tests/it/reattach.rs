//! Jobs whose outcome another program takes.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use executor::{Future, JobError, JobOptions, Status, call};
use executor_nats::{NatsExecutor, ReattachError, ReattachKey};

use crate::support::programs;
use crate::support::spaces::Space;
use crate::support::wait_for;

fn double(n: u64) -> u64 {
    2 * n
}

/// Lets the jobs of one test go on.
struct Door {
    arrived: AtomicUsize,
    open: Sender<()>,
    way: Mutex<Receiver<()>>,
}

impl Door {
    fn new() -> Self {
        let (open, way) = channel();
        Self { arrived: AtomicUsize::new(0), open, way: Mutex::new(way) }
    }

    /// Waits until a job has started.
    fn wait_for_job(&self) {
        wait_for("a job has started", || (self.arrived.load(Ordering::SeqCst) > 0).then_some(()));
    }

    fn pass(&self) {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        let way = self.way.lock().expect("no panic");
        way.recv_timeout(Duration::from_secs(60)).expect("it is opened");
    }
}

#[test]
fn job_is_found_queued_running_and_ended() {
    static DOOR: LazyLock<Door> = LazyLock::new(Door::new);
    fn pass(n: u64) -> u64 {
        DOOR.pass();
        2 * n
    }
    let space = Space::new();
    let (submitter, other) = (space.executor(), space.executor());
    let (key, future) = submitter.submit_keyed(call!(pass(4))).expect("it is accepted");
    submitter.flush();
    let queued = other.reattach::<u64>(&key).expect("it is there");
    assert_eq!(queued.status(), Status::Queued);
    let _host = space.host(1);
    DOOR.wait_for_job();
    let running = other.reattach::<u64>(&key).expect("it is there");
    assert_eq!(running.status(), Status::Running);
    assert!(!running.cancel(), "it has started");
    DOOR.open.send(()).expect("it is waited for");
    for future in [queued, running, future] {
        assert_eq!(future.result().expect("it has run"), 8);
    }
}

#[test]
fn ended_job_is_read_once() {
    let space = Space::new();
    let _host = space.host(1);
    let submitter = space.executor();
    let (key, future) = submitter.submit_keyed(call!(double(4))).expect("it is accepted");
    submitter.flush();
    // Neither futures nor connections are needed for the result to stay.
    drop(future);
    let first = space.executor();
    assert_eq!(first.reattach::<u64>(&key).expect("it is there").result().expect("it has run"), 8);
    drop((first, submitter));
    let error = space.executor().reattach::<u64>(&key).expect_err("it was read");
    assert_eq!(error, ReattachError::Read);
    assert_eq!(error.to_string(), "the job's result was read already, and is removed");
    assert_eq!(space.messages("ledger"), 1, "the record that says so");
}

/// False if a reader was late, for which a busy machine may stop it for long enough.
fn all_get_it(length: usize) -> bool {
    static DOOR: LazyLock<Door> = LazyLock::new(Door::new);
    fn pass(length: usize) -> Vec<u8> {
        DOOR.pass();
        vec![7; length]
    }
    let space = Space::new();
    let _host = space.host(1);
    let executors: Vec<_> = (0..4).map(|_| space.executor()).collect();
    let (key, future) = executors[0].submit_keyed(call!(pass(length))).expect("it is accepted");
    executors[0].flush();
    let mut futures = vec![future];
    for executor in &executors {
        futures.extend((0..2).map(|_| executor.reattach::<Vec<u8>>(&key).expect("it is there")));
    }
    DOOR.open.send(()).expect("it is waited for");
    let has_it = |future: Future<Vec<u8>>| match future.result() {
        Ok(value) => {
            assert!(value == vec![7; length]);
            true
        }
        Err(error) => {
            assert!(error.to_string().contains("read already"), "{error}");
            false
        }
    };
    let late = futures.into_iter().map(has_it).filter(|has_it| !has_it).count();
    late == 0
}

#[test]
fn readers_at_the_same_time_all_get_it() {
    for length in [10, 3 << 20] {
        assert!((0..5).any(|_| all_get_it(length)));
    }
}

#[test]
fn attached_future_cancels_and_aborts() {
    fn wait_for_stop() {
        while !executor::current::stop_requested() {
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
    let space = Space::new();
    let (submitter, other) = (space.executor(), space.executor());
    let (key, future) = submitter.submit_keyed(call!(double(4))).expect("it is accepted");
    submitter.flush();
    let attached = other.reattach::<u64>(&key).expect("it is there");
    assert!(attached.cancel());
    assert!(future.result().expect_err("it is cancelled").is_cancelled());
    assert!(attached.result().expect_err("it is cancelled").is_cancelled());
    space.wait_for_messages("jobs", 0);
    let late = other.reattach::<u64>(&key).expect("its record is there");
    assert!(late.result().expect_err("it is cancelled").is_cancelled());

    let _host = space.host(1);
    let (key, future) = submitter.submit_keyed(call!(wait_for_stop())).expect("it is accepted");
    wait_for("it runs", || (future.status() == Status::Running).then_some(()));
    let attached = other.reattach::<()>(&key).expect("it is there");
    assert!(attached.abort());
    assert!(attached.result().expect_err("it is aborted").is_cancelled());
    assert!(future.result().expect_err("it is aborted").is_cancelled());
    // Its worker is free again.
    assert_eq!(submitter.submit(call!(double(5))).result().expect("it has run"), 10);
}

#[test]
fn error_of_a_job_is_attached_to() {
    fn fail() -> u64 {
        panic!("no luck");
    }
    let space = Space::new();
    let _host = space.host(1);
    let submitter = space.executor();
    let named = submitter.with(JobOptions::new().name("fails"));
    let (key, _) = named.submit_keyed(call!(fail())).expect("it is accepted");
    submitter.flush();
    let error = space.executor().reattach::<u64>(&key).expect("it is there").result().expect_err("it panics");
    assert!(matches!(&error, JobError::Panicked(panic) if panic.message() == "no luck"), "{error}");
}

#[test]
fn wrong_keys_are_refused() {
    let space = Space::new();
    let executor = space.executor();
    let (key, future) = executor.submit_keyed(call!(double(4))).expect("it is accepted");
    executor.flush();
    assert_eq!(executor.reattach::<u32>(&key).expect_err("another type"), ReattachError::Output);
    let text = key.to_string();
    let parts: Vec<_> = text.split('.').collect();
    let [build, submitter, number, output] = parts[..] else { panic!("four parts: {text}") };
    let other = |build: &str, submitter: &str, number: &str| {
        let key: ReattachKey = format!("{build}.{submitter}.{number}.{output}").parse().expect("a key");
        executor.reattach::<u64>(&key).expect_err("there is no such job")
    };
    assert_eq!(other(&"0".repeat(32), submitter, number), ReattachError::Build);
    assert_eq!(other(build, &"0".repeat(32), number), ReattachError::Gone);
    assert_eq!(other(build, submitter, "77"), ReattachError::Gone);
    assert!(future.cancel());
    executor.shutdown(true);
    assert_eq!(executor.reattach::<u64>(&key).expect_err("it is shut down"), ReattachError::Shutdown);
    assert!(matches!(executor.submit_keyed(call!(double(4))), Err(JobError::Rejected(_))));
    let elsewhere = Space::new();
    assert_eq!(elsewhere.executor().reattach::<u64>(&key).expect_err("another server"), ReattachError::Gone);
}

const URL: &str = "EXECUTOR_NATS_TEST_URL";

/// Runs in a process of its own, which is killed.
fn submit_and_wait_to_be_killed() -> ! {
    let url = std::env::var(URL).expect("the test has set it");
    let executor = NatsExecutor::connect(url, Space::namespace()).expect("a connection");
    let (key, _future) = executor.submit_keyed(call!(double(21))).expect("it is accepted");
    executor.flush();
    println!("key={key};");
    loop {
        std::thread::park();
    }
}

#[test]
fn result_is_found_after_the_submitter_was_killed() {
    if programs::is_again() {
        submit_and_wait_to_be_killed();
    }
    let space = Space::new();
    let mut command = programs::again(result_is_found_after_the_submitter_was_killed);
    let mut child = command.env(URL, space.server.url()).stdout(Stdio::piped()).spawn().expect("it can be run again");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("a pipe")));
    let key = lines.find_map(|line| {
        let line = line.expect("text");
        Some(line.split_once("key=")?.1.trim_end_matches(';').to_owned())
    });
    let key: ReattachKey = key.expect("it has told").parse().expect("a key");
    child.kill().expect("it is our child");
    child.wait().expect("it is our child");
    let executor = space.executor();
    let before = executor.reattach::<u64>(&key).expect("it waits");
    let _host = space.host(1);
    assert_eq!(before.result().expect("it has run"), 42);
    // In the time that other readers have.
    let after = executor.reattach::<u64>(&key).expect("its result is there").result();
    assert_eq!(after.expect("it has run"), 42);
}

#[test]
fn flush_waits_until_jobs_are_stored() {
    let space = Space::new();
    let executor = space.executor();
    assert!(executor.flush_timeout(Duration::ZERO), "nothing is on its way");
    for n in 0..1000 {
        drop(executor.submit(call!(double(n))));
    }
    executor.flush();
    assert_eq!(space.messages("jobs"), 1000);
    let delayed = executor.submit_after(Duration::from_secs(3600), call!(double(1)));
    executor.flush();
    space.server.pause();
    drop(executor.submit(call!(double(1))));
    assert!(!executor.flush_timeout(Duration::from_millis(10)), "the server does not answer");
    space.server.resume();
    executor.flush();
    assert_eq!(space.messages("jobs"), 1001);
    assert!(delayed.cancel());
    assert!(executor.shutdown_with(executor::ShutdownPolicy::cancel_pending()).cancelled >= 1000);
}

#[test]
fn shutdown_waits_for_attached_jobs() {
    let space = Space::new();
    let (submitter, other) = (space.executor(), space.executor());
    let (key, future) = submitter.submit_keyed(call!(double(4))).expect("it is accepted");
    submitter.flush();
    let attached = other.reattach::<u64>(&key).expect("it is there");
    assert_eq!(executor::Pool::stats(&*other).queued, 1);
    other.shutdown(false);
    let _host = space.host(1);
    other.shutdown(true);
    assert_eq!(attached.result().expect("it has run"), 8);
    assert_eq!(future.result().expect("it has run"), 8);
}
