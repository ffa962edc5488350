//! While a thread runs the job that it submits (`CallerRuns`), it counts as a worker of the pool, whatever thread it is.

use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use executor::{Future, Rejection, ShutdownPolicy, ThreadHandle, ThreadPool, WhenFull, current};

use crate::support::bounds::{bounded, occupy};
use crate::support::boxed;
use crate::support::latch::{Latch, LatchGuard};
use crate::support::{eventually, within_patience};

/// A pool whose one thread is busy, and a job for which there was a place.
fn full() -> (ThreadPool, LatchGuard, Future<thread::ThreadId>) {
    let pool = bounded(1, 1, WhenFull::CallerRuns);
    let busy = occupy(&pool, 1);
    let waits = pool.submit(boxed(|| thread::current().id()));
    (pool, busy, waits)
}

/// A thread that runs a job which waits until the hold is dropped, and then does `job`.
fn caller<T: Send + 'static>(
    pool: &ThreadPool,
    job: impl FnOnce() -> T + Send + 'static,
) -> (JoinHandle<Future<T>>, LatchGuard) {
    let (hold, latch) = Latch::closed();
    let (handle, (started, starts)) = (pool.handle(), mpsc::channel());
    let caller = thread::spawn(move || {
        handle.submit(boxed(move || {
            started.send(()).unwrap();
            latch.wait();
            job()
        }))
    });
    starts.recv().unwrap();
    (caller, hold)
}

#[test]
fn awaited_job_runs_on_the_caller() {
    within_patience(|| {
        let (pool, _busy, waits) = full();
        let ran_on = pool.submit(boxed(move || waits.result().unwrap()));
        assert_eq!(ran_on.result().unwrap(), thread::current().id());
    });
}

#[test]
fn a_shutdown_waits_for_the_job() {
    within_patience(|| {
        let (pool, busy, waits) = full();
        let (caller, held) = caller(&pool, || 7);
        drop(busy);
        assert_ne!(waits.result().unwrap(), caller.thread().id());
        assert!(!pool.wait_idle_timeout(Duration::ZERO));
        pool.shutdown(false);
        eventually("no thread is left", || pool.stats().workers == 0);
        let (closed, handle) = (pool.closed(), pool.handle());
        assert!(!closed.is_done() && !pool.wait_idle_timeout(Duration::ZERO));
        let report = pool.shutdown_with(ShutdownPolicy::drain().within(Duration::ZERO));
        assert_eq!(report.to_string(), "0 completed, 0 failed, 0 cancelled, 1 still running");
        drop(held);
        drop(pool);
        closed.result().unwrap();
        assert_eq!((handle.stats().running, handle.stats().completed), (0, 3));
        assert_eq!(caller.join().unwrap().result().unwrap(), 7);
    });
}

#[test]
fn a_shutdown_in_the_job_does_not_wait_for_it() {
    within_patience(|| {
        let (pool, busy, waits) = full();
        let handle = pool.handle();
        let inside = pool.submit(boxed(move || {
            handle.shutdown(true);
            handle.wait_idle();
            handle.try_submit(boxed(|| ())).unwrap_err().reason()
        }));
        assert_eq!(inside.result().unwrap(), Rejection::Shutdown);
        drop(busy);
        waits.result().unwrap();
    });
}

#[test]
fn a_kill_asks_the_job_to_stop() {
    within_patience(|| {
        let (pool, busy, waits) = full();
        let (caller, held) = caller(&pool, current::stop_requested);
        drop(busy);
        waits.result().unwrap();
        eventually("the worker has put its job away", || pool.stats().running == 1);
        let report = pool.shutdown_with(ShutdownPolicy::kill().within(Duration::ZERO));
        assert_eq!(report.still_running, 1);
        drop(held);
        assert!(caller.join().unwrap().result().unwrap());
    });
}

#[test]
fn the_thread_is_afterwards_what_it_was() {
    within_patience(|| {
        let (pool, busy, waits) = full();
        let other = ThreadPool::builder().threads(1).name("other").initializer(|| 5_u32).build().unwrap();
        let here = || (current::worker_name(), current::state::<u32>().as_deref().copied());
        let handle = pool.handle();
        let (inside, after) =
            other.submit(boxed(move || (handle.submit(here).result().unwrap(), here()))).result().unwrap();
        assert_eq!(inside.1, None);
        assert_eq!(after, (Some(Arc::from("other-0")), Some(5)));
        drop(busy);
        waits.result().unwrap();
    });
}

/// Every call that waits for a whole pool.
const ENDS: [fn(&ThreadHandle); 4] = [
    ThreadHandle::wait_idle,
    |pool| assert!(!pool.wait_idle_timeout(Duration::MAX), "its own job runs"),
    |pool| pool.shutdown(true),
    |pool| _ = pool.shutdown_with(ShutdownPolicy::drain()),
];

#[test]
fn a_job_in_anothers_place_waits_for_no_own_pool() {
    within_patience(|| {
        let (other, _busy, _waits) = full();
        for end in ENDS {
            let pool = ThreadPool::new(1);
            let (own, others) = (pool.handle(), other.handle());
            let inside = pool.submit(boxed(move || others.submit(boxed(move || end(&own))).result()));
            inside.result().unwrap().unwrap();
        }
    });
}

#[test]
fn a_callback_in_anothers_place_waits_for_no_own_pool() {
    within_patience(|| {
        let (other, _busy, _waits) = full();
        for end in ENDS {
            let pool = ThreadPool::new(1);
            let (own, others) = (pool.handle(), other.handle());
            let (told, tells) = mpsc::channel();
            let (hold, latch) = Latch::closed();
            pool.submit(boxed(move || latch.wait())).on_done(move |_| {
                told.send(others.submit(boxed(move || end(&own))).result()).unwrap();
            });
            drop(hold);
            tells.recv().unwrap().unwrap();
        }
    });
}

#[test]
fn places_of_three_pools_nest() {
    within_patience(|| {
        let (second, _busy, _waits) = full();
        let (third, _also_busy, _also_waits) = full();
        for end in ENDS {
            let first = bounded(1, 1, WhenFull::CallerRuns);
            let hold = occupy(&first, 1);
            let (one, two, three) = (first.handle(), second.handle(), third.handle());
            let inside = first.submit(boxed(move || {
                let waits = one.submit(boxed(|| thread::current().id()));
                let again = one.clone();
                let innermost = move || {
                    // The queue of the first is full again, and the job that waits there runs in the place of this one.
                    let ran_on = again.clone().submit(boxed(move || waits.result().unwrap())).result().unwrap();
                    end(&again);
                    (ran_on, thread::current().id())
                };
                two.submit(boxed(move || three.submit(innermost).result().unwrap())).result().unwrap()
            }));
            drop(hold);
            let (ran_on, innermost) = inside.result().unwrap();
            assert_eq!(ran_on, innermost);
        }
    });
}

#[cfg(feature = "process")]
#[test]
fn a_process_pools_callback_in_anothers_place_does_not_wait() {
    fn double(n: u32) -> u32 {
        2 * n
    }
    within_patience(|| {
        let (other, _busy, _waits) = full();
        let pool = executor::ProcessPool::new(1).unwrap();
        let (own, others) = (pool.handle(), other.handle());
        let (told, tells) = mpsc::channel();
        pool.submit(executor::call!(double(2))).on_done(move |outcome| {
            let ends = others.submit(boxed(move || {
                own.wait_idle();
                own.shutdown(true);
            }));
            told.send((outcome.unwrap(), ends.result())).unwrap();
        });
        let (four, ends) = tells.recv().unwrap();
        assert_eq!(four, 4);
        ends.unwrap();
    });
}
