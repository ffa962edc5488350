//! The scheduler on rayon's threads: bounds, mailboxes and ends where threads are fixed in number, and others use them too.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use executor::{JobOptions, Priority, QueueLimit, RayonPool, ShutdownPolicy, WhenFull, current, try_join_all};
use rayon::prelude::*;

use crate::support::boxed;
use crate::support::latch::block;
use crate::support::within_patience;

fn threads_of(threads: usize) -> Arc<rayon::ThreadPool> {
    Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap())
}

fn bounded(threads: usize, capacity: usize, when_full: WhenFull) -> RayonPool {
    RayonPool::builder().threads(threads).queue(QueueLimit::bounded(capacity, when_full)).build().unwrap()
}

/// With a turn for each job, and not one that starts the next.
#[test]
fn backlog_lets_other_users_in() {
    within_patience(|| {
        let threads = threads_of(1);
        let pool = RayonPool::over(threads.clone());
        let (sender, order) = mpsc::channel();
        let hold = block(&pool);
        let submit = |n: u32| {
            let sender = sender.clone();
            pool.execute(boxed(move || sender.send(n).unwrap()));
        };
        (0..10).for_each(submit);
        let theirs = sender.clone();
        threads.spawn(move || theirs.send(100).unwrap());
        (10..20).for_each(submit);
        drop(hold);
        let expected: Vec<u32> = (0..10).chain([100]).chain(10..20).collect();
        assert_eq!(order.iter().take(21).collect::<Vec<_>>(), expected);
    });
}

/// Every thread may be in such a part: none would be left to make room.
#[test]
fn parallel_part_runs_what_finds_no_room() {
    within_patience(|| {
        let pool = bounded(2, 1, WhenFull::Block);
        let handle = pool.handle();
        let sum = pool.submit(boxed(move || {
            let part = |n: u64| handle.submit(boxed(move || n));
            let futures: Vec<_> = (0..100_u64).into_par_iter().map(part).collect();
            try_join_all(futures).map(|parts| parts.into_iter().sum::<u64>())
        }));
        assert_eq!(sum.result().unwrap().unwrap(), 4950);
    });
}

#[test]
fn scope_in_a_job_needs_no_other_thread() {
    within_patience(|| {
        let pool = RayonPool::new(1).unwrap();
        let handle = pool.handle();
        let numbers = pool.submit(boxed(move || {
            let mut numbers = [1, 2, 3];
            handle.scope(|scope| {
                for n in &mut numbers {
                    drop(scope.submit(boxed(move || *n *= 10)));
                }
            });
            numbers
        }));
        assert_eq!(numbers.result().unwrap(), [10, 20, 30]);
    });
}

#[test]
fn broadcast_reaches_each_thread_once() {
    within_patience(|| {
        let pool = RayonPool::new(3).unwrap();
        let together = Arc::new(Barrier::new(3));
        let name = move || {
            together.wait();
            (rayon::current_thread_index(), current::worker_name())
        };
        let names: HashSet<_> = try_join_all(pool.broadcast(name)).unwrap().into_iter().collect();
        let expected = (0..3).map(|n| (Some(n), Some(format!("rayon-{n}").into())));
        assert_eq!(names, expected.collect());
    });
}

/// A job that waits for its parts, or yields, may run another one on its thread, to a bounded depth.
#[test]
fn nested_turns_leave_room_on_the_stack() {
    thread_local! {
        static DEPTH: Cell<usize> = const { Cell::new(0) };
    }
    within_patience(|| {
        let pool = RayonPool::new(1).unwrap();
        let hold = block(&pool);
        let nested = || {
            let depth = DEPTH.get() + 1;
            DEPTH.set(depth);
            rayon::yield_now();
            DEPTH.set(depth - 1);
            depth
        };
        let jobs: Vec<_> = (0..300).map(|_| pool.submit(nested)).collect();
        drop(hold);
        let deepest = try_join_all(jobs).unwrap().into_iter().max().unwrap();
        assert!((2..=128).contains(&deepest), "{deepest}");
    });
}

/// The job of the other pool comes where the stack is full of turns, none of which is its own pool's.
#[test]
fn full_stack_delays_jobs_of_another_pool() {
    within_patience(|| {
        let threads = threads_of(1);
        let (deep, other) = (RayonPool::over(threads.clone()), RayonPool::over(threads));
        let hold = block(&deep);
        let yields = || while rayon::yield_now() == Some(rayon::Yield::Executed) {};
        let jobs: Vec<_> = (0..300).map(|_| deep.submit(yields)).collect();
        let last = other.submit(boxed(|| 7));
        drop(hold);
        assert_eq!(last.result().unwrap(), 7);
        try_join_all(jobs).unwrap();
    });
}

#[test]
fn broadcast_leaves_queued_jobs_to_idle_threads() {
    within_patience(|| {
        for _ in 0..100 {
            let pool = RayonPool::new(2).unwrap();
            let (tell, told) = mpsc::channel();
            pool.execute(boxed(move || tell.send(()).unwrap()));
            let (told, is_first) = (Mutex::new(told), AtomicBool::new(true));
            let wait = move || {
                if is_first.swap(false, Ordering::Relaxed) {
                    told.lock().unwrap().recv().unwrap();
                }
            };
            try_join_all(pool.broadcast(wait)).unwrap();
        }
    });
}

#[test]
fn shutdown_waits_for_no_code_of_others() {
    within_patience(|| {
        let threads = threads_of(1);
        let pool = RayonPool::over(threads.clone());
        let (begun, has_begun) = mpsc::channel();
        let (go_on, may_end) = mpsc::channel::<()>();
        threads.spawn(move || {
            begun.send(()).unwrap();
            may_end.recv().unwrap_err();
        });
        has_begun.recv().unwrap();
        let cancelled = pool.submit(boxed(|| ()));
        assert!(cancelled.cancel());
        pool.wait_idle();
        pool.shutdown(true);
        assert!(pool.closed().is_done());
        drop(go_on);
    });
}

#[test]
fn scope_of_another_pool_needs_no_other_thread() {
    within_patience(|| {
        let threads = threads_of(1);
        let (outer, inner) = (RayonPool::over(threads.clone()), RayonPool::over(threads));
        let handle = inner.handle();
        let number = outer.submit(boxed(move || {
            let mut number = 1;
            handle.scope(|scope| drop(scope.submit(boxed(|| number = 7))));
            number
        }));
        assert_eq!(number.result().unwrap(), 7);
    });
}

#[test]
fn urgent_jobs_go_first() {
    within_patience(|| {
        let pool = RayonPool::new(1).unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let hold = block(&pool);
        for (name, priority) in [("low", Priority::Low), ("normal", Priority::Normal), ("high", Priority::High)] {
            let order = order.clone();
            pool.with(JobOptions::new().priority(priority)).execute(boxed(move || order.lock().unwrap().push(name)));
        }
        drop(hold);
        pool.wait_idle();
        assert_eq!(*order.lock().unwrap(), ["high", "normal", "low"]);
    });
}

#[test]
fn killed_pool_asks_its_jobs_to_stop() {
    within_patience(|| {
        let threads = threads_of(1);
        let (pool, other) = (RayonPool::over(threads.clone()), RayonPool::over(threads));
        let (begun, has_begun) = mpsc::channel();
        let running = pool.submit(boxed(move || {
            begun.send(()).unwrap();
            while !current::stop_requested() {
                std::thread::yield_now();
            }
        }));
        has_begun.recv().unwrap();
        let waiting = pool.submit(boxed(|| ()));
        let report = pool.shutdown_with(ShutdownPolicy::kill());
        assert_eq!((report.completed, report.cancelled), (1, 1));
        assert!(running.result().is_ok() && waiting.is_cancelled());
        assert!(!other.submit(current::stop_requested).result().unwrap(), "the other pool goes on");
    });
}

#[test]
fn job_limits_hold_on_rayon() {
    within_patience(|| {
        let pool = RayonPool::new(1).unwrap();
        let strict = pool.with(JobOptions::new().timeout(Duration::from_millis(5)));
        let late = strict.submit(boxed(|| {
            while !current::stop_requested() {
                std::thread::yield_now();
            }
        }));
        assert!(late.result().unwrap_err().is_timed_out());
        let hold = block(&pool);
        let unstarted = pool.with(JobOptions::new().start_by(Duration::from_millis(5))).submit(boxed(|| ()));
        assert!(unstarted.result().unwrap_err().is_timed_out());
        drop(hold);
    });
}

#[test]
fn queue_of_no_job_is_refused() {
    let queue = || RayonPool::builder().queue(QueueLimit::bounded(0, WhenFull::Block));
    for error in [queue().threads(1).build().unwrap_err(), queue().build_over(threads_of(1)).unwrap_err()] {
        assert_eq!((error.name(), error.to_string().contains("at least 1")), ("queue", true), "{error}");
    }
}
