//! One submitter's jobs start in submit order on a pool of one worker.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::contract::subject::Make;
use crate::contract::tools::door::Door;
use crate::contract::tools::jobs::Do;
use crate::contract::tools::ledger::Ledger;

pub fn jobs_start_in_submit_order(make: &Make) {
    let (pool, ledger) = (make(), Ledger::new());
    for n in 0..1000 {
        drop(pool.submit(Do::Write(ledger.pen(), n)));
    }
    drop(pool);
    assert!(ledger.entries().into_iter().eq(0..1000));
}

pub fn queued_jobs_start_in_submit_order(make: &Make) {
    let (pool, door, ledger) = (make(), Door::new(), Ledger::new());
    let guests = pool.block(&door);
    for n in 0..1000 {
        drop(pool.submit(Do::Write(ledger.pen(), n)));
    }
    drop(guests);
    drop(pool);
    assert!(ledger.entries().into_iter().eq(0..1000));
}

pub fn a_cancel_leaves_the_order_of_the_others(make: &Make) {
    let (pool, door, ledger) = (make(), Door::new(), Ledger::new());
    let guests = pool.block(&door);
    let futures: Vec<_> = (0..300).map(|n| pool.submit(Do::Write(ledger.pen(), n))).collect();
    assert!(futures.iter().step_by(3).all(executor_core::Future::cancel));
    drop(guests);
    drop(pool);
    assert!(ledger.entries().into_iter().eq((0..300).filter(|n| n % 3 != 0)));
}

pub fn each_submitter_sees_its_own_order(make: &Make) {
    const EACH: u64 = 300;
    let (pool, ledger) = (make(), Ledger::new());
    thread::scope(|scope| {
        for submitter in 0..4 {
            let (pool, ledger) = (&pool, &ledger);
            scope.spawn(move || {
                for n in 0..EACH {
                    drop(pool.submit(Do::Write(ledger.pen(), submitter * EACH + n)));
                }
            });
        }
    });
    drop(pool);
    let entries = ledger.entries();
    for submitter in 0..4 {
        let own = submitter * EACH..(submitter + 1) * EACH;
        assert!(entries.iter().copied().filter(|n| own.contains(n)).eq(own.clone()), "submitter {submitter}");
    }
}

pub fn order_survives_a_shutdown(make: &Make) {
    let (pool, ledger) = (make(), Ledger::new());
    let count = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(
            || {
                while pool.try_submit(Do::Write(ledger.pen(), count.fetch_add(1, Ordering::Relaxed))).is_ok() {}
            },
        );
        while ledger.entries().len() < 20 {
            thread::yield_now();
        }
        pool.shutdown(true);
    });
    // The last one was refused.
    assert!(ledger.entries().into_iter().eq(0..count.load(Ordering::Relaxed) - 1));
}
