//! A pool whose workers die again and again breaks down, and says of which job.

use std::time::Duration;

use executor::{JobError, JobOptions, ProcessPool, Rejection, call};

use super::pid;
use crate::support::door::{Bell, Door};
use crate::support::within_patience;

fn kill_the_worker() {
    std::process::abort();
}

fn leave() {
    std::process::exit(3);
}

fn ring(bell: Bell) {
    bell.ring(0);
}

#[test]
fn the_job_that_has_killed_several_workers_is_named() {
    within_patience(|| {
        let pool = ProcessPool::builder().processes(1).restart_budget(3, Duration::from_hours(1)).build().unwrap();
        // All of them wait, so that none comes too late.
        let door = Door::new();
        let first = pool.submit(call!(ring(door.bell())));
        let guest = door.answer();
        let left = pool.submit(call!(leave()));
        let killers: Vec<_> = (0..3).map(|_| pool.submit(call!(kill_the_worker()))).collect();
        let pending: Vec<_> = (0..100).map(|_| pool.submit(call!(pid()))).collect();
        drop(guest);
        first.result().unwrap();
        assert!(matches!(left.result(), Err(JobError::Crashed(_))));
        for killer in killers {
            assert!(matches!(killer.result(), Err(JobError::Crashed(_))));
        }
        for future in pending {
            let text = future.result().unwrap_err().to_string();
            assert!(text.contains("lost more than 3 workers within 3600s"), "{text}");
            let name = "`it::processes::budget::kill_the_worker` has killed 3 of them";
            assert!(text.contains(name), "{text}");
            assert!(text.contains("; the last: process ") && text.ends_with("was killed by SIGABRT"), "{text}");
        }
        let refused = pool.try_submit(call!(pid())).unwrap_err();
        assert_eq!(refused.reason(), Rejection::Broken);
        pool.closed().result().unwrap();
        assert!(pool.pids().is_empty());
    });
}

#[test]
fn a_job_that_is_tried_again_and_again_breaks_the_pool_and_is_named() {
    within_patience(|| {
        let pool = ProcessPool::builder().processes(1).restart_budget(4, Duration::from_hours(1)).build().unwrap();
        let view = pool.with(JobOptions::new().retry(100));
        let outcome = view.submit(call!(kill_the_worker())).result();
        let text = outcome.unwrap_err().to_string();
        assert!(text.contains("kill_the_worker` has killed 5 of them"), "{text}");
        pool.closed().result().unwrap();
    });
}
