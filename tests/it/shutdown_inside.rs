//! Inside a job or callback, a shutdown never waits: two such jobs would wait for each other.

use std::sync::{Arc, mpsc};

use executor::{ClosureExecutor, Future, JobError, Rejection, Shutdown, ThreadPool};

use crate::support::door::Door;
use crate::support::jobs::Do;
use crate::support::kinds::{Make, on_every_closure_executor, on_every_executor};
use crate::support::within_patience;

on_every_executor![
    shutdown_true_in_a_callback_does_not_wait,
    a_pool_may_be_dropped_in_a_callback,
    a_callback_on_the_cancelling_thread_may_shut_down,
    a_callback_on_the_registering_thread_may_shut_down,
];

fn shutdown_true_in_a_callback_does_not_wait(make: Make) {
    let (pool, door) = (make(), Door::new());
    let guests = pool.block(&door);
    let futures: Vec<_> = (0..20).map(|n| pool.submit(Do::Echo(n))).collect();
    let (calls, called) = mpsc::channel();
    for future in futures {
        let (owner, calls) = (pool.share(), calls.clone());
        future.on_done(move |outcome| {
            owner.shutdown(true);
            calls.send(outcome.is_ok()).unwrap();
        });
    }
    drop((guests, calls));
    assert_eq!(called.into_iter().collect::<Vec<_>>(), [true; 20]);
    pool.shutdown(true);
}

fn a_pool_may_be_dropped_in_a_callback(make: Make) {
    let (pool, door) = (make(), Door::new());
    let future = pool.submit(Do::Ring(door.bell(), 1));
    let last = pool.submit(Do::Echo(2));
    let guest = door.answer();
    let (calls, called) = mpsc::channel();
    future.on_done(move |outcome| {
        drop(pool);
        calls.send(outcome.is_ok()).unwrap();
    });
    drop(guest);
    assert!(called.recv().unwrap());
    assert_eq!(last.result().unwrap(), 2, "what was accepted before still runs");
}

fn a_callback_on_the_cancelling_thread_may_shut_down(make: Make) {
    let (pool, door) = (make(), Door::new());
    let guests = pool.block(&door);
    let future = pool.submit(Do::Echo(1));
    let canceller = future.canceller();
    let (calls, called) = mpsc::channel();
    let owner = pool.share();
    future.on_done(move |_| {
        drop(guests); // this thread is no worker: the shutdown waits, so the jobs must be able to end
        owner.shutdown(true);
        calls.send(()).unwrap();
    });
    assert!(canceller.cancel());
    called.try_recv().expect("the callback ran where the job was cancelled");
}

fn a_callback_on_the_registering_thread_may_shut_down(make: Make) {
    let pool = make();
    let future = pool.submit(Do::Echo(1));
    future.wait();
    let (calls, called) = mpsc::channel();
    let owner = pool.share();
    future.on_done(move |outcome| {
        owner.shutdown(true);
        calls.send(outcome.unwrap()).unwrap();
    });
    assert_eq!(called.try_recv(), Ok(1), "the job had ended, so the callback ran here");
}

mod closures {
    use super::*;

    on_every_closure_executor![
        shutdown_true_in_a_job_does_not_wait,
        jobs_may_shut_down_together,
        a_job_that_shuts_down_is_refused_its_next_submit,
        a_mapped_result_may_shut_down,
    ];

    fn shutdown_true_in_a_job_does_not_wait<E: ClosureExecutor>(make: impl Fn() -> E) {
        let pool = make();
        let handle = pool.handle();
        let future = pool.submit(move || {
            handle.shutdown(true);
            5
        });
        assert_eq!(future.result().unwrap(), 5);
        pool.shutdown(true);
    }

    fn jobs_may_shut_down_together<E: ClosureExecutor>(make: impl Fn() -> E) {
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
        assert!(executor::join_all(futures).iter().all(Result::is_ok));
    }

    fn a_job_that_shuts_down_is_refused_its_next_submit<E: ClosureExecutor>(make: impl Fn() -> E) {
        let pool = make();
        let handle = pool.handle();
        let future: Future<Result<(), JobError>> = pool.submit(move || {
            handle.shutdown(true);
            handle.submit(|| ()).result()
        });
        let inner = future.result().unwrap();
        assert!(matches!(inner, Err(JobError::Rejected(Rejection::Shutdown))), "{inner:?}");
    }

    fn a_mapped_result_may_shut_down<E: ClosureExecutor>(make: impl Fn() -> E) {
        let pool = make();
        let handle = pool.handle();
        let mapped = pool.submit(|| 1).map_ok(move |n| {
            handle.shutdown(true);
            n + 1
        });
        assert_eq!(mapped.result().unwrap(), 2);
        pool.shutdown(true);
    }
}

#[test]
fn a_pool_may_be_dropped_in_its_own_job() {
    within_patience(|| {
        let pool = Arc::new(ThreadPool::new(2));
        let (mine, owner) = (pool.clone(), pool.clone());
        let (go, gone) = mpsc::channel::<()>();
        let future = mine.submit(move || {
            gone.recv().unwrap_or_default(); // until the job has the last reference
            drop(owner);
            7
        });
        let last = mine.submit(|| 8);
        drop((pool, mine, go));
        assert_eq!(future.result().unwrap(), 7);
        assert_eq!(last.result().unwrap(), 8);
    });
}

#[test]
fn a_job_of_one_pool_may_shut_another_down_and_wait() {
    within_patience(|| {
        let (pool, other) = (ThreadPool::new(1), ThreadPool::new(1));
        let slow = other.submit(std::thread::yield_now);
        let is_done = pool.submit(move || {
            other.shutdown(true);
            slow.is_done()
        });
        assert!(is_done.result().unwrap(), "a shutdown from a foreign job waits");
    });
}

#[test]
fn a_state_may_shut_its_pool_down_when_it_is_dropped() {
    struct Closer(executor::ThreadHandle);
    impl Drop for Closer {
        fn drop(&mut self) {
            self.0.shutdown(true);
        }
    }
    within_patience(|| {
        let (handles, given) = mpsc::channel::<executor::ThreadHandle>();
        let given = std::sync::Mutex::new(given);
        let make = move || Closer(given.lock().unwrap().recv().unwrap());
        let pool = ThreadPool::builder().threads(1).initializer(make).build().unwrap();
        handles.send(pool.handle()).unwrap();
        assert!(pool.submit(|| ()).result().is_ok());
        pool.shutdown(true);
    });
}
