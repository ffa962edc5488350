//! Delayed jobs run in the order of their times, hold no worker, and let go of what they captured.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use executor::{ClosureExecutor, ThreadPool};

use crate::support::boxed;
use crate::support::latch::block;
use crate::support::{eventually, within_patience};

const HOUR: Duration = Duration::from_secs(3600);

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn a_delayed_job_that_is_cancelled_lets_go_of_its_captures() {
    let (pool, token) = (ThreadPool::new(1), Arc::new(()));
    let captured = token.clone();
    let future = pool.submit_after(Duration::MAX, boxed(move || drop(captured)));
    assert!(future.cancel());
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn one_worker_starts_delayed_jobs_in_the_order_of_their_times() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let started = Arc::new(Mutex::new(Vec::new()));
        let hold = block(&pool);
        let mut due = Vec::new();
        for n in 0..20_u32 {
            let (started, delay) = (started.clone(), millis(3) * (20 - n));
            let earliest = pool.now() + delay;
            drop(pool.submit_after(delay, boxed(move || started.lock().unwrap().push(n as usize))));
            due.push((earliest, pool.now() + delay));
        }
        drop(hold);
        drop(pool);
        let started = started.lock().unwrap();
        assert_eq!(started.len(), 20);
        // However slowly they were submitted: none starts after one that was surely due later.
        for (place, &this) in started.iter().enumerate() {
            for &earlier in &started[..place] {
                assert!(due[earlier].0 <= due[this].1, "job {earlier} started before job {this}: {started:?}");
            }
        }
    });
}

#[test]
fn equal_delays_start_in_submit_order() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let started = Arc::new(Mutex::new(Vec::new()));
        for n in 0..200 {
            let started = started.clone();
            drop(pool.submit_after(millis(2), boxed(move || started.lock().unwrap().push(n))));
        }
        drop(pool);
        assert!(started.lock().unwrap().iter().copied().eq(0..200));
    });
}

#[test]
fn a_delayed_job_holds_no_worker() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let delayed = pool.submit_after(HOUR, boxed(|| ()));
        assert_eq!(pool.submit(boxed(|| 1)).result().unwrap(), 1);
        assert!(delayed.cancel());
    });
}

#[test]
fn a_shutdown_ends_when_the_last_delayed_job_is_cancelled_though_the_workers_sleep() {
    within_patience(|| {
        let pool = ThreadPool::builder().threads(2).keep_alive(Duration::MAX).build().unwrap();
        pool.submit(boxed(|| ())).result().unwrap();
        let later = pool.submit_after(Duration::from_secs(3600), boxed(|| ()));
        std::thread::scope(|scope| {
            scope.spawn(|| pool.shutdown(true));
            eventually("it is closed", || pool.try_submit(boxed(|| ())).is_err());
            assert!(later.cancel());
        });
    });
}
