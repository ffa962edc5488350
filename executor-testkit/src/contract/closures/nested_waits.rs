//! A job may wait for another job of its own pool, at any depth, on a pool of any size.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use executor_core::{ClosureExecutor, Event, Future, JobSet, Until, as_completed, join_all, wait};

fn fib<H: ClosureExecutor + Clone + 'static>(pool: &H, n: u32) -> u64 {
    if n < 2 {
        return n.into();
    }
    let (left, right) = (pool.clone(), pool.clone());
    let left = pool.submit(move || fib(&left, n - 1));
    let right = pool.submit(move || fib(&right, n - 2));
    left.result().unwrap() + right.result().unwrap()
}

pub fn recursion_by_futures_ends<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let handle = pool.handle();
    assert_eq!(pool.submit(move || fib(&handle, 15)).result().unwrap(), 610);
}

pub fn a_chain_of_a_thousand_waits_ends<E: ClosureExecutor>(make: impl Fn() -> E) {
    fn deeper<H: ClosureExecutor + Clone + 'static>(pool: &H, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        let next = pool.clone();
        pool.submit(move || deeper(&next, n - 1)).result().unwrap() + 1
    }
    let pool = make();
    let handle = pool.handle();
    assert_eq!(pool.submit(move || deeper(&handle, 1000)).result().unwrap(), 1000);
}

/// As many jobs as there are workers, so that none is free, wait for another job, each in a `way`.
fn on_every_worker<E: ClosureExecutor>(pool: &E, way: fn(&E::Handle) -> usize) {
    let all = Arc::new(Barrier::new(pool.workers()));
    let job = || {
        let (all, handle) = (all.clone(), pool.handle());
        move || {
            all.wait();
            way(&handle)
        }
    };
    let futures: Vec<_> = (0..pool.workers()).map(|_| pool.submit(job())).collect();
    assert!(join_all(futures).into_iter().all(|outcome| outcome.unwrap() == 1));
}

/// Blocks as an async runtime that knows nothing of executors: the thread sleeps between two polls.
fn block_on<F: std::future::Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

pub fn every_way_of_waiting_ends<E: ClosureExecutor>(make: impl Fn() -> E) {
    fn one<H: ClosureExecutor>(pool: &H) -> Future<usize> {
        pool.submit(|| 1)
    }
    let ways: [fn(&E::Handle) -> usize; 13] = [
        |pool| one(pool).result().unwrap(),
        |pool| one(pool).result_timeout(Duration::MAX).ok().unwrap().unwrap(),
        |pool| pool.submit_after(Duration::from_millis(1), || 1).result().unwrap(),
        |pool| one(pool).map_ok(|n| n).result().unwrap(),
        |pool| join_all([one(pool), one(pool)]).into_iter().map(Result::unwrap).sum::<usize>() - 1,
        |pool| as_completed([one(pool)]).map(|(_, outcome)| outcome.unwrap()).sum(),
        |pool| wait([one(pool), one(pool)], Until::AllDone).done.len() - 1,
        |pool| wait([one(pool)], Until::FirstDone).done.len(),
        |pool| pool.map([1_usize], |n| n).map(Result::unwrap).sum(),
        |pool| block_on(one(pool)).unwrap(),
        |pool| {
            let (first, second) = (one(pool), one(pool));
            block_on(async { second.await.unwrap() + first.await.unwrap() }) - 1
        },
        |pool| {
            let mut set = JobSet::new();
            set.insert(one(pool));
            block_on(poll_fn(|context| set.poll_next(context))).map_or(0, |(_, outcome)| outcome.unwrap())
        },
        |pool| {
            let event = Arc::new(Event::new());
            let setter = event.clone();
            drop(pool.submit(move || setter.set()));
            event.wait();
            1
        },
    ];
    let pool = make();
    for way in ways {
        on_every_worker(&pool, way);
    }
}

pub fn a_job_may_wait_for_one_that_runs_elsewhere_and_one_of_another_pool<E: ClosureExecutor>(make: impl Fn() -> E) {
    let (pool, other) = (make(), make());
    let (back, there) = (pool.handle(), other.handle());
    // It waits for a pool whose job waits for this one.
    let outcome = pool.submit(move || there.submit(move || back.submit(|| 7).result().unwrap()).result().unwrap());
    assert_eq!(outcome.result().unwrap(), 7);
}

pub fn a_queued_job_that_is_waited_for_runs_and_those_before_it_too<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let (handle, (ran, runs)) = (pool.handle(), mpsc::channel());
    let outer = pool.submit(move || {
        let jobs: Vec<_> = (0..10)
            .map(|n| {
                let ran = ran.clone();
                handle.submit(move || ran.send((n, thread::current().id())).unwrap())
            })
            .collect();
        let [.., last] = jobs.as_slice() else { unreachable!("there are ten") };
        last.wait();
        jobs
    });
    assert!(join_all(outer.result().unwrap()).iter().all(Result::is_ok));
    let mut numbers: Vec<_> = runs.iter().map(|(n, _)| n).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..10), "each once");
}
