//! Faults in a thread that a job left behind, while its worker is idle or runs the next job.

use std::fs;
use std::thread;

use executor::{Future, JobError, ProcessPool, call};

use super::super::deaths::kill;
use super::faults::{self, Fault};
use super::leftovers::Leftovers;
use super::ways::{Killer, Way};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::system::exists;
use crate::support::{alone, eventually};

pub(super) const CELLS: usize = 14 + 13;

/// Leaves a thread that goes wrong when it is let go at the rendezvous.
fn leave_a_thread((fault, rendezvous, arrival): (Fault, Arrival, Arrival)) -> u64 {
    thread::spawn(move || {
        rendezvous.arrive(1);
        fault.commit(&arrival)
    });
    7
}

/// Returns when it is let go.
fn arrive(arrival: Arrival) -> u64 {
    arrival.arrive(2);
    8
}

fn all() -> impl Iterator<Item = Fault> {
    faults::ALL.into_iter().filter(|fault| !matches!(fault, Fault::IsNotEncodable) && !fault.hangs())
}

/// One that closes all descriptors closes those of the next job, which is what that sees then.
fn cells(is_idle: bool) -> impl Iterator<Item = Fault> {
    all().filter(move |&fault| is_idle || fault != Fault::ClosesItsDescriptors)
}

fn check(outcome: &Result<u64, JobError>, wanted: Result<u64, &str>) -> Option<String> {
    let is_so = match (outcome, wanted) {
        (Ok(number), Ok(wanted)) => *number == wanted,
        (Err(JobError::Crashed(crash)), Err(end)) => {
            crash.to_string().contains(&format!("its worker process {} {end}", crash.pid()))
        }
        _ => false,
    };
    (!is_so).then(|| format!("{wanted:?} was expected, and it is {outcome:?}"))
}

/// Lets a thread of the pool's worker go wrong. Says what is wrong with the jobs' outcomes.
fn cell(pool: &ProcessPool, fault: Fault, is_idle: bool) -> Vec<String> {
    let (left, next) = (Rendezvous::new(), Rendezvous::new());
    let killer = Killer::of(fault, 1);
    let first = pool.submit(call!(leave_a_thread((fault, left.arrival(), killer.arrival())))).result();
    let thread = left.accept();
    let worker = thread.pid();
    let submit = || -> Future<u64> { pool.submit(call!(arrive(next.arrival()))) };
    let mut found: Vec<_> = check(&first, Ok(7)).into_iter().collect();
    let running = (!is_idle).then(|| (submit(), next.accept()));
    drop(thread);
    if fault.end().is_some() {
        eventually("its worker is gone", || !exists(worker));
    } else if fault == Fault::ClosesItsDescriptors {
        // Or else the next job sees it happen.
        let open = || fs::read_dir(format!("/proc/{worker}/fd")).map_or(0, Iterator::count);
        eventually("none but the first three is open", || open() <= 3);
    }
    if let Some((future, waiter)) = running {
        drop(waiter);
        found.extend(check(&future.result(), fault.end().map_or(Ok(8), Err)));
    }
    // Whatever became of the worker, the pool has one.
    let last = submit();
    drop(next.accept());
    found.extend(check(&last.result(), Ok(8)));
    killer.join();
    found
}

fn go(is_idle: bool) {
    let leftovers = Leftovers::count();
    let pool = Way::Plain.builder().build().expect("a small pool");
    let mut wrong = Vec::new();
    for fault in cells(is_idle) {
        let found = cell(&pool, fault, is_idle);
        wrong.extend(found.into_iter().map(|what| format!("{fault:?} in a thread, idle: {is_idle}: {what}")));
        // The next cell begins with a worker of its own.
        pool.pids().into_iter().for_each(kill);
        eventually("it is gone", || pool.pids().is_empty());
    }
    drop(pool);
    leftovers.assert_none();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn in_a_thread_of_an_idle_worker() {
    alone(in_a_thread_of_an_idle_worker, || go(true));
}

#[test]
fn in_a_thread_while_the_next_job_runs() {
    alone(in_a_thread_while_the_next_job_runs, || go(false));
}

#[test]
fn so_many_cells_are_in_threads() {
    assert_eq!(cells(true).count() + cells(false).count(), CELLS);
}
