//! One submitter's jobs start in submit order on a pool of one worker.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::contract::subject::Make;
use crate::contract::tools::event_log::EventLog;
use crate::contract::tools::jobs::Do;
use crate::contract::tools::rendezvous::Rendezvous;

pub fn jobs_start_in_submit_order(make: &Make) {
    let (pool, log) = (make(), EventLog::new());
    for n in 0..1000 {
        drop(pool.submit(Do::Write(log.writer(), n)));
    }
    drop(pool);
    assert!(log.entries().into_iter().eq(0..1000));
}

pub fn queued_jobs_start_in_submit_order(make: &Make) {
    let (pool, rendezvous, log) = (make(), Rendezvous::new(), EventLog::new());
    let waiters = pool.block(&rendezvous);
    for n in 0..1000 {
        drop(pool.submit(Do::Write(log.writer(), n)));
    }
    drop(waiters);
    drop(pool);
    assert!(log.entries().into_iter().eq(0..1000));
}

pub fn a_cancel_leaves_the_order_of_the_others(make: &Make) {
    let (pool, rendezvous, log) = (make(), Rendezvous::new(), EventLog::new());
    let waiters = pool.block(&rendezvous);
    let futures: Vec<_> = (0..300).map(|n| pool.submit(Do::Write(log.writer(), n))).collect();
    assert!(futures.iter().step_by(3).all(executor_core::Future::cancel));
    drop(waiters);
    drop(pool);
    assert!(log.entries().into_iter().eq((0..300).filter(|n| n % 3 != 0)));
}

pub fn each_submitter_sees_its_own_order(make: &Make) {
    const EACH: u64 = 300;
    let (pool, log) = (make(), EventLog::new());
    thread::scope(|scope| {
        for submitter in 0..4 {
            let (pool, log) = (&pool, &log);
            scope.spawn(move || {
                for n in 0..EACH {
                    drop(pool.submit(Do::Write(log.writer(), submitter * EACH + n)));
                }
            });
        }
    });
    drop(pool);
    let entries = log.entries();
    for submitter in 0..4 {
        let own = submitter * EACH..(submitter + 1) * EACH;
        assert!(entries.iter().copied().filter(|n| own.contains(n)).eq(own.clone()), "submitter {submitter}");
    }
}

pub fn order_survives_a_shutdown(make: &Make) {
    let (pool, log) = (make(), EventLog::new());
    let count = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(
            || {
                while pool.try_submit(Do::Write(log.writer(), count.fetch_add(1, Ordering::Relaxed))).is_ok() {}
            },
        );
        while log.entries().len() < 20 {
            thread::yield_now();
        }
        pool.shutdown(true);
    });
    // The last one was refused.
    assert!(log.entries().into_iter().eq(0..count.load(Ordering::Relaxed) - 1));
}
