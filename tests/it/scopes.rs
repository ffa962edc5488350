//! Jobs of a scope may borrow: when the scope ends, they and all that they held are gone.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;

use executor::{JobError, Rejection, ScopedFuture, ThreadHandle, ThreadPool};

use crate::support::boxed;
use crate::support::latch::{Latch, block};
use crate::support::within_patience;

const SIZES: [usize; 3] = [1, 2, 8];

/// On a pool of each size, from a thread that is no worker, and from a job of the same pool.
fn on_each_size(test: fn(&ThreadHandle)) {
    within_patience(move || {
        for threads in SIZES {
            let pool = ThreadPool::new(threads);
            test(&pool.handle());
            let handle = pool.handle();
            pool.submit(boxed(move || test(&handle))).result().unwrap();
        }
    });
}

/// Counts itself in what it borrows, when it is dropped.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        // Relaxed, here and below: the scope's end orders what came before it, and that is under test.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// And its drop panics.
struct Bomb<'a>(#[expect(dead_code, reason = "it is there to be dropped")] Counted<'a>);

impl Drop for Bomb<'_> {
    fn drop(&mut self) {
        resume_unwind(Box::new("a bomb"));
    }
}

fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).err().expect("it panics");
    (*payload.downcast::<&str>().expect("a plain text")).to_owned()
}

#[test]
fn jobs_write_to_what_they_borrow_and_it_is_the_callers_again() {
    on_each_size(|pool| {
        let mut numbers = vec![0_u32; 1000];
        for round in 1..=10 {
            pool.scope(|s| {
                for number in &mut numbers {
                    drop(s.submit(boxed(|| *number += 1)));
                }
            });
            assert!(numbers.iter().all(|&number| number == round));
            numbers.fill(round);
        }
    });
}

#[test]
fn results_may_borrow() {
    on_each_size(|pool| {
        let text = String::from("one two three");
        let longest = pool.scope(|s| {
            let words: Vec<_> = text.split(' ').map(|word| s.submit(boxed(move || (word.len(), word)))).collect();
            words.into_iter().map(|word| word.result().unwrap()).max().unwrap()
        });
        assert_eq!(longest, (5, "three"));
    });
}

#[test]
fn a_sum_by_scopes_in_scopes_is_right() {
    fn sum(pool: &ThreadHandle, numbers: &[u64]) -> u64 {
        if numbers.len() <= 4 {
            return numbers.iter().sum();
        }
        let (left, right) = numbers.split_at(numbers.len() / 2);
        let (mut a, mut b) = (0, 0);
        pool.scope(|s| {
            drop(s.submit(boxed(|| a = sum(pool, left))));
            b = sum(pool, right);
        });
        a + b
    }
    on_each_size(|pool| {
        let numbers: Vec<u64> = (0..2000).collect();
        assert_eq!(sum(pool, &numbers), 1_999_000);
    });
}

#[test]
fn scopes_nest_deeper_than_jobs_run_in_place() {
    fn deeper(pool: &ThreadHandle, n: u32) -> u32 {
        if n == 0 { 0 } else { pool.scope(|s| s.submit(boxed(|| deeper(pool, n - 1))).result().unwrap()) + 1 }
    }
    fn deeper_unasked(pool: &ThreadHandle, n: u32, reached: &AtomicUsize) {
        reached.fetch_add(1, Ordering::Relaxed);
        if n > 0 {
            pool.scope(|s| drop(s.submit(boxed(|| deeper_unasked(pool, n - 1, reached)))));
        }
    }
    on_each_size(|pool| {
        assert_eq!(deeper(pool, 300), 300);
        let reached = AtomicUsize::new(0);
        deeper_unasked(pool, 300, &reached);
        assert_eq!(reached.into_inner(), 301);
    });
}

#[test]
fn a_job_submits_more_jobs_to_its_scope() {
    on_each_size(|pool| {
        let count = AtomicUsize::new(0);
        pool.scope(|s| {
            for _ in 0..10 {
                drop(s.submit(boxed(|| {
                    for _ in 0..10 {
                        drop(s.submit(boxed(|| drop(s.submit(boxed(|| drop(Counted(&count))))))));
                    }
                })));
            }
        });
        assert_eq!(count.into_inner(), 100);
    });
}

#[test]
fn one_worker_runs_the_jobs_of_its_scope_in_place_and_in_order() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let handle = pool.handle();
        let order = pool.submit(boxed(move || {
            let order = Mutex::new(Vec::new());
            handle.scope(|s| {
                for n in 0..100 {
                    let order = &order;
                    drop(s.submit(boxed(move || order.lock().unwrap().push((n, thread::current().id())))));
                }
            });
            (order.into_inner().unwrap(), thread::current().id())
        }));
        let (order, worker) = order.result().unwrap();
        assert!(order.into_iter().eq((0..100).map(|n| (n, worker))));
    });
}

#[test]
fn a_scope_whose_job_waits_for_another_leaves_its_pool_its_width() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let handle = pool.handle();
        pool.submit(boxed(move || {
            let (hold, latch) = Latch::closed();
            let elsewhere = handle.handle();
            // The latch is opened by a job that was submitted later, outside the scope.
            let (opened, opens) = mpsc::channel();
            handle.scope(|s| {
                drop(s.submit(boxed(move || {
                    let _blocked = executor::current::block();
                    latch.wait();
                })));
                opened.send(elsewhere.submit(boxed(move || drop(hold)))).unwrap();
            });
            opens.recv().unwrap().result().unwrap();
        }))
        .result()
        .unwrap();
    });
}

#[test]
fn nothing_that_a_job_held_is_left_after_the_scope() {
    on_each_size(|pool| {
        let drops = AtomicUsize::new(0);
        pool.scope(|s| {
            for _ in 0..50 {
                // A capture and a result of each: detached, taken, waited for, and of a job that panics.
                let capture = Counted(&drops);
                drop(s.submit(boxed(|| (capture, Counted(&drops)))));
                let capture = Counted(&drops);
                drop(s.submit(boxed(|| (capture, Counted(&drops)))).result().unwrap());
                let capture = Counted(&drops);
                s.submit(boxed(|| (capture, Counted(&drops)))).wait();
                let capture = Counted(&drops);
                let panics = s.submit(boxed(move || {
                    let _both = (Counted(capture.0), capture);
                    resume_unwind(Box::new("quietly"));
                }));
                assert!(matches!(panics.result(), Err(JobError::Panicked(_))));
            }
        });
        assert_eq!(drops.into_inner(), 400);
    });
}

#[test]
fn a_future_that_is_forgotten_leaks_its_result_and_no_more() {
    on_each_size(|pool| {
        let (captures, results) = (AtomicUsize::new(0), AtomicUsize::new(0));
        pool.scope(|s| {
            for _ in 0..20 {
                let capture = Counted(&captures);
                std::mem::forget(s.submit(boxed(|| {
                    drop(capture);
                    Counted(&results)
                })));
            }
        });
        assert_eq!((captures.into_inner(), results.into_inner()), (20, 0));
        let message = panic_of(|| {
            pool.scope(|s| std::mem::forget(s.submit(boxed(|| resume_unwind(Box::new("quietly"))))));
        });
        assert_eq!(message, "a scoped job panicked");
    });
}

#[test]
fn futures_may_be_held_by_jobs_and_by_results() {
    on_each_size(|pool| {
        let drops = AtomicUsize::new(0);
        pool.scope(|s| {
            let drops = &drops;
            for _ in 0..50 {
                let first = s.submit(boxed(move || Counted(drops)));
                let second = s.submit(boxed(move || first));
                // The result of `second` is the future of `first`; neither is taken.
                drop(s.submit(boxed(move || second)));
                let third = s.submit(boxed(move || Counted(drops)));
                drop(s.submit(boxed(move || third.result().unwrap())));
            }
        });
        assert_eq!(drops.into_inner(), 100);
    });
}

#[test]
fn the_panic_of_a_job_is_the_scopes_after_all_have_ended() {
    on_each_size(|pool| {
        let ended = AtomicUsize::new(0);
        let message = panic_of(|| {
            pool.scope(|s| {
                for n in 0..20 {
                    let ended = &ended;
                    drop(s.submit(boxed(move || {
                        let _ended = Counted(ended);
                        assert!(n % 5 > 0, "as planned");
                    })));
                }
            });
        });
        assert_eq!((&*message, ended.into_inner()), ("a scoped job panicked", 20));
        assert_eq!(pool.scope(|s| s.submit(boxed(|| 1)).result().unwrap()), 1);
    });
}

#[test]
fn a_panic_that_was_taken_is_no_panic_of_the_scope() {
    on_each_size(|pool| {
        let outcome = pool.scope(|s| s.submit(boxed(|| panic!("as planned"))).result());
        let Err(JobError::Panicked(panicked)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(panicked.message(), "as planned");
        assert!(panicked.place().unwrap().contains(file!()), "{panicked}");
        // One that was waited for only, and one whose future goes unasked.
        assert_eq!(panic_of(|| pool.scope(|s| s.submit(|| panic!("as planned")).wait())), "a scoped job panicked");
    });
}

#[test]
fn when_the_closure_panics_its_jobs_end_first() {
    on_each_size(|pool| {
        let ended = AtomicUsize::new(0);
        let message = panic_of(|| {
            pool.scope(|s| {
                for _ in 0..20 {
                    let ended = Counted(&ended);
                    drop(s.submit(boxed(move || drop(ended))));
                }
                drop(s.submit(boxed(|| panic!("less important"))));
                panic!("the closure's own");
            })
        });
        assert_eq!((&*message, ended.into_inner()), ("the closure's own", 20));
    });
}

#[test]
fn drops_that_panic_hold_nothing_up() {
    on_each_size(|pool| {
        let drops = AtomicUsize::new(0);
        pool.scope(|s| {
            // In a result that is never taken, and in one whose future is dropped later.
            drop(s.submit(boxed(|| Bomb(Counted(&drops)))));
            let late = s.submit(boxed(|| Bomb(Counted(&drops))));
            late.wait();
            drop(late);
            // In a capture of a job that runs: that is a panic of the job.
            let bomb = Bomb(Counted(&drops));
            assert!(matches!(s.submit(boxed(move || drop(bomb))).result(), Err(JobError::Panicked(_))));
        });
        assert_eq!(drops.into_inner(), 3);
    });
}

#[test]
fn a_cancelled_job_lets_go_of_its_captures_and_does_not_hold_the_scope_up() {
    within_patience(|| {
        for threads in SIZES {
            let pool = ThreadPool::new(threads);
            let hold = block(&pool);
            let drops = AtomicUsize::new(0);
            pool.scope(|s| {
                let futures: Vec<_> = (0..10)
                    .map(|_| {
                        let capture = Bomb(Counted(&drops));
                        s.submit(move || drop(capture))
                    })
                    .collect();
                assert!(futures.iter().all(ScopedFuture::cancel));
                assert_eq!(drops.load(Ordering::Relaxed), 10);
                assert!(futures.iter().all(ScopedFuture::is_done));
                assert!(futures.into_iter().all(|future| matches!(future.result(), Err(JobError::Cancelled(_)))));
            });
            // Every worker is still busy: the scope waited for none.
            drop(hold);
        }
    });
}

#[test]
fn cancels_that_race_the_workers_and_each_other_leave_nothing() {
    on_each_size(|pool| {
        for _ in 0..20 {
            let (ran, dropped) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let cancelled = AtomicUsize::new(0);
            pool.scope(|s| {
                let (ran, cancelled) = (&ran, &cancelled);
                for _ in 0..20 {
                    let capture = Counted(&dropped);
                    let future = s.submit(boxed(move || {
                        drop(capture);
                        ran.fetch_add(1, Ordering::Relaxed);
                    }));
                    drop(s.submit(boxed(move || {
                        cancelled.fetch_add(future.cancel().into(), Ordering::Relaxed);
                        drop(future.result());
                    })));
                }
            });
            assert_eq!((ran.into_inner() + cancelled.into_inner(), dropped.into_inner()), (20, 20));
        }
    });
}

#[test]
fn after_the_shutdown_jobs_are_dropped_at_once() {
    within_patience(|| {
        let pool = ThreadPool::new(2);
        let handle = pool.handle();
        let drops = AtomicUsize::new(0);
        handle.scope(|s| {
            let before = s.submit(boxed(|| 1));
            drop(pool);
            let capture = Counted(&drops);
            let after = s.submit(boxed(move || drop(capture)));
            assert_eq!(drops.load(Ordering::Relaxed), 1);
            assert!(after.is_done() && !after.cancel());
            assert!(matches!(after.result(), Err(error) if error.rejection() == Some(Rejection::Shutdown)));
            assert_eq!(before.result().unwrap(), 1);
        });
    });
}

#[test]
fn a_job_that_no_worker_can_run_is_gone_before_its_scope() {
    /// It takes its time to go.
    struct Slow<'a>(#[expect(dead_code, reason = "it is there to be dropped, after")] Counted<'a>);
    impl Drop for Slow<'_> {
        fn drop(&mut self) {
            (0..1000).for_each(|_| thread::yield_now());
        }
    }
    within_patience(|| {
        let fails = || -> () { resume_unwind(Box::new("quietly")) };
        let pool = ThreadPool::builder().threads(2).initializer(fails).build().unwrap();
        let drops = AtomicUsize::new(0);
        let slow = Slow(Counted(&drops));
        pool.scope(|s| drop(s.submit(boxed(move || drop(slow)))));
        assert_eq!(drops.into_inner(), 1);
    });
}
