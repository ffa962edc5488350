//! Jobs of a scope that have a time limit: their outcome is the same whenever somebody asks.

use std::time::Duration;

use executor::{JobError, JobOptions, ThreadPool};

use crate::support::boxed;
use crate::support::latch::Latch;
use crate::support::within_patience;

#[test]
fn late_results_change_no_outcome() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let limited = pool.with(JobOptions::new().timeout(Duration::from_millis(1)));
        let (hold, latch) = Latch::closed();
        let outcome = limited.scope(|scope| {
            let late = scope.submit(boxed(|| latch.wait()));
            late.wait();
            drop(hold);
            // It runs after the job has returned.
            pool.submit(boxed(|| ())).result().unwrap();
            late.result()
        });
        assert!(matches!(outcome, Err(JobError::TimedOut(_))), "{outcome:?}");
    });
}

#[test]
fn late_panics_are_nobodys() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let limited = pool.with(JobOptions::new().timeout(Duration::from_millis(1)));
        for asks_first in [true, false] {
            let (hold, latch) = Latch::closed();
            let outcome = limited.scope(|scope| {
                let late = scope.submit(boxed(|| {
                    latch.wait();
                    panic!("too late")
                }));
                late.wait();
                if asks_first {
                    let outcome: Result<(), _> = late.result();
                    drop(hold);
                    outcome
                } else {
                    drop(hold);
                    pool.submit(boxed(|| ())).result().unwrap();
                    late.result()
                }
            });
            assert!(matches!(outcome, Err(JobError::TimedOut(_))), "{outcome:?}");
        }
    });
}
