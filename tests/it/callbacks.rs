//! Callbacks that no worker runs: they have a thread of their own, so none is in the way of a timer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use executor::{Future, JobError, JobOptions, ThreadHandle, ThreadPool, current};

use crate::support::boxed;
use crate::support::latch::{Latch, block};
use crate::support::within_patience;

const SHORT: Duration = Duration::from_millis(2);

/// A job that ends as timed out while it runs.
fn too_slow(pool: &ThreadPool) -> Future<()> {
    pool.with(JobOptions::new().timeout(SHORT)).submit(boxed(|| {
        while !current::stop_requested() {
            thread::yield_now();
        }
    }))
}

/// A job that ends as timed out before it starts.
fn too_late(pool: &ThreadPool) -> Future<()> {
    pool.with(JobOptions::new().start_by(SHORT)).submit(boxed(|| ()))
}

fn assert_timed_out(outcome: Result<(), JobError>) {
    assert!(matches!(outcome, Err(JobError::TimedOut(_))), "{outcome:?}");
}

#[test]
fn a_slow_callback_of_a_timeout_holds_no_timer_up() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let (hold, latch) = Latch::closed();
        let (called, calls) = mpsc::channel();
        let wait = latch.clone();
        too_slow(&pool).on_done(move |outcome| {
            called.send(()).unwrap();
            wait.wait();
            assert_timed_out(outcome);
        });
        calls.recv().unwrap();
        let busy = block(&pool);
        too_late(&pool).on_done(move |outcome| {
            latch.wait();
            assert_timed_out(outcome);
        });
        // While the callback waits, the timer does not.
        assert_timed_out(too_late(&pool).result());
        drop(busy);
        assert_timed_out(too_slow(&pool).result());
        pool.submit_after(SHORT, boxed(|| ())).result().unwrap();
        drop(hold);
    });
}

#[test]
fn a_callback_may_use_its_pool() {
    within_patience(|| {
        let (pool, (results, result)) = (Arc::new(ThreadPool::new(1)), mpsc::channel());
        for late in [too_slow, too_late] {
            let (inner, results) = (pool.handle(), results.clone());
            let busy = block(&*pool);
            let future = late(&pool);
            future.on_done(move |_| {
                let inside = inner.with(JobOptions::new().timeout(SHORT)).submit(boxed(|| {
                    while !current::stop_requested() {
                        thread::yield_now();
                    }
                }));
                let outcomes = (inner.submit(boxed(|| 7)).result().unwrap(), inside.result().is_err());
                results.send((outcomes, inner.scheduler_is_idle())).unwrap();
            });
            drop(busy);
            assert_eq!(result.recv().unwrap(), ((7, true), false), "it does not wait for itself");
        }
    });
}

/// A wait for an idle pool. Called in a callback, it would have to wait for that callback.
trait Idle {
    fn scheduler_is_idle(&self) -> bool;
}

impl Idle for ThreadHandle {
    fn scheduler_is_idle(&self) -> bool {
        self.wait_idle_timeout(Duration::from_secs(3600))
    }
}

#[test]
fn a_callback_may_shut_its_pool_down_or_drop_it() {
    within_patience(|| {
        for drops in [false, true] {
            let pool = Arc::new(Mutex::new(Some(ThreadPool::new(1))));
            let owner = pool.clone();
            let (done, is_done) = mpsc::channel();
            let late = {
                let pool = pool.lock().unwrap();
                let pool = pool.as_ref().unwrap();
                let busy = block(pool);
                let late = too_late(pool);
                late.on_done(move |_| {
                    let pool = owner.lock().unwrap().take().unwrap();
                    if !drops {
                        pool.shutdown(true);
                    }
                    drop(pool);
                    done.send(()).unwrap();
                });
                busy
            };
            // The worker is busy: neither waits for it.
            is_done.recv().unwrap();
            drop(late);
        }
    });
}

#[test]
fn a_shutdown_and_who_waits_for_idleness_wait_for_callbacks() {
    within_patience(|| {
        for is_shutdown in [false, true] {
            let pool = ThreadPool::new(1);
            let (hold, latch) = Latch::closed();
            let (called, calls) = mpsc::channel();
            let count = Arc::new(AtomicUsize::new(0));
            for _ in 0..3 {
                let (latch, called, count) = (latch.clone(), called.clone(), count.clone());
                too_slow(&pool).on_done(move |_| {
                    called.send(()).unwrap();
                    latch.wait();
                    count.fetch_add(1, Ordering::SeqCst);
                });
            }
            calls.recv().unwrap();
            let last = too_slow(&pool);
            let is_open = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| {
                    if is_shutdown {
                        pool.shutdown(true);
                    } else {
                        pool.wait_idle();
                    }
                    assert!(is_open.load(Ordering::SeqCst));
                    assert_eq!(count.load(Ordering::SeqCst), 3);
                });
                // The others have ended by then, and wait to be called back.
                last.wait();
                is_open.store(true, Ordering::SeqCst);
                drop(hold);
            });
        }
    });
}

#[test]
fn a_panic_in_a_callback_costs_that_callback_only() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        too_slow(&pool).on_done(|_| panic!("a callback"));
        let (told, tells) = mpsc::channel();
        too_slow(&pool).on_done(move |outcome| told.send(outcome).unwrap());
        assert_timed_out(tells.recv().unwrap());
        pool.shutdown(true);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn the_thread_for_callbacks_is_there_as_long_as_it_is_needed() {
    use crate::support::eventually;
    use crate::support::system::tasks_named;

    within_patience(|| {
        let pool = ThreadPool::builder().threads(1).name("cb").keep_alive(5 * SHORT).build().unwrap();
        let thread = |wanted: usize| eventually("it starts and ends", || tasks_named("cb-callbacks").len() == wanted);
        for _ in 0..3 {
            assert_timed_out(too_slow(&pool).result());
            thread(0);
            let (hold, latch) = Latch::closed();
            let is_called = Arc::new(OnceLock::new());
            let called = is_called.clone();
            too_slow(&pool).on_done(move |_| {
                latch.wait();
                called.set(thread::current().name().map(ToOwned::to_owned)).unwrap();
            });
            thread(1);
            drop(hold);
            thread(0);
            assert_eq!(is_called.get().unwrap().as_deref(), Some("cb-callbacks"));
        }
        let open = ThreadPool::builder().threads(1).name("cb3").build().unwrap();
        let (hold, latch) = Latch::closed();
        let (called, calls) = mpsc::channel();
        too_slow(&open).on_done(move |_| {
            called.send(()).unwrap();
            latch.wait();
        });
        calls.recv().unwrap();
        open.shutdown(false);
        eventually("the others are gone", || tasks_named("cb3-") == tasks_named("cb3-callbacks"));
        let closed = open.closed();
        assert!(!closed.is_done());
        drop(hold);
        closed.result().unwrap();

        let kept = ThreadPool::builder().threads(1).name("cb2").keep_alive(Duration::MAX).build().unwrap();
        too_slow(&kept).on_done(drop);
        eventually("it starts", || tasks_named("cb2-callbacks").len() == 1);
        kept.shutdown(true);
        eventually("it is gone", || tasks_named("cb2-").is_empty());
    });
}
