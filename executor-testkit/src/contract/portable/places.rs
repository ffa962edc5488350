//! The place of a cancelled job in a bounded queue is free when `cancel` returns.

use executor_core::{Future, Rejection};

use crate::contract::subject::{Make, Subject};
use crate::contract::tools::jobs::Do;
use crate::contract::tools::rendezvous::Rendezvous;

/// More jobs than any tested queue holds: a queue that takes all of them is not bounded.
const MANY: usize = 1_000_000;

/// Submits jobs until the queue is full.
fn fill(pool: &Subject) -> Vec<Future<u64>> {
    let mut waiting = Vec::new();
    loop {
        match pool.try_submit(Do::Echo(0)) {
            Ok(future) => waiting.push(future),
            Err(rejected) => {
                assert_eq!(rejected.reason(), Rejection::Full);
                return waiting;
            }
        }
        assert!(waiting.len() < MANY, "{MANY} jobs wait in a queue that is bounded");
    }
}

fn takes_another(pool: &Subject) -> Future<u64> {
    pool.try_submit(Do::Echo(0)).unwrap_or_else(|_| panic!("the place of a cancelled job is not free"))
}

pub fn a_cancelled_job_leaves_its_place(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let _waiters = pool.block(&rendezvous);
    let mut waiting = fill(&pool);
    for place in [0, 1, 2, 3] {
        // From the first that waits to the last: a place is one wherever it is.
        let cancelled = waiting.remove(place * (waiting.len() - 1) / 3);
        assert!(cancelled.cancel());
        waiting.push(takes_another(&pool));
        waiting.extend(fill(&pool));
        assert!(cancelled.cancel(), "a second time, which frees nothing");
    }
    assert!(waiting.iter().all(Future::cancel));
}

pub fn as_many_jobs_fit_as_were_cancelled(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let waiters = pool.block(&rendezvous);
    for _ in 0..3 {
        let waiting = fill(&pool);
        assert!(waiting.iter().all(Future::cancel));
        let again: Vec<_> = waiting.iter().map(|_| takes_another(&pool)).collect();
        assert!(again.iter().all(Future::cancel));
    }
    let last = fill(&pool);
    drop(waiters);
    assert!(last.into_iter().all(|future| future.result().is_ok()), "those that were not cancelled run");
}

pub fn the_job_of_a_dropped_guard_leaves_its_place(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let _waiters = pool.block(&rendezvous);
    let mut waiting = fill(&pool);
    for _ in 0..3 {
        drop(waiting.pop().expect("a place").abort_on_drop());
        waiting.push(takes_another(&pool));
        waiting.extend(fill(&pool));
    }
    assert!(waiting.iter().all(Future::cancel));
}

pub fn cancels_that_race_the_start_take_no_place_along(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let places = |pool: &Subject| {
        let _waiters = pool.block(&rendezvous);
        let waiting = fill(pool);
        assert!(waiting.iter().all(Future::cancel));
        waiting.len()
    };
    let before = places(&pool);
    for n in 0..300 {
        let future = pool.submit(Do::Echo(n));
        // Sooner or later, so that it meets the job in each of its states.
        for _ in 0..(n % 16) * 40 {
            std::hint::spin_loop();
        }
        future.cancel();
        future.wait();
    }
    let after = places(&pool);
    assert!(after >= before, "{before} jobs fitted, and {after} do after some that were cancelled");
}
