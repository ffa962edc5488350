//! A handle does not keep its executor alive: when that is gone, jobs are rejected, and nothing else changes.

use std::sync::mpsc;
use std::thread;

use executor_core::{ClosureExecutor, JobError, Rejection, Shutdown};

fn is_refused<T>(outcome: &Result<T, JobError>) -> bool {
    matches!(outcome, Err(error) if error.rejection() == Some(Rejection::Shutdown))
}

/// A handle whose executor is gone.
fn orphan<E: ClosureExecutor>(make: impl Fn() -> E) -> E::Handle {
    let pool = make();
    pool.submit(|| ()).result().unwrap();
    pool.handle()
}

pub fn jobs_are_rejected_when_the_executor_is_gone<E: ClosureExecutor>(make: impl Fn() -> E) {
    let handle = orphan(make);
    assert!(is_refused(&handle.submit(|| 1).result()));
    assert!(is_refused(&handle.clone().submit_after(std::time::Duration::ZERO, || 1).result()));
    assert!(is_refused(&handle.handle().submit(|| 1).result()));
}

pub fn a_map_over_a_handle_is_rejected_item_by_item<E: ClosureExecutor>(make: impl Fn() -> E) {
    for chunk in [1, 4] {
        let outcomes: Vec<_> = orphan(&make).map(0..10, |n| n).chunk_size(chunk).collect();
        assert_eq!(outcomes.len(), 10);
        assert!(outcomes.iter().all(is_refused));
    }
}

pub fn a_shutdown_by_an_orphan_returns<E: ClosureExecutor>(make: impl Fn() -> E) {
    let handle = orphan(make);
    handle.shutdown(true);
    handle.shutdown(false);
}

pub fn a_handle_shuts_its_executor_down<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let future = pool.submit(|| 5);
    pool.handle().shutdown(true);
    assert!(future.is_done());
    assert!(is_refused(&pool.submit(|| 1).result()));
}

pub fn a_map_outlives_its_executor_and_gets_what_was_accepted<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let mut map = pool.map(0..10, |n| n).buffered(3);
    assert_eq!(map.next().unwrap().unwrap(), 0);
    drop(pool);
    let rest: Vec<_> = map.collect();
    assert_eq!(rest.len(), 9);
    let accepted = rest.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(accepted >= 2, "two were in flight");
    assert!(rest[accepted..].iter().all(is_refused));
}

pub fn submits_by_a_handle_that_race_the_drop_are_accepted_or_refused<E: ClosureExecutor>(make: impl Fn() -> E) {
    for _ in 0..20 {
        let pool = make();
        let (handle, (first, begun)) = (pool.handle(), mpsc::channel());
        let submitter = thread::spawn(move || {
            let submit = |n: usize| {
                let future = handle.submit(move || n);
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
}
