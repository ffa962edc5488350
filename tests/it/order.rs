//! One submitter's jobs start in submit order on a pool of one worker.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::support::door::Door;
use crate::support::jobs::Do;
use crate::support::kinds::{Make, on_one_worker};
use crate::support::ledger::Ledger;

on_one_worker![
    jobs_start_in_submit_order,
    queued_jobs_start_in_submit_order,
    a_cancel_leaves_the_order_of_the_others,
    each_submitter_sees_its_own_order,
    order_survives_a_shutdown,
];

fn jobs_start_in_submit_order(make: Make) {
    let (pool, ledger) = (make(), Ledger::new());
    for n in 0..1000 {
        drop(pool.submit(Do::Write(ledger.pen(), n)));
    }
    drop(pool);
    assert!(ledger.entries().into_iter().eq(0..1000));
}

fn queued_jobs_start_in_submit_order(make: Make) {
    let (pool, door, ledger) = (make(), Door::new(), Ledger::new());
    let guests = pool.block(&door);
    for n in 0..1000 {
        drop(pool.submit(Do::Write(ledger.pen(), n)));
    }
    drop(guests);
    drop(pool);
    assert!(ledger.entries().into_iter().eq(0..1000));
}

fn a_cancel_leaves_the_order_of_the_others(make: Make) {
    let (pool, door, ledger) = (make(), Door::new(), Ledger::new());
    let guests = pool.block(&door);
    let futures: Vec<_> = (0..300).map(|n| pool.submit(Do::Write(ledger.pen(), n))).collect();
    assert!(futures.iter().step_by(3).all(executor::Future::cancel));
    drop(guests);
    drop(pool);
    assert!(ledger.entries().into_iter().eq((0..300).filter(|n| n % 3 != 0)));
}

fn each_submitter_sees_its_own_order(make: Make) {
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

fn order_survives_a_shutdown(make: Make) {
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
