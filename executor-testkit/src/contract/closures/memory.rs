//! After a burst, nothing of its jobs is left, while the executor stays open.

use std::sync::Arc;

use executor_core::{ClosureExecutor, Future};

use crate::contract::tools::eventually;
use crate::contract::tools::latch::block;

const BURST: usize = 5000;

/// Jobs that each hold the token, and give it back.
fn burst<E: ClosureExecutor>(pool: &E, token: &Arc<()>) -> Vec<Future<Arc<()>>> {
    let job = || {
        let token = token.clone();
        move || token
    };
    (0..BURST).map(|_| pool.submit(job())).collect()
}

fn is_alone(token: &Arc<()>) -> bool {
    Arc::strong_count(token) == 1
}

pub fn nothing_is_left_of_jobs_whose_results_were_taken<E: ClosureExecutor>(make: impl Fn() -> E) {
    let (pool, token) = (make(), Arc::new(()));
    for future in burst(&pool, &token) {
        future.result().unwrap();
    }
    assert!(is_alone(&token), "{} of {BURST} are left", Arc::strong_count(&token) - 1);
}

pub fn nothing_is_left_of_jobs_whose_futures_were_dropped<E: ClosureExecutor>(make: impl Fn() -> E) {
    let (pool, token) = (make(), Arc::new(()));
    drop(burst(&pool, &token));
    eventually("all results are dropped", || is_alone(&token));
}

pub fn nothing_is_left_of_jobs_that_were_cancelled_behind_others<E: ClosureExecutor>(make: impl Fn() -> E) {
    let (pool, token) = (make(), Arc::new(()));
    let hold = block(&pool);
    let futures = burst(&pool, &token);
    assert!(futures.iter().all(Future::cancel));
    drop(futures);
    assert!(is_alone(&token), "{} of {BURST} are left", Arc::strong_count(&token) - 1);
    drop(hold);
    pool.submit(|| ()).result().unwrap();
}

pub fn nothing_is_left_of_callbacks<E: ClosureExecutor>(make: impl Fn() -> E) {
    let (pool, token) = (make(), Arc::new(()));
    for _ in 0..500 {
        let token = token.clone();
        pool.submit(|| ()).on_done(move |_| drop(token));
    }
    eventually("all callbacks ran, and are gone", || is_alone(&token));
}
