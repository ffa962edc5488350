//! Inside a job or callback, a shutdown never waits: two such jobs would wait for each other.

use std::sync::Arc;

use executor_core::{ClosureExecutor, Future, JobError, Rejection, Shutdown};

pub fn shutdown_true_in_a_job_does_not_wait<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let handle = pool.handle();
    let future = pool.submit(move || {
        handle.shutdown(true);
        5
    });
    assert_eq!(future.result().unwrap(), 5);
    pool.shutdown(true);
}

pub fn jobs_may_shut_down_together<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let all_here = Arc::new(std::sync::Barrier::new(pool.workers()));
    let futures: Vec<_> = (0..pool.workers())
        .map(|_| {
            let (handle, all_here) = (pool.handle(), all_here.clone());
            pool.submit(move || {
                all_here.wait();
                handle.shutdown(true);
            })
        })
        .collect();
    assert!(executor_core::join_all(futures).iter().all(Result::is_ok));
}

pub fn a_job_that_shuts_down_is_refused_its_next_submit<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let handle = pool.handle();
    let future: Future<Result<(), JobError>> = pool.submit(move || {
        handle.shutdown(true);
        handle.submit(|| ()).result()
    });
    let inner = future.result().unwrap();
    assert!(matches!(inner, Err(JobError::Rejected(Rejection::Shutdown))), "{inner:?}");
}

pub fn a_mapped_result_may_shut_down<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let handle = pool.handle();
    let mapped = pool.submit(|| 1).map_ok(move |n| {
        handle.shutdown(true);
        n + 1
    });
    assert_eq!(mapped.result().unwrap(), 2);
    pool.shutdown(true);
}
