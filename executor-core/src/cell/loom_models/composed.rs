//! The same for what is made of job cells: sets, changed results, promises.

use std::sync::Arc;
use std::task::{Context, Waker};

use loom::{model, thread};

use super::{Count, job, work};
use crate::error::JobError;
use crate::promise::promise;
use crate::set::JobSet;
use crate::wait::{Until, wait};

#[test]
fn a_set_gives_each_outcome_once() {
    model(|| {
        let ((first, future_0, _), (second, future_1, _)) = (job(), job());
        let workers = [thread::spawn(move || work(first, 0)), thread::spawn(move || work(second, 1))];
        let mut set = JobSet::new();
        set.insert(future_0);
        set.insert(future_1);
        let mut keys: Vec<_> =
            std::iter::from_fn(|| set.next()).map(|(key, outcome)| (key, outcome.unwrap())).collect();
        keys.sort_unstable();
        assert_eq!(keys, [(0, 0), (1, 1)]);
        for worker in workers {
            worker.join().unwrap();
        }
    });
}

#[test]
fn a_set_that_is_polled_has_an_outcome_or_its_task_is_woken() {
    model(|| {
        let (cell, future, _) = job();
        let worker = thread::spawn(move || work(cell, 7));
        let mut set = JobSet::new();
        set.insert(future);
        let woken = Count::zero();
        let waker = Waker::from(Arc::new(woken.clone()));
        let polled = set.poll_next(&mut Context::from_waker(&waker));
        worker.join().unwrap();
        assert!(polled.is_ready() || woken.get() == 1);
        assert_eq!(set.is_empty(), polled.is_ready());
        assert_eq!(set.next().is_some(), polled.is_pending());
    });
}

/// Two jobs end one after the other, the first as `first_is_ok` says, the second otherwise; a third never does. Only the
/// second is what is waited for.
fn the_wait_goes_on_to_the_second(until: Until, first_is_ok: bool) {
    model(move || {
        let ((first, future_0), (second, future_1), (_third, future_2)) = (promise(), promise(), promise());
        let ender = thread::spawn(move || {
            for (promise, is_ok) in [(first, first_is_ok), (second, !first_is_ok)] {
                assert!(if is_ok { promise.complete(7) } else { promise.fail(JobError::cancelled()) });
            }
        });
        let waited = wait([future_0, future_1, future_2], until);
        assert_eq!((waited.done.len(), waited.pending.len()), (2, 1));
        ender.join().unwrap();
    });
}

#[test]
fn a_wait_for_a_result_goes_on_after_an_error() {
    the_wait_goes_on_to_the_second(Until::FirstOk, false);
}

#[test]
fn a_wait_for_an_error_goes_on_after_a_result() {
    the_wait_goes_on_to_the_second(Until::FirstError, true);
}

#[test]
fn a_changed_result_comes_or_the_job_was_cancelled() {
    model(|| {
        let (cell, future, _) = job();
        let worker = thread::spawn(move || work(cell, 7));
        let mapped = future.map_ok(|n| n + 1);
        let canceller = mapped.canceller();
        let other = thread::spawn(move || canceller.cancel());
        let outcome = mapped.result();
        let cancelled = other.join().unwrap();
        assert_ne!(worker.join().unwrap(), cancelled);
        match outcome {
            Ok(8) => assert!(!cancelled),
            Err(JobError::Cancelled(_)) => assert!(cancelled),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn the_hook_of_a_promise_runs_once_if_it_was_accepted_and_the_job_cancelled() {
    model(|| {
        let (promise, future) = promise::<u32>();
        let other = thread::spawn(move || future.cancel());
        let runs = Count::zero();
        let run = runs.clone();
        let accepted = promise.on_cancel(move || run.add());
        assert!(other.join().unwrap());
        assert_eq!(runs.get(), usize::from(accepted));
    });
}

#[test]
fn an_abort_runs_the_hook_of_a_promise_whether_it_has_started_or_not() {
    model(|| {
        let (promise, future) = promise::<u32>();
        let runs = Count::zero();
        let run = runs.clone();
        assert!(promise.on_cancel(move || run.add()));
        let other = thread::spawn(move || future.abort());
        let started = promise.start();
        assert!(other.join().unwrap());
        assert_eq!(runs.get(), 1);
        assert_eq!(promise.complete(7), started);
    });
}
