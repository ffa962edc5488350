//! Waiting misses no wake-up: who waits in any way is told, however the end and the wait meet. A miss hangs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use executor_core::{ClosureExecutor, Future};

use crate::contract::tools::block_on;

pub fn one_job_at_a_time<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    for n in 0..3000 {
        assert_eq!(pool.submit(move || n).result().unwrap(), n);
    }
}

pub fn several_submitters_each_one_job_at_a_time<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..800 {
                    assert_eq!(pool.submit(move || n).result().unwrap(), n);
                }
            });
        }
    });
}

pub fn bursts<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    for size in (1..80).rev() {
        let futures: Vec<_> = (0..size).map(|n| pool.submit(move || n)).collect();
        assert!(executor_core::join_all(futures).into_iter().map(Result::unwrap).eq(0..size));
    }
}

pub fn a_callback_that_races_the_end_runs_once<E: ClosureExecutor>(make: impl Fn() -> E) {
    const JOBS: usize = 2000;
    let pool = make();
    let calls: Arc<Vec<AtomicUsize>> = Arc::new((0..JOBS).map(|_| AtomicUsize::new(0)).collect());
    for n in 0..JOBS {
        let calls = calls.clone();
        let future = pool.submit(move || n);
        for _ in 0..(n % 32) * 10 {
            std::hint::spin_loop();
        }
        future.on_done(move |outcome| {
            calls[outcome.unwrap()].fetch_add(1, Ordering::SeqCst);
        });
    }
    pool.shutdown(true);
    assert!(calls.iter().all(|calls| calls.load(Ordering::SeqCst) == 1));
}

pub fn an_async_wait_that_races_the_end_is_woken<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let sum = block_on(async {
        let mut sum = 0;
        for n in 0..1000 {
            sum += pool.submit(move || n).await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 999 * 1000 / 2);
}

pub fn a_wait_with_a_limit_ends_with_the_job<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    for n in 0..1000 {
        let future = pool.submit(move || n);
        // An hour is longer than the test is allowed to take: a missed wake-up would show.
        assert!(future.wait_timeout(Duration::from_secs(3600)));
        assert_eq!(future.result_timeout(Duration::MAX).unwrap().unwrap(), n);
    }
}

pub fn a_set_hears_of_each_end<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    for _ in 0..50 {
        let futures: Vec<Future<usize>> = (0..20).map(|n| pool.submit(move || n)).collect();
        let mut ended: Vec<_> =
            executor_core::as_completed(futures).map(|(index, outcome)| (index, outcome.unwrap())).collect();
        ended.sort_unstable();
        assert!(ended.into_iter().eq((0..20).map(|n| (n, n))));
    }
}

pub fn delayed_jobs_one_at_a_time<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    for n in 0..300 {
        let delay = Duration::from_micros(n % 60);
        assert_eq!(pool.submit_after(delay, move || n).result().unwrap(), n);
    }
    let (sender, receiver) = mpsc::channel();
    for n in 0..300_u64 {
        let sender = sender.clone();
        drop(pool.submit_after(Duration::from_micros(300 - n), move || sender.send(n)));
    }
    drop(sender);
    let mut ran: Vec<_> = receiver.into_iter().collect();
    ran.sort_unstable();
    assert!(ran.into_iter().eq(0..300));
}
