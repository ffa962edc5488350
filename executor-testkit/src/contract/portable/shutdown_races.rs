//! A submit that races a shutdown is accepted, and gets its outcome, or it is refused. Nothing is lost between.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use executor_core::{Future, Rejection};

use crate::contract::subject::{Make, Subject};
use crate::contract::tools::event_log::EventLog;
use crate::contract::tools::jobs::Do;

const SUBMITTERS: u64 = 4;
const EACH: u64 = 1500;

/// Submitters on threads of their own, and a shutdown in their midst. Returns what was accepted.
fn race(pool: &Subject, wait: bool) -> Vec<(u64, Future<u64>)> {
    let submitted = AtomicUsize::new(0);
    thread::scope(|scope| {
        let submitter = |start: u64| {
            let submitted = &submitted;
            move || {
                let mut accepted = Vec::new();
                for n in start..start + EACH {
                    match pool.try_submit(Do::Echo(n)) {
                        Ok(future) => accepted.push((n, future)),
                        Err(rejected) => {
                            assert_eq!(rejected.reason(), Rejection::Shutdown);
                            assert_eq!(rejected.into_job(), Do::Echo(n));
                        }
                    }
                    submitted.fetch_add(1, Ordering::Relaxed);
                }
                accepted
            }
        };
        let submitters: Vec<_> = (0..SUBMITTERS).map(|n| scope.spawn(submitter(n * EACH))).collect();
        while submitted.load(Ordering::Relaxed) < 200 {
            thread::yield_now();
        }
        pool.shutdown(wait);
        submitters.into_iter().flat_map(|submitter| submitter.join().unwrap()).collect()
    })
}

pub fn each_racing_submit_is_accepted_or_refused(make: &Make) {
    let pool = make();
    let accepted = race(&pool, true);
    assert!(accepted.len() >= 190, "the shutdown came late");
    for (n, future) in accepted {
        // The shutdown has returned, so nothing is left to wait for.
        let outcome = future.try_result().expect("an accepted job has its outcome after the shutdown");
        assert_eq!(outcome.unwrap(), n);
    }
}

pub fn each_racing_submit_is_accepted_or_refused_without_wait(make: &Make) {
    let pool = make();
    for (n, future) in race(&pool, false) {
        assert_eq!(future.result().unwrap(), n);
    }
}

pub fn each_job_accepted_in_a_race_runs_once(make: &Make) {
    let (pool, log) = (make(), EventLog::new());
    let accepted: Vec<u64> = thread::scope(|scope| {
        let submit = |start: u64| {
            let (pool, log) = (&pool, &log);
            move || {
                let is_accepted = |n: &u64| pool.try_submit(Do::Write(log.writer(), *n)).is_ok();
                (start..start + 200).filter(is_accepted).collect::<Vec<u64>>()
            }
        };
        let submitters: Vec<_> = (0..SUBMITTERS).map(|n| scope.spawn(submit(n * 200))).collect();
        while log.entries().len() < 20 {
            thread::yield_now();
        }
        pool.shutdown(true);
        submitters.into_iter().flat_map(|submitter| submitter.join().unwrap()).collect()
    });
    assert_eq!(log.sorted(), accepted);
}

pub fn a_shutdown_that_races_the_first_submit_loses_nothing(make: &Make) {
    for _ in 0..20 {
        let pool = make();
        let future = thread::scope(|scope| {
            let submit = scope.spawn(|| pool.submit(Do::Echo(9)));
            scope.spawn(|| pool.shutdown(true));
            pool.shutdown(true);
            submit.join().unwrap()
        });
        match future.result() {
            Ok(value) => assert_eq!(value, 9),
            Err(error) => assert_eq!(error.rejection(), Some(Rejection::Shutdown), "{error:?}"),
        }
    }
}

pub fn racing_cancels_and_a_shutdown_lose_nothing(make: &Make) {
    let (pool, log) = (make(), EventLog::new());
    let futures: Vec<_> = (0..300).map(|n| pool.submit(Do::Write(log.writer(), n))).collect();
    let mut cancelled: Vec<u64> = thread::scope(|scope| {
        let canceller = |step: usize| {
            let futures = &futures;
            move || {
                (0..300).skip(step).step_by(3).filter(|&n| futures[n].cancel()).map(|n| n as u64).collect::<Vec<_>>()
            }
        };
        let cancellers: Vec<_> = (0..2).map(|step| scope.spawn(canceller(step))).collect();
        pool.shutdown(true);
        assert!(futures.iter().all(Future::is_done), "a job has no outcome after the shutdown");
        cancellers.into_iter().flat_map(|canceller| canceller.join().unwrap()).collect()
    });
    cancelled.sort_unstable();
    let ran: Vec<u64> = (0..300).filter(|n| !cancelled.contains(n)).collect();
    assert_eq!(log.sorted(), ran);
    for (n, future) in futures.into_iter().enumerate() {
        assert_eq!(future.result().is_err(), cancelled.contains(&(n as u64)));
    }
}
