//! Events that jobs wait for.

use std::sync::Arc;
use std::time::Duration;

use executor::{Event, ThreadPool, join_all};

use crate::support::boxed;
use crate::support::within_patience;

#[test]
fn a_job_waits_for_what_a_later_job_of_its_only_thread_sets() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        for limit in [None, Some(Duration::MAX)] {
            let event = Arc::new(Event::new());
            let there = event.clone();
            let waiter = pool.submit(boxed(move || match limit {
                None => there.wait(),
                Some(limit) => assert!(there.wait_timeout(limit)),
            }));
            let setter = pool.submit(boxed(move || event.set()));
            setter.result().expect("it has a thread, while the other waits");
            waiter.result().expect("its event is set");
        }
    });
}

#[test]
fn jobs_that_borrow_an_event_all_go_on_when_it_is_set() {
    within_patience(|| {
        let (pool, start, ready) = (ThreadPool::new(2), Event::new(), Event::new());
        let sum: u32 = pool.scope(|scope| {
            let jobs: Vec<_> = (1..=4)
                .map(|number| {
                    let (start, ready) = (&start, &ready);
                    scope.submit(boxed(move || {
                        ready.set();
                        start.wait();
                        number
                    }))
                })
                .collect();
            ready.wait();
            start.set();
            jobs.into_iter().map(|job| job.result().expect("it was let go")).sum()
        });
        assert_eq!(sum, 10);
    });
}

#[test]
fn more_waiting_jobs_than_threads_keep_no_other_from_running() {
    within_patience(|| {
        let (pool, event) = (ThreadPool::new(2), Arc::new(Event::new()));
        let waiters: Vec<_> = (0..8)
            .map(|_| {
                let event = event.clone();
                pool.submit(boxed(move || event.wait()))
            })
            .collect();
        pool.submit(boxed(move || event.set())).result().expect("waiting jobs keep no one from a thread");
        assert!(join_all(waiters).into_iter().all(|outcome| outcome.is_ok()));
    });
}
