//! Inside a job or callback, a shutdown never waits: two such jobs would wait for each other.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use executor_core::{ClosureExecutor, Future, JobError, Rejection, Shutdown};

use crate::contract::tools::latch::block;

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
    let all_here = Arc::new(Barrier::new(pool.workers()));
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
    assert!(matches!(&inner, Err(error) if error.rejection() == Some(Rejection::Shutdown)), "{inner:?}");
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

/// Shuts its executor down when it is dropped, together with another one.
struct Closes<H: Shutdown>(H, Arc<Barrier>);

impl<H: Shutdown> Drop for Closes<H> {
    fn drop(&mut self) {
        self.1.wait();
        self.0.shutdown(true);
    }
}

pub fn what_two_cancelled_jobs_captured_may_shut_down<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let (busy, both, (told, ends)) = (block(&pool), Arc::new(Barrier::new(3)), mpsc::channel());
    for _ in 0..2 {
        let (closes, told) = (Closes(pool.handle(), both.clone()), told.clone());
        let future = pool.submit(move || drop(closes));
        thread::spawn(move || told.send(future.cancel()).unwrap_or_default());
    }
    both.wait();
    drop(busy);
    assert_eq!([ends.recv(), ends.recv()], [Ok(true), Ok(true)]);
    pool.shutdown(true);
}
