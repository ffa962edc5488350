//! Each job has its turn: none is stuck behind a slow one, or overtaken while another waits; and no needless thread is started.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use executor_core::{ClosureExecutor, Event, current, join_all, promise};

use crate::contract::tools::latch::{Latch, block, run_together};

/// A job that puts another one in its place before it ends.
fn feed<H: ClosureExecutor + Clone + 'static>(pool: &H, is_over: &Arc<AtomicBool>) {
    // Relaxed: it may run once more.
    if !is_over.load(Ordering::Relaxed) {
        let (next, is_over) = (pool.clone(), is_over.clone());
        drop(pool.submit(move || feed(&next, &is_over)));
    }
}

pub fn jobs_behind_a_slow_one_start_while_others_come<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    if pool.workers() == 1 {
        return; // The slow job takes the only worker.
    }
    let (is_over, busy, (slow, latch)) = (Arc::default(), block(&pool), Latch::closed());
    let slow_one = pool.submit(move || latch.wait());
    let behind: Vec<_> = (0..200).map(|n| pool.submit(move || n)).collect();
    // One more than there are workers: the queue is never empty.
    (0..=pool.workers()).for_each(|_| feed(&pool.handle(), &is_over));
    drop(busy);
    assert!(join_all(behind).into_iter().map(Result::unwrap).eq(0..200));
    is_over.store(true, Ordering::Relaxed);
    drop(slow);
    slow_one.result().unwrap();
}

pub fn jobs_start_in_order_though_some_wait<E: ClosureExecutor>(make: impl Fn() -> E) {
    const JOBS: usize = 300;
    let pool = make();
    if pool.workers() > 1 {
        return; // Several start at the same time.
    }
    let (busy, event, order) = (block(&pool), Arc::new(Event::new()), Arc::new(Mutex::new(Vec::new())));
    let (promise, future) = promise::<()>();
    let (mut promise, mut future) = (Some(promise), Some(future));
    let jobs: Vec<_> = (0..JOBS)
        .map(|n| {
            let (event, order) = (event.clone(), order.clone());
            let waits_for = if n == 120 { future.take() } else { None };
            let completes = if n == 200 { promise.take() } else { None };
            pool.submit(move || {
                order.lock().unwrap().push(n);
                match n {
                    1 => event.wait(),
                    280 => event.set(),
                    _ => {}
                }
                if let Some(future) = waits_for {
                    let _blocked = current::block();
                    future.result().unwrap();
                }
                if let Some(promise) = completes {
                    assert!(promise.complete(()));
                }
            })
        })
        .collect();
    drop(busy);
    assert!(join_all(jobs).iter().all(Result::is_ok));
    assert!(order.lock().unwrap().iter().copied().eq(0..JOBS));
}

pub fn jobs_run_on_no_more_threads_than_there_are_workers<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let threads = Arc::new(Mutex::new(HashSet::new()));
    let run = |n: usize| {
        let note = || {
            let threads = threads.clone();
            move || {
                threads.lock().unwrap().insert(thread::current().id());
            }
        };
        assert!(join_all((0..n).map(|_| pool.submit(note()))).iter().all(Result::is_ok));
    };
    for round in 0..8 {
        run(1);
        run(20 * round);
        run_together(&pool, pool.workers());
    }
    let count = threads.lock().unwrap().len();
    assert!(count <= pool.workers(), "jobs of {} workers ran on {count} threads", pool.workers());
}
