//! Promises: kept, broken, and cancelled from the other end.

use std::sync::mpsc;

use executor_core::{Broken, Future, JobError, Status, promise};

use crate::support::Count;

#[test]
fn a_promise_that_is_dropped_breaks_its_future() {
    for starts in [false, true] {
        let (promise, future) = promise::<u32>();
        assert!(!starts || promise.start());
        drop(promise);
        assert_eq!(future.status(), Status::Done);
        assert!(!future.cancel());
        let Err(JobError::Broken(broken)) = future.result() else { panic!("it is broken") };
        assert_eq!(
            broken.reason(),
            "its promise was dropped without a result; call `complete` or `fail` on every promise"
        );
    }
}

#[test]
fn the_drop_of_a_promise_changes_nothing_after_a_cancel() {
    let (promise, future) = promise::<u32>();
    assert!(future.cancel());
    drop(promise);
    assert!(future.cancel());
    assert!(future.result().unwrap_err().is_cancelled());
}

#[test]
fn a_late_result_is_refused_and_dropped() {
    let (promise, future) = promise();
    let value = std::sync::Arc::new(());
    assert!(future.cancel());
    assert!(!promise.start());
    assert!(!promise.complete(value.clone()));
    assert_eq!(std::sync::Arc::strong_count(&value), 1);
}

#[test]
fn the_hook_runs_once_when_the_job_is_cancelled() {
    let (promise, future) = promise::<u32>();
    let (replaced, runs) = (Count::default(), Count::default());
    let count = replaced.clone();
    promise.on_cancel(move || count.add());
    let count = runs.clone();
    assert!(promise.on_cancel(move || count.add()));
    assert!(future.cancel() && future.cancel() && future.abort());
    assert_eq!((replaced.get(), runs.get()), (0, 1));
    assert!(!promise.on_cancel(|| ()), "it is too late for another");
}

#[test]
fn the_hook_of_a_started_job_runs_when_that_is_aborted_and_not_before() {
    let (promise, future) = promise();
    let runs = Count::default();
    let count = runs.clone();
    assert!(promise.on_cancel(move || count.add()));
    assert!(promise.start() && !promise.start());
    assert_eq!(future.status(), Status::Running);
    assert!(!future.cancel());
    assert_eq!(runs.get(), 0);
    assert!(!promise.stop_requested());
    assert!(future.abort());
    assert!(promise.stop_requested());
    assert_eq!(runs.get(), 1);
    // It was asked only: the promise decides.
    assert!(promise.complete(1));
    assert_eq!(future.result().unwrap(), 1);
}

#[test]
fn an_aborted_job_that_ends_as_cancelled_had_started_all_the_same() {
    let (promise, future) = promise::<u32>();
    promise.start();
    assert!(future.abort());
    assert!(promise.fail(JobError::cancelled()));
    assert_eq!(future.status(), Status::Cancelled);
    assert!(!future.cancel() && !future.abort());
}

#[test]
fn a_promise_that_is_kept_runs_no_hook() {
    let (promise, future) = promise();
    let runs = Count::default();
    let count = runs.clone();
    assert!(promise.on_cancel(move || count.add()));
    assert!(promise.complete(1));
    assert!(!future.cancel() && !future.abort());
    assert_eq!(future.result().unwrap(), 1);
    assert_eq!(runs.get(), 0);
}

#[test]
fn a_cancel_before_the_start_requests_a_stop() {
    type Ends = fn(&Future<u32>) -> bool;
    for end in [Future::cancel as Ends, Future::abort] {
        let (promise, future) = promise::<u32>();
        assert!(!promise.stop_requested());
        assert!(end(&future) && promise.stop_requested());
        assert!(future.control().stop_requested(), "whoever holds the job sees it too");
        assert!(!promise.start());
    }
    let (promise, future) = promise::<u32>();
    assert!(future.control().queued().withdraw(JobError::Broken(Broken::new("no paper"))).is_some());
    assert!(!promise.stop_requested(), "it failed, and was not asked to stop");
}

#[test]
fn the_hook_of_a_cancel_sees_the_stop_request() {
    let (promise, future) = promise::<u32>();
    let control = future.control();
    let (tell, told) = mpsc::channel();
    assert!(promise.on_cancel(move || tell.send(control.stop_requested()).unwrap()));
    assert!(future.cancel());
    assert_eq!(told.try_recv(), Ok(true));
}

#[test]
fn a_hook_whose_drop_panics_costs_nothing() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the bomb goes off");
        }
    }
    let (promise, future) = promise();
    let bomb = Bomb;
    assert!(promise.on_cancel(move || drop(bomb)));
    assert!(promise.complete(7));
    assert_eq!(future.result().unwrap(), 7);
}
