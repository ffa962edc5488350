//! A job that has polled what is not done counts as blocked, until that is done or gone, or the job has ended.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use executor_core::cell::Run;
use executor_core::current::{self, Worker};
use executor_core::{Future, JobError, JobSet, promise};

use crate::support::{Pool, within_patience};

/// Runs `body` as a job on a worker, with what tells how often its pool was told that it blocks and that it goes on. Returns what it
/// was told until after the job.
fn in_a_job(body: impl FnOnce(&dyn Fn() -> (usize, usize)) + Send + 'static) -> (usize, usize) {
    within_patience(|| {
        let pool = Pool::new(false);
        let told = |pool: &Pool| (pool.blocks.get(), pool.unblocks.get());
        current::set_worker(Some(Worker { name: None, state: None, host: Some(pool.clone()) }));
        let inside = pool.clone();
        let (job, future) = Future::of_job(move || body(&|| told(&inside)));
        assert!(job.run());
        future.result().unwrap();
        current::set_worker(None);
        told(&pool)
    })
}

fn poll<T>(future: &mut Future<T>) -> Poll<Result<T, JobError>> {
    std::future::Future::poll(Pin::new(future), &mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_polled_future_blocks_until_it_is_ready() {
    let told = in_a_job(|told| {
        let (promise, mut future) = promise();
        assert!(poll(&mut future).is_pending() && poll(&mut future).is_pending());
        assert_eq!(told(), (1, 0), "it counts once");
        promise.complete(7);
        assert_eq!(told(), (1, 0), "the thread has not heard of it yet");
        assert!(poll(&mut future).is_ready());
        assert_eq!(told(), (1, 1));
        assert!(poll(&mut Future::ready(7)).is_ready());
    });
    assert_eq!(told, (1, 1));
}

#[test]
fn a_worker_goes_on_after_the_last_polled_future() {
    in_a_job(|told| {
        let (first, mut one) = promise::<u32>();
        let (_second, mut other) = promise::<u32>();
        assert!(poll(&mut one).is_pending() && poll(&mut other).is_pending());
        first.complete(7);
        assert!(poll(&mut one).is_ready());
        assert_eq!(told(), (1, 0), "the other one is not done, and nobody may poll it again before it is");
        drop(other);
        assert_eq!(told(), (1, 1));
    });
}

#[test]
fn a_future_that_is_given_away_counts_as_long_as_the_job() {
    let told = in_a_job(|told| {
        let (promise, mut future) = promise::<u32>();
        assert!(poll(&mut future).is_pending());
        std::thread::spawn(move || drop((promise, future))).join().unwrap();
        assert_eq!(told(), (1, 0));
    });
    assert_eq!(told, (1, 1));
}

#[test]
fn a_polled_future_may_be_taken_otherwise() {
    in_a_job(|told| {
        let (promise, mut future) = promise();
        assert!(poll(&mut future).is_pending());
        promise.complete(7);
        assert_eq!(future.result().unwrap(), 7);
        assert_eq!(told(), (1, 1));
    });
}

#[test]
fn a_polled_set_blocks_until_it_is_ready() {
    in_a_job(|told| {
        let poll = |set: &mut JobSet<u32>| set.poll_next(&mut Context::from_waker(Waker::noop()));
        let (first, one) = promise();
        let (_second, other) = promise();
        let mut set = JobSet::new();
        set.insert(one);
        set.insert(other);
        assert!(poll(&mut set).is_pending());
        assert_eq!(told(), (1, 0));
        first.complete(7);
        assert!(poll(&mut set).is_ready());
        assert_eq!(told(), (1, 1));
        assert!(poll(&mut set).is_pending());
        drop(set);
        assert_eq!(told(), (2, 2));
    });
}

#[test]
fn a_thread_in_no_job_does_not_block() {
    within_patience(|| {
        let pool = Pool::new(false);
        current::set_worker(Some(Worker { name: None, state: None, host: Some(pool.clone()) }));
        let (_promise, mut future) = promise::<u32>();
        assert!(poll(&mut future).is_pending());
        current::set_worker(None);
        assert_eq!(pool.blocks.get(), 0);
    });
}
