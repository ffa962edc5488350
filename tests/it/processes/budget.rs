//! A job's crash is its job's, however many crash. A pool whose workers die without a job, or do not start, breaks down.

use std::time::Duration;

use executor::{JobError, JobOptions, ProcessPool, Rejection, call};
use rustix::process::{Pid, Signal, kill_process};

use super::{pid, worker_of};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{eventually, within_patience};

const LONG: Duration = Duration::from_secs(3600);

fn kill_the_worker() {
    std::process::abort();
}

fn kill_at(number: u32) -> u32 {
    if number.is_multiple_of(2) { std::process::abort() } else { number }
}

fn leave() {
    std::process::exit(3);
}

fn arrive(arrival: Arrival) {
    arrival.arrive(0);
}

#[test]
fn crashes_spend_no_restart_budget() {
    within_patience(|| {
        let pool = ProcessPool::builder().processes(1).restart_budget(0, LONG).build().unwrap();
        for _ in 0..3 {
            assert!(matches!(pool.submit(call!(kill_the_worker())).result(), Err(JobError::Crashed(_))));
        }
        let retried = pool.with(JobOptions::new().retry(3)).submit(call!(kill_the_worker())).result();
        assert!(matches!(retried, Err(JobError::Crashed(_))));
        let chunked: Vec<_> = pool.map(0..8, kill_at).chunk_size(4).collect();
        let is_crash = |outcome: &Result<u32, JobError>| matches!(outcome, Err(JobError::Crashed(_)));
        assert_eq!(chunked.iter().filter(|outcome| is_crash(outcome)).count(), 4);
        assert!(!pool.is_broken() && !pool.handle().is_broken());
        pool.submit(call!(pid())).result().unwrap();
    });
}

#[test]
fn deaths_without_a_job_spend_the_restart_budget() {
    within_patience(|| {
        let pool = ProcessPool::builder().processes(1).restart_budget(1, LONG).build().unwrap();
        for round in 0..2 {
            assert!(!pool.is_broken(), "after {round} deaths");
            let worker = Pid::from_raw(worker_of(&pool).try_into().unwrap()).unwrap();
            kill_process(worker, Signal::KILL).unwrap();
            eventually("the worker is reaped", || pool.pids().is_empty());
        }
        // The job that finds the worker dead is told, or comes too late.
        let text = pool.submit(call!(pid())).result().err().map(|error| error.to_string());
        pool.closed().result().unwrap();
        assert!(pool.is_broken() && pool.handle().is_broken());
        if let Some(text) = text {
            assert!(text.contains("more than 1 workers failed to start, or died while running no job"), "{text}");
        }
    });
}

#[test]
fn failed_starts_spend_the_restart_budget() {
    within_patience(|| {
        let builder = ProcessPool::builder().processes(1).initializer(call!(leave()));
        let pool = builder.restart_budget(3, LONG).build().unwrap();
        let error = pool.submit(call!(pid())).result().unwrap_err();
        assert!(matches!(error, JobError::Broken(_)), "{error}");
        // Four tries, each of which is one: the fourth is one too many.
        assert!(pool.is_broken());
        assert_eq!(pool.try_submit(call!(pid())).unwrap_err().reason(), Rejection::Broken);
    });
}

#[test]
fn a_crash_budget_breaks_the_pool_and_names_the_worst_job() {
    within_patience(|| {
        let pool = ProcessPool::builder().processes(1).crash_budget(3, LONG).build().unwrap();
        // All of them wait, so that none comes too late.
        let rendezvous = Rendezvous::new();
        let first = pool.submit(call!(arrive(rendezvous.arrival())));
        let waiter = rendezvous.accept();
        let left = pool.submit(call!(leave()));
        let killers: Vec<_> = (0..3).map(|_| pool.submit(call!(kill_the_worker()))).collect();
        let pending: Vec<_> = (0..100).map(|_| pool.submit(call!(pid()))).collect();
        drop(waiter);
        first.result().unwrap();
        assert!(matches!(left.result(), Err(JobError::Crashed(_))));
        for killer in killers {
            assert!(matches!(killer.result(), Err(JobError::Crashed(_))));
        }
        for future in pending {
            let text = future.result().unwrap_err().to_string();
            assert!(text.contains("crashed more than 3 workers within 3600 s"), "{text}");
            let name = "`it::processes::budget::kill_the_worker` crashed 3 of them";
            assert!(text.contains(name), "{text}");
            assert!(text.contains("; the last failure: process ") && text.ends_with("was killed by SIGABRT"), "{text}");
        }
        let refused = pool.try_submit(call!(pid())).unwrap_err();
        assert_eq!(refused.reason(), Rejection::Broken);
        assert!(pool.is_broken() && pool.handle().is_broken());
        pool.closed().result().unwrap();
        assert!(pool.pids().is_empty());
    });
}

#[test]
fn retries_of_a_job_spend_the_crash_budget() {
    within_patience(|| {
        let pool = ProcessPool::builder().processes(1).crash_budget(4, LONG).build().unwrap();
        let view = pool.with(JobOptions::new().retry(100));
        let outcome = view.submit(call!(kill_the_worker())).result();
        let text = outcome.unwrap_err().to_string();
        assert!(text.contains("kill_the_worker` crashed 5 of them"), "{text}");
        pool.closed().result().unwrap();
    });
}
