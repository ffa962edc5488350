//! The server keeps nothing of jobs whose outcome was read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use executor::{JobError, call, join_all};

use crate::support::proxy::Proxy;
use crate::support::spaces::{LEASE, Space};
use crate::support::wait_for;

fn double(n: u64) -> u64 {
    2 * n
}

#[test]
fn ledger_is_empty_after_many_jobs() {
    let space = Space::new();
    let executor = space.executor();
    let _host = space.host(4);
    let futures: Vec<_> = (0..10_000).map(|n| executor.submit(call!(double(n)))).collect();
    let results: Result<Vec<_>, _> = join_all(futures).into_iter().collect();
    assert_eq!(results.expect("each has run"), (0..10_000).map(double).collect::<Vec<_>>());
    for stream in ["ledger", "jobs"] {
        space.wait_for_messages(stream, 0);
    }
    // It goes on as before.
    assert_eq!(executor.submit(call!(double(4))).result().expect("it has run"), 8);
    space.wait_for_messages("ledger", 0);
}

#[test]
fn shutdown_leaves_no_record() {
    let space = Space::new();
    let executor = space.executor();
    let host = space.host(2);
    let ran = executor.submit(call!(double(1)));
    assert_eq!(ran.result().expect("it has run"), 2);
    drop(host);
    let cancelled = executor.submit(call!(double(2)));
    executor.flush();
    assert!(cancelled.cancel());
    assert!(space.messages("ledger") > 0, "to be removed");
    drop(executor);
    assert_eq!((space.messages("ledger"), space.messages("jobs")), (0, 0));
}

static LATE_RUNS: AtomicUsize = AtomicUsize::new(0);

fn count_late() -> usize {
    LATE_RUNS.fetch_add(1, Ordering::SeqCst) + 1
}

/// A host gets its copy of a job when another host has run that, and the record is removed.
#[test]
fn late_copy_of_a_removed_job_is_not_run() {
    let space = Space::new();
    let executor = space.executor();
    let proxy = Proxy::between(space.server.address());
    let late = Space::host_at(&proxy.url(), 1);
    wait_for("the host is known", || (executor.workers() == 1).then_some(()));
    proxy.cut();
    let future = executor.submit(call!(count_late()));
    // The server has given the job to the host that is cut off, or does so when that asks.
    let other = space.host(1);
    assert_eq!(future.result().expect("it has run"), 1);
    space.wait_for_messages("ledger", 0);
    space.wait_for_messages("jobs", 0);
    drop(other);
    proxy.heal();
    // It comes behind the late copy.
    assert_eq!(executor.submit(call!(count_late())).result().expect("it has run"), 2);
    drop(late);
    assert_eq!(LATE_RUNS.load(Ordering::SeqCst), 2);
}

static UNACKNOWLEDGED_RUNS: AtomicUsize = AtomicUsize::new(0);

fn count_unacknowledged() -> usize {
    UNACKNOWLEDGED_RUNS.fetch_add(1, Ordering::SeqCst) + 1
}

/// A host is lost after it has written the outcome, and before it has told the server that the message is done with.
#[test]
fn job_whose_host_is_lost_before_the_acknowledgement_runs_once() {
    let space = Space::new();
    let executor = space.executor();
    let proxy = Proxy::between(space.server.address());
    let host = Space::host_at(&proxy.url(), 1);
    wait_for("the host is known", || (executor.workers() == 1).then_some(()));
    // The acknowledgement follows the answer to the outcome, so comes twice this time after it.
    proxy.delay(LEASE / 3);
    assert_eq!(executor.submit(call!(count_unacknowledged())).result().expect("it has run"), 1);
    proxy.cut();
    assert_eq!(space.messages("jobs"), 1, "it is not acknowledged");
    let other = space.host(1);
    for stream in ["ledger", "jobs"] {
        space.wait_for_messages(stream, 0);
    }
    assert_eq!(executor.submit(call!(count_unacknowledged())).result().expect("it has run"), 2);
    drop(other);
    assert_eq!(UNACKNOWLEDGED_RUNS.load(Ordering::SeqCst), 2);
    proxy.heal();
    drop(host);
}

fn fail(text: String) -> u32 {
    panic!("{text}");
}

#[test]
fn record_of_a_failed_job_is_removed() {
    let space = Space::new();
    let executor = space.executor();
    let _host = space.host(1);
    let error = executor.submit(call!(fail("no".to_owned()))).result().expect_err("it panics");
    assert!(matches!(error, JobError::Panicked(_)), "{error}");
    space.wait_for_messages("ledger", 0);
}

fn wait_for_stop() {
    while !executor::current::stop_requested() {
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn record_of_an_aborted_job_is_removed() {
    let space = Space::new();
    let executor = space.executor();
    let _host = space.host(1);
    let future = executor.submit(call!(wait_for_stop()));
    wait_for("it runs", || (future.status() == executor::Status::Running).then_some(()));
    future.abort();
    assert!(future.result().expect_err("it is aborted").is_cancelled());
    space.wait_for_messages("ledger", 0);
}
