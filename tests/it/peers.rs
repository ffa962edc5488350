//! Bugs of other pools that this one must not have.

use std::collections::HashSet;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use executor::{Future, ThreadPool, Until};

use crate::support::boxed;
use crate::support::latch::{block, run_together};
use crate::support::system::tasks_named;
use crate::support::{eventually, within_patience};

/// The crate `blocking` woke its threads in turn, so that a trickle of jobs kept all of them from ending.
#[test]
fn blocking_a_pool_that_was_large_shrinks_though_some_jobs_come_still() {
    within_patience(|| {
        let keep_alive = Duration::from_millis(200);
        let pool = ThreadPool::builder().threads(24).keep_alive(keep_alive).name("trickle").build().unwrap();
        run_together(&pool, 24);
        assert_eq!(tasks_named("trickle-").len(), 24);
        eventually("two threads do", || {
            pool.submit(boxed(|| ())).result().unwrap();
            tasks_named("trickle-").len() <= 2
        });
    });
}

/// `rusty_pool` started a thread for the first of a burst, and left the others to it.
#[test]
fn rusty_pool_a_burst_gets_a_thread_for_each_job_at_once() {
    within_patience(|| {
        let cold = ThreadPool::new(16);
        run_together(&cold, 16);
        // Also when one thread is there, and idle.
        let warm = ThreadPool::new(16);
        warm.submit(boxed(|| ())).result().unwrap();
        run_together(&warm, 16);
        // Also when one is there, and busy.
        let all_here = Arc::new(Barrier::new(16));
        let busy = ThreadPool::new(16);
        let submit = || {
            let all_here = all_here.clone();
            busy.submit(boxed(move || all_here.wait().is_leader()))
        };
        let mut futures = vec![submit()];
        eventually("it runs", || futures[0].is_running());
        futures.extend((1..16).map(|_| submit()));
        assert!(executor::join_all(futures).iter().all(Result::is_ok));
    });
}

/// rust-threadpool#13: a job that held the last reference to its pool joined its own thread.
#[test]
fn rust_threadpool_13_a_job_that_drops_its_pool_does_not_join_itself() {
    within_patience(|| {
        for threads in [1, 2] {
            let pool = Arc::new(ThreadPool::new(threads));
            let (mine, (give, given)) = (pool.clone(), mpsc::channel::<()>());
            let future = pool.submit(boxed(move || {
                given.recv().unwrap();
                drop(mine);
            }));
            drop(pool);
            give.send(()).unwrap();
            future.result().unwrap();
        }
    });
}

/// yatp#36: a job that shut its pool down joined its own thread.
#[test]
fn yatp_36_a_job_that_shuts_its_pool_down_does_not_join_itself() {
    within_patience(|| {
        for threads in [1, 2] {
            let pool = ThreadPool::new(threads);
            let handle = pool.handle();
            pool.submit(boxed(move || handle.shutdown(true))).result().unwrap();
            pool.shutdown(true);
        }
    });
}

/// Several pools: a job submitted while a worker was about to sleep or to end was run by no worker.
#[test]
fn no_wake_up_is_lost_under_load() {
    within_patience(|| {
        for keep_alive in [Duration::ZERO, Duration::from_micros(50), Duration::MAX] {
            for threads in [1, 2, 8] {
                let pool = ThreadPool::builder().threads(threads).keep_alive(keep_alive).build().unwrap();
                thread::scope(|scope| {
                    for submitter in 0..4 {
                        let pool = &pool;
                        scope.spawn(move || {
                            for round in 0..100 {
                                let futures = (0..=(submitter + round) % 4).map(|n| pool.submit(boxed(move || n)));
                                let outcomes = executor::join_all(futures.collect::<Vec<_>>());
                                assert!(outcomes.iter().all(Result::is_ok));
                            }
                        });
                    }
                });
            }
        }
    });
}

/// `CPython`, gh-92001: an exception in a callback ended the worker's thread.
#[test]
fn cpython_92001_a_callback_that_panics_costs_no_worker() {
    within_patience(|| {
        let pool = ThreadPool::builder().threads(2).keep_alive(Duration::MAX).build().unwrap();
        let workers = Arc::new(Mutex::new(HashSet::new()));
        for _ in 0..200 {
            let workers = workers.clone();
            let future = pool.submit(boxed(move || workers.lock().unwrap().insert(thread::current().id())));
            future.on_done(|_| panic!("a callback"));
        }
        pool.wait_idle();
        assert!(workers.lock().unwrap().len() <= 2, "no other thread was needed");
        run_together(&pool, 2);
    });
}

/// `CPython`, gh-92001: `wait` did not count those that were cancelled before they started.
#[test]
fn cpython_92001_a_wait_ends_with_futures_that_are_cancelled() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        for until in [Until::FirstDone, Until::FirstError, Until::AllDone] {
            for before in [false, true] {
                let _hold = block(&pool);
                let futures: Vec<Future<()>> = (0..3).map(|_| pool.submit(boxed(|| ()))).collect();
                let cancellers: Vec<_> = futures.iter().map(Future::canceller).collect();
                let cancel = move || assert!(cancellers.iter().all(executor::Canceller::cancel));
                let waited = thread::scope(|scope| {
                    let done = scope.spawn(cancel);
                    if before {
                        done.join().unwrap();
                    }
                    executor::wait(futures, until)
                });
                assert!(!waited.done.is_empty());
                assert!(until != Until::AllDone || waited.pending.is_empty());
            }
        }
    });
}
