//! A handle does not keep its pool alive: when the pool is gone, jobs are rejected, and nothing else changes.

use std::time::Duration;

use executor::{ClosureExecutor, JobError, Rejection, Shutdown, ThreadHandle, ThreadPool};

use crate::support::boxed;
use crate::support::within_patience;

fn is_refused<T>(outcome: &Result<T, JobError>) -> bool {
    matches!(outcome, Err(error) if error.rejection() == Some(Rejection::Shutdown))
}

/// A handle whose pool is gone.
fn orphan() -> ThreadHandle {
    let pool = ThreadPool::new(3);
    pool.submit(boxed(|| ())).result().unwrap();
    pool.handle()
}

#[test]
fn jobs_are_rejected_when_the_pool_is_gone() {
    within_patience(|| {
        let handle = orphan();
        assert!(is_refused(&handle.submit(boxed(|| 1)).result()));
        assert!(is_refused(&handle.clone().submit_after(Duration::ZERO, boxed(|| 1)).result()));
        assert!(is_refused(&ClosureExecutor::submit(&handle, || 1).result()));
        handle.execute(boxed(|| unreachable!("a job of a pool that is gone")));
        let rejected = handle.try_submit(boxed(|| 7)).unwrap_err();
        assert_eq!(rejected.into_job()(), 7);
    });
}

#[test]
fn a_map_over_a_handle_is_rejected_item_by_item_when_the_pool_is_gone() {
    within_patience(|| {
        let outcomes: Vec<_> = orphan().map(0..10, |n| n).collect();
        assert_eq!(outcomes.len(), 10);
        assert!(outcomes.iter().all(is_refused));
        let outcomes: Vec<_> = orphan().map(0..10, |n| n).chunk_size(4).collect();
        assert_eq!(outcomes.len(), 10);
        assert!(outcomes.iter().all(is_refused));
    });
}

#[test]
fn a_handle_outlives_its_pool() {
    let handle = orphan();
    assert_eq!(handle.workers(), 3);
    handle.shutdown(true);
    handle.shutdown(false);
    Shutdown::shutdown(&handle, true);
    assert_eq!(handle.handle().workers(), 3);
    assert_eq!(format!("{handle:?}"), "ThreadHandle { workers: 3, .. }");
}

#[test]
fn a_future_outlives_its_pool() {
    within_patience(|| {
        let future = ThreadPool::new(1).submit(boxed(|| 5));
        assert_eq!(future.result().unwrap(), 5);
    });
}

#[test]
fn a_map_outlives_its_pool_and_gets_what_was_accepted() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let mut map = pool.map(0..10, |n| n).buffered(3);
        assert_eq!(map.next().unwrap().unwrap(), 0);
        drop(pool);
        let rest: Vec<_> = map.collect();
        assert_eq!(rest.len(), 9);
        let accepted = rest.iter().filter(|outcome| outcome.is_ok()).count();
        assert!(accepted >= 2, "two were in flight");
        assert!(rest[accepted..].iter().all(is_refused));
    });
}

#[test]
fn a_handle_shuts_its_pool_down() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let future = pool.submit(boxed(|| 5));
        pool.handle().shutdown(true);
        assert!(future.is_done());
        assert!(is_refused(&pool.submit(boxed(|| 1)).result()));
    });
}

#[test]
fn submits_by_a_handle_that_race_the_pools_drop_are_accepted_or_refused() {
    within_patience(|| {
        for _ in 0..50 {
            let pool = ThreadPool::new(2);
            let (handle, (first, begun)) = (pool.handle(), std::sync::mpsc::channel());
            let submitter = std::thread::spawn(move || {
                let submit = |n: usize| {
                    let future = handle.submit(boxed(move || n));
                    first.send(()).unwrap_or_default();
                    future
                };
                (0..200).map(submit).collect::<Vec<_>>()
            });
            begun.recv().unwrap();
            drop(pool);
            for (n, future) in submitter.join().unwrap().into_iter().enumerate() {
                let outcome = future.try_result().expect("an outcome after the drop");
                assert!(is_refused(&outcome) || outcome.unwrap() == n);
            }
        }
    });
}
