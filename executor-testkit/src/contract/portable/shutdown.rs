//! `shutdown(true)` returns after the last accepted job has its outcome; `shutdown(false)` returns at once, and the same
//! comes true later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use executor_core::{Future, JobError, Rejection};

use crate::contract::subject::Make;
use crate::contract::tools::door::Door;
use crate::contract::tools::jobs::Do;
use crate::contract::tools::ledger::Ledger;

fn all_done<T>(futures: &[Future<T>]) -> bool {
    futures.iter().all(Future::is_done)
}

pub fn shutdown_true_returns_after_the_last_outcome(make: &Make) {
    let (pool, ledger) = (make(), Ledger::new());
    let futures: Vec<_> = (0..100).map(|n| pool.submit(Do::Write(ledger.pen(), n))).collect();
    pool.shutdown(true);
    assert!(all_done(&futures), "{futures:?}");
    assert!(ledger.sorted().into_iter().eq(0..100), "what was accepted runs");
    for (n, future) in futures.into_iter().enumerate() {
        assert_eq!(future.result().unwrap(), n as u64);
    }
}

pub fn shutdown_true_waits_for_a_job_that_runs(make: &Make) {
    let (pool, door) = (make(), Door::new());
    let future = pool.submit(Do::Ring(door.bell(), 7));
    let guest = door.answer();
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
        drop(guest);
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
    let (pool, door, ledger) = (make(), Door::new(), Ledger::new());
    let guests = pool.block(&door);
    let futures: Vec<_> = (0..30).map(|n| pool.submit(Do::Write(ledger.pen(), n))).collect();
    pool.shutdown(false); // would hang if it waited: the guests are let go below
    assert!(!futures.iter().any(Future::is_done));
    drop(guests);
    for (n, future) in futures.into_iter().enumerate() {
        assert_eq!(future.result().unwrap(), n as u64);
    }
    assert!(ledger.sorted().into_iter().eq(0..30));
}

pub fn shutdown_true_after_false_waits_for_all(make: &Make) {
    let (pool, door) = (make(), Door::new());
    let guests = pool.block(&door);
    let futures: Vec<_> = (0..30).map(|n| pool.submit(Do::Echo(n))).collect();
    pool.shutdown(false);
    pool.shutdown(false);
    drop(guests);
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
    let (pool, ledger) = (make(), Ledger::new());
    let futures: Vec<_> = (0..100).map(|n| pool.submit(Do::Write(ledger.pen(), n))).collect();
    drop(pool);
    assert!(all_done(&futures), "{futures:?}");
    assert!(ledger.sorted().into_iter().eq(0..100));
}

pub fn a_pool_that_had_no_job_shuts_down(make: &Make) {
    drop(make());
    let pool = make();
    pool.shutdown(true);
    pool.shutdown(true);
}

pub fn a_job_after_the_shutdown_is_rejected_to_the_letter(make: &Make) {
    const TEXT: &str =
        "the job was rejected: the executor was shut down, or dropped; submit before that, or to another executor";
    let (pool, ledger) = (make(), Ledger::new());
    for wait in [false, true] {
        pool.shutdown(wait);
        let error = pool.submit(Do::Write(ledger.pen(), 1)).result().unwrap_err();
        assert!(matches!(error, JobError::Rejected(Rejection::Shutdown)), "{error:?}");
        assert_eq!(error.to_string(), TEXT);
    }
    drop(pool);
    assert!(ledger.entries().is_empty(), "what is refused does not run");
}

pub fn a_refused_job_comes_back(make: &Make) {
    let (pool, ledger) = (make(), Ledger::new());
    pool.shutdown(false);
    let job = Do::Write(ledger.pen(), 1);
    let rejected = pool.try_submit(job.clone()).unwrap_err();
    assert_eq!(rejected.reason(), Rejection::Shutdown);
    assert_eq!(rejected.to_string(), Rejection::Shutdown.to_string());
    assert_eq!(rejected.into_job(), job);
    drop(pool);
    assert!(ledger.entries().is_empty(), "what is refused does not run");
}

pub fn a_cancelled_job_does_not_hold_the_shutdown_up(make: &Make) {
    let (pool, door) = (make(), Door::new());
    let guests = pool.block(&door);
    // If one of these jobs ran, the shutdown would wait for ever: no thread answers at the door.
    let futures: Vec<_> = (0..5).map(|n| pool.submit(Do::Ring(door.bell(), n))).collect();
    assert!(futures.iter().all(Future::cancel));
    drop(guests);
    pool.shutdown(true);
    assert!(futures.iter().all(Future::is_cancelled));
}
