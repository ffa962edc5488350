//! Captured values are dropped with their job: when it is cancelled, when it ends, and when it is refused.

use std::sync::Arc;

use executor_core::{ClosureExecutor, JobError};

use crate::contract::tools::latch::block;

pub fn what_a_cancelled_job_captured_is_gone_when_cancel_returns<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let hold = block(&pool);
    let token = Arc::new(());
    let submit_with = |token: &Arc<()>| {
        let token = token.clone();
        pool.submit(move || drop(token))
    };
    let futures: Vec<_> = (0..20).map(|_| submit_with(&token)).collect();
    assert_eq!(Arc::strong_count(&token), 21);
    for (n, future) in futures.iter().enumerate() {
        assert!(future.cancel());
        assert_eq!(Arc::strong_count(&token), 20 - n);
    }
    drop(hold);
}

pub fn what_a_job_captured_is_gone_when_its_result_is_there<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    for _ in 0..200 {
        let token = Arc::new(());
        let captured = token.clone();
        pool.submit(move || assert_eq!(Arc::strong_count(&captured), 2)).result().unwrap();
        assert_eq!(Arc::strong_count(&token), 1);
    }
}

pub fn what_a_refused_job_captured_is_gone<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    pool.shutdown(true);
    let token = Arc::new(());
    let captured = token.clone();
    let future = pool.submit(move || drop(captured));
    assert_eq!(Arc::strong_count(&token), 1);
    assert!(matches!(future.result(), Err(JobError::Rejected(_))));
}

pub fn the_result_of_a_dropped_future_is_dropped<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let token = Arc::new(());
    for _ in 0..100 {
        let captured = token.clone();
        drop(pool.submit(move || captured));
    }
    pool.shutdown(true);
    assert_eq!(Arc::strong_count(&token), 1);
}
