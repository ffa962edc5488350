//! A job that waits for another one runs it in place; other waits get a spare thread, and the pool is as wide as before.

use std::collections::HashSet;
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;

use executor::{ThreadHandle, ThreadPool, as_completed, join_all};

use crate::support::boxed;
use crate::support::latch::block;
use crate::support::within_patience;

const SIZES: [usize; 3] = [1, 2, 8];

#[test]
fn a_queued_job_runs_in_place_and_no_other_does() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let handle = pool.handle();
        let (ran, order) = mpsc::channel();
        let told = ran.clone();
        let outer = pool.submit(boxed(move || {
            let (first, second) = (told.clone(), told.clone());
            let first = handle.submit(boxed(move || first.send(("first", thread::current().id())).unwrap()));
            let second = handle.submit(boxed(move || second.send(("second", thread::current().id())).unwrap()));
            second.result().unwrap();
            told.send(("outer", thread::current().id())).unwrap();
            first
        }));
        outer.result().unwrap().result().unwrap();
        drop(ran);
        let order: Vec<_> = order.iter().collect();
        assert_eq!(order.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["second", "outer", "first"]);
        let threads: HashSet<_> = order.iter().map(|(_, thread)| thread).collect();
        assert_eq!(threads.len(), 1, "no spare thread was needed");
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
                    pool.submit(boxed(move || {
                        all.wait();
                        let inner = all.clone();
                        as_completed([handle.submit(boxed(move || inner.wait().is_leader()))]).count()
                    }))
                })
                .collect();
            assert!(join_all(waiting).into_iter().all(|outcome| outcome.unwrap() == 1));
            let hold = block(&pool);
            let one_more = pool.submit(boxed(|| ()));
            assert!(!one_more.is_running());
            drop(hold);
            one_more.result().unwrap();
        }
    });
}

fn depth(pool: &ThreadHandle, n: usize) -> usize {
    if n == 0 {
        return 0;
    }
    let inner = pool.clone();
    1 + pool.submit(boxed(move || depth(&inner, n - 1))).result().unwrap()
}

#[test]
fn deep_waits_fit_on_small_stacks() {
    within_patience(|| {
        for kib in [64, 128, 256] {
            let pool = ThreadPool::builder().threads(1).stack_size(kib * 1024).build().unwrap();
            assert_eq!(depth(&pool.handle(), 1), 1);
            let handle = pool.handle();
            assert_eq!(pool.submit(boxed(move || depth(&handle, 120))).result().unwrap(), 120, "{kib} KiB");
        }
    });
}

#[test]
fn deep_waits_of_large_frames_fit() {
    fn wide(pool: &ThreadHandle, n: usize) -> usize {
        let frame = std::hint::black_box([n; 2 * 1024]);
        if n == 0 {
            return 0;
        }
        let (inner, next) = (pool.clone(), frame[n] - 1);
        1 + pool.submit(boxed(move || wide(&inner, next))).result().unwrap()
    }
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let handle = pool.handle();
        assert_eq!(pool.submit(boxed(move || wide(&handle, 120))).result().unwrap(), 120);
    });
}
