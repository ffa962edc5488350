//! A job may wait for another job of its own pool, at any depth, on a pool of any size.

use std::collections::HashSet;
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use executor::{Future, ThreadHandle, ThreadPool, Until, as_completed, join_all, wait};

use crate::support::gate::block;
use crate::support::within_patience;

const SIZES: [usize; 3] = [1, 2, 8];

/// On a pool of each size, with a handle to it for its jobs.
fn on_each_size(test: impl Fn(&ThreadPool, ThreadHandle) + Send + 'static) {
    within_patience(move || {
        for threads in SIZES {
            let pool = ThreadPool::new(threads);
            test(&pool, pool.handle());
        }
    });
}

fn fib(pool: &ThreadHandle, n: u32) -> u64 {
    if n < 2 {
        return n.into();
    }
    let (left, right) = (pool.clone(), pool.clone());
    let left = pool.submit(move || fib(&left, n - 1));
    let right = pool.submit(move || fib(&right, n - 2));
    left.result().unwrap() + right.result().unwrap()
}

#[test]
fn recursion_by_futures_ends() {
    on_each_size(|pool, handle| {
        assert_eq!(pool.submit(move || fib(&handle, 15)).result().unwrap(), 610);
    });
}

#[test]
fn a_chain_of_a_thousand_waits_ends() {
    fn deeper(pool: &ThreadHandle, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        let next = pool.clone();
        pool.submit(move || deeper(&next, n - 1)).result().unwrap() + 1
    }
    on_each_size(|pool, handle| {
        assert_eq!(pool.submit(move || deeper(&handle, 1000)).result().unwrap(), 1000);
    });
}

#[test]
fn a_queued_job_runs_in_place_and_no_other_does() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let handle = pool.handle();
        let (ran, order) = mpsc::channel();
        let told = ran.clone();
        let outer = pool.submit(move || {
            let (first, second) = (told.clone(), told.clone());
            let first = handle.submit(move || first.send(("first", thread::current().id())).unwrap());
            let second = handle.submit(move || second.send(("second", thread::current().id())).unwrap());
            second.result().unwrap();
            told.send(("outer", thread::current().id())).unwrap();
            first
        });
        outer.result().unwrap().result().unwrap();
        drop(ran);
        let order: Vec<_> = order.iter().collect();
        assert_eq!(order.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["second", "outer", "first"]);
        let threads: HashSet<_> = order.iter().map(|(_, thread)| thread).collect();
        assert_eq!(threads.len(), 1, "no spare thread was needed");
    });
}

/// What cannot be run in place: each gets a spare thread.
#[test]
fn every_way_of_waiting_leaves_the_pool_its_width() {
    fn one(pool: &ThreadHandle) -> Future<usize> {
        pool.submit(|| 1)
    }
    let ways: [fn(&ThreadHandle) -> usize; 9] = [
        |pool| one(pool).result().unwrap(),
        |pool| one(pool).result_timeout(Duration::MAX).ok().unwrap().unwrap(),
        |pool| pool.submit_after(Duration::from_millis(1), || 1).result().unwrap(),
        |pool| one(pool).map_ok(|n| n).result().unwrap(),
        |pool| join_all([one(pool), one(pool)]).into_iter().map(Result::unwrap).sum::<usize>() - 1,
        |pool| as_completed([one(pool)]).map(|(_, outcome)| outcome.unwrap()).sum(),
        |pool| wait([one(pool), one(pool)], Until::AllDone).done.len() - 1,
        |pool| wait([one(pool)], Until::FirstDone).done.len(),
        |pool| pool.map([1_usize], |n| n).map(Result::unwrap).sum(),
    ];
    on_each_size(move |pool, handle| {
        for way in ways {
            // As many at once as there are threads, so that none is free.
            let all = Arc::new(Barrier::new(pool.workers()));
            let futures: Vec<_> = (0..pool.workers())
                .map(|_| {
                    let (all, handle) = (all.clone(), handle.clone());
                    pool.submit(move || {
                        all.wait();
                        way(&handle)
                    })
                })
                .collect();
            assert!(join_all(futures).into_iter().all(|outcome| outcome.unwrap() == 1));
        }
    });
}

#[test]
fn a_job_may_wait_for_one_that_runs_elsewhere_and_one_of_another_pool() {
    on_each_size(|pool, handle| {
        let other = ThreadPool::new(1);
        let back = handle.clone();
        // It waits for a pool whose job waits for this one.
        let there = other.handle();
        let outcome = pool.submit(move || there.submit(move || back.submit(|| 7).result().unwrap()).result().unwrap());
        assert_eq!(outcome.result().unwrap(), 7);
    });
}

#[test]
fn no_more_jobs_run_at_once_than_the_pool_is_wide_although_spares_came() {
    within_patience(|| {
        for threads in SIZES {
            let pool = ThreadPool::new(threads);
            let handle = pool.handle();
            // Each waits for what no thread runs in place, so that as many spares come as there are threads.
            let all = Arc::new(Barrier::new(threads));
            let waiting: Vec<_> = (0..threads)
                .map(|_| {
                    let (handle, all) = (handle.clone(), all.clone());
                    pool.submit(move || {
                        all.wait();
                        let inner = all.clone();
                        as_completed([handle.submit(move || inner.wait().is_leader())]).count()
                    })
                })
                .collect();
            assert!(join_all(waiting).into_iter().all(|outcome| outcome.unwrap() == 1));
            let hold = block(&pool);
            let one_more = pool.submit(|| ());
            assert!(!one_more.is_running());
            drop(hold);
            one_more.result().unwrap();
        }
    });
}
