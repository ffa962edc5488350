//! `abort` kills the worker of the job that it was called for, and of no other.

use std::thread;

use executor::{JobError, Status, call};

use super::{is_cancelled, pool, worker_of};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::within_patience;

fn arrive(arrival: Arrival) {
    arrival.arrive(0);
}

fn echo(n: u64) -> u64 {
    n
}

#[test]
fn a_running_job_is_killed_and_ends_as_cancelled() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(1), Rendezvous::new());
        let future = pool.submit(call!(arrive(rendezvous.arrival())));
        let waiter = rendezvous.accept();
        let pid = waiter.pid();
        assert!(!future.cancel(), "it runs");
        assert!(future.abort());
        waiter.wait_for_its_death();
        assert!(!future.cancel(), "it did start");
        future.wait();
        assert_eq!(future.status(), Status::Cancelled);
        assert!(is_cancelled(&future.result()));
        assert_ne!(worker_of(&pool), pid);
    });
}

#[test]
fn a_queued_job_is_cancelled_without_a_kill() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(1), Rendezvous::new());
        let running = pool.submit(call!(arrive(rendezvous.arrival())));
        let waiter = rendezvous.accept();
        let queued = pool.submit(call!(echo(1)));
        assert!(queued.abort());
        assert!(is_cancelled(&queued.result()));
        let pid = waiter.pid();
        drop(waiter);
        running.result().expect("nobody aborted it");
        assert_eq!(worker_of(&pool), pid);
    });
}

#[test]
fn a_job_that_has_ended_is_not_aborted() {
    let pool = pool(1);
    let pid = worker_of(&pool);
    let future = pool.submit(call!(echo(1)));
    future.wait();
    assert!(!future.abort());
    assert_eq!(future.result().unwrap(), 1);
    assert_eq!(worker_of(&pool), pid);
}

#[test]
fn a_guard_that_is_dropped_kills() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(1), Rendezvous::new());
        let guard = pool.submit(call!(arrive(rendezvous.arrival()))).abort_on_drop();
        let waiter = rendezvous.accept();
        drop(guard);
        waiter.wait_for_its_death();
    });
}

/// Aborts each job about when it ends: the kill must hit that job, or none.
#[test]
fn an_abort_that_races_the_end_never_hits_the_next_job() {
    within_patience(|| {
        let pool = pool(1);
        let mut aborted = 0;
        for n in 0..300 {
            let target = pool.submit(call!(echo(n)));
            let next = pool.submit(call!(echo(n + 1)));
            let canceller = target.canceller();
            let hand = thread::spawn(move || {
                // Later and later, over the few microseconds in which the job runs and answers.
                for _ in 0..n * 40 {
                    std::hint::spin_loop();
                }
                canceller.abort()
            });
            let outcome = target.result();
            let was_aborted = hand.join().expect("it only aborts");
            match outcome {
                Ok(value) => assert!(value == n && !was_aborted, "a result, and an abort that said true"),
                Err(JobError::Cancelled(_)) => {
                    assert!(was_aborted);
                    aborted += 1;
                }
                Err(other) => panic!("{other}"),
            }
            assert_eq!(next.result().map_err(|error| error.to_string()), Ok(n + 1), "the next job is another one");
        }
        assert!(aborted > 0, "no abort came in time: the test aims badly");
    });
}
