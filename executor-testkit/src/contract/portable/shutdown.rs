//! `shutdown(true)` returns after the last accepted job has its outcome; `shutdown(false)` returns at once, and the same
//! comes true later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use executor_core::{Future, Rejection};

use crate::contract::subject::Make;
use crate::contract::tools::event_log::EventLog;
use crate::contract::tools::jobs::{Do, without_name};
use crate::contract::tools::rendezvous::Rendezvous;

fn all_done<T>(futures: &[Future<T>]) -> bool {
    futures.iter().all(Future::is_done)
}

pub fn shutdown_true_returns_after_the_last_outcome(make: &Make) {
    let (pool, log) = (make(), EventLog::new());
    let futures: Vec<_> = (0..100).map(|n| pool.submit(Do::Write(log.writer(), n))).collect();
    pool.shutdown(true);
    assert!(all_done(&futures), "{futures:?}");
    assert!(log.sorted().into_iter().eq(0..100), "what was accepted runs");
    for (n, future) in futures.into_iter().enumerate() {
        assert_eq!(future.result().unwrap(), n as u64);
    }
}

pub fn shutdown_true_waits_for_a_job_that_runs(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let future = pool.submit(Do::Arrive(rendezvous.arrival(), 7));
    let waiter = rendezvous.accept();
    let returned = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            pool.shutdown(true);
            // The shutdown has waited for the job, so a thread that sees the flag sees the outcome.
            assert!(future.is_done());
            returned.store(true, Ordering::SeqCst);
        });
        // The shutdown has begun when jobs are refused.
        while pool.try_submit(Do::Echo(1)).is_ok() {
            thread::yield_now();
        }
        assert!(!returned.load(Ordering::SeqCst), "it returned while a job runs");
        drop(waiter);
    });
    assert!(returned.load(Ordering::SeqCst));
}

pub fn shutdown_true_waits_for_callbacks(make: &Make) {
    let pool = make();
    let calls = Arc::new(AtomicUsize::new(0));
    for n in 0..50 {
        let calls = calls.clone();
        pool.submit(Do::Echo(n)).on_done(move |_| {
            thread::yield_now();
            calls.fetch_add(1, Ordering::SeqCst);
        });
    }
    pool.shutdown(true);
    assert_eq!(calls.load(Ordering::SeqCst), 50, "a callback runs on a thread of the pool, and none is left");
}

pub fn shutdown_false_returns_at_once_and_the_rest_still_runs(make: &Make) {
    let (pool, rendezvous, log) = (make(), Rendezvous::new(), EventLog::new());
    let waiters = pool.block(&rendezvous);
    let futures: Vec<_> = (0..30).map(|n| pool.submit(Do::Write(log.writer(), n))).collect();
    pool.shutdown(false); // would hang if it waited: the waiters are let go below
    assert!(!futures.iter().any(Future::is_done));
    drop(waiters);
    for (n, future) in futures.into_iter().enumerate() {
        assert_eq!(future.result().unwrap(), n as u64);
    }
    assert!(log.sorted().into_iter().eq(0..30));
}

pub fn shutdown_true_after_false_waits_for_all(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let waiters = pool.block(&rendezvous);
    let futures: Vec<_> = (0..30).map(|n| pool.submit(Do::Echo(n))).collect();
    pool.shutdown(false);
    pool.shutdown(false);
    drop(waiters);
    pool.shutdown(true);
    assert!(all_done(&futures), "{futures:?}");
    pool.shutdown(true);
    pool.shutdown(false);
}

pub fn many_threads_may_shut_down_at_once(make: &Make) {
    for round in 0..5 {
        let pool = make();
        let futures: Vec<_> = (0..50).map(|n| pool.submit(Do::Echo(n))).collect();
        thread::scope(|scope| {
            for n in 0..6 {
                let (pool, futures) = (&pool, &futures);
                scope.spawn(move || {
                    let wait = (n + round) % 3 != 0;
                    pool.shutdown(wait);
                    assert!(!wait || all_done(futures), "{futures:?}");
                });
            }
        });
        assert!(executor_core::join_all(futures).iter().all(Result::is_ok));
    }
}

pub fn drop_is_shutdown_true(make: &Make) {
    let (pool, log) = (make(), EventLog::new());
    let futures: Vec<_> = (0..100).map(|n| pool.submit(Do::Write(log.writer(), n))).collect();
    drop(pool);
    assert!(all_done(&futures), "{futures:?}");
    assert!(log.sorted().into_iter().eq(0..100));
}

pub fn a_pool_that_had_no_job_shuts_down(make: &Make) {
    drop(make());
    let pool = make();
    pool.shutdown(true);
    pool.shutdown(true);
}

pub fn a_job_after_the_shutdown_is_rejected_to_the_letter(make: &Make) {
    const TEXT: &str = "the job was rejected: the executor was shut down or dropped; submit before the shutdown, or to another executor";
    let (pool, log) = (make(), EventLog::new());
    for wait in [false, true] {
        pool.shutdown(wait);
        let error = pool.submit(Do::Write(log.writer(), 1)).result().unwrap_err();
        assert_eq!(error.rejection(), Some(Rejection::Shutdown), "{error:?}");
        assert_eq!(without_name(&error.to_string()), TEXT);
    }
    drop(pool);
    assert!(log.entries().is_empty(), "what is refused does not run");
}

pub fn a_refused_job_comes_back(make: &Make) {
    let (pool, log) = (make(), EventLog::new());
    pool.shutdown(false);
    let job = Do::Write(log.writer(), 1);
    let rejected = pool.try_submit(job.clone()).unwrap_err();
    assert_eq!(rejected.reason(), Rejection::Shutdown);
    assert_eq!(without_name(&rejected.to_string()), Rejection::Shutdown.to_string());
    assert_eq!(rejected.into_job(), job);
    drop(pool);
    assert!(log.entries().is_empty(), "what is refused does not run");
}

pub fn a_cancelled_job_does_not_hold_the_shutdown_up(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let waiters = pool.block(&rendezvous);
    // If one of these jobs ran, the shutdown would wait for ever: no thread answers at the rendezvous.
    let futures: Vec<_> = (0..5).map(|n| pool.submit(Do::Arrive(rendezvous.arrival(), n))).collect();
    assert!(futures.iter().all(Future::cancel));
    drop(waiters);
    pool.shutdown(true);
    assert!(futures.iter().all(Future::is_cancelled));
}
