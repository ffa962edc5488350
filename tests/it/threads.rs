//! Threads start on demand, only when no idle one can take the job; they have names and stacks as asked for, and are gone
//! after the shutdown.

use std::collections::HashSet;
use std::sync::{Arc, Barrier, mpsc};

use executor::{Status, ThreadPool, current};

use crate::support::boxed;
use crate::support::latch::{Latch, run_together};
use crate::support::system::{settle, tasks_named};
use crate::support::{alone, eventually, within_patience};

/// A pool whose threads are called so. A name of its own for each test: they run at the same time.
fn pool(name: &str, threads: usize) -> ThreadPool {
    ThreadPool::builder().threads(threads).name(name).build().unwrap()
}

#[test]
fn no_thread_starts_before_there_is_a_job() {
    within_patience(|| {
        let pool = pool("none", 8);
        assert_eq!(tasks_named("none-").len(), 0);
        pool.submit(boxed(|| ())).result().unwrap();
        assert_eq!(tasks_named("none-").len(), 1);
    });
}

#[test]
fn one_job_at_a_time_uses_one_thread() {
    within_patience(|| {
        let pool = pool("single", 8);
        for _ in 0..200 {
            pool.submit(boxed(|| ())).result().unwrap();
            // The result may be there a moment before its worker is idle again.
            settle(&tasks_named("single-"));
        }
        assert_eq!(tasks_named("single-").len(), 1);
    });
}

#[test]
fn a_burst_uses_a_thread_for_each_job_and_no_more_than_the_pool_has() {
    within_patience(|| {
        let pool = pool("burst", 8);
        run_together(&pool, 3);
        assert!((3..=8).contains(&tasks_named("burst-").len()));
        run_together(&pool, 8);
        assert_eq!(tasks_named("burst-").len(), 8);
        for _ in 0..50 {
            run_together(&pool, 8);
        }
        executor::join_all((0..1000).map(|_| pool.submit(boxed(|| ()))));
        assert_eq!(tasks_named("burst-").len(), 8);
    });
}

#[test]
fn a_job_that_waits_for_others_finds_them_run_beside_it() {
    within_patience(|| {
        // The pool has a thread to spare for each that is blocked, so none of these may be left in the queue.
        for threads in 2..=8 {
            let pool = pool("beside", threads);
            for n in 1..=threads {
                run_together(&pool, n);
            }
        }
    });
}

#[test]
fn no_more_jobs_run_at_once_than_there_are_threads() {
    within_patience(|| {
        let pool = pool("width", 3);
        let (hold, latch) = Latch::closed();
        let (started, starts) = mpsc::channel();
        let futures: Vec<_> = (0..6)
            .map(|_| {
                let (latch, started) = (latch.clone(), started.clone());
                pool.submit(boxed(move || {
                    started.send(()).unwrap();
                    latch.wait();
                }))
            })
            .collect();
        (0..3).for_each(|_| starts.recv().unwrap());
        let running = futures.iter().filter(|future| future.status() == Status::Running).count();
        assert_eq!(running, 3);
        assert!(starts.try_recv().is_err());
        drop(hold);
        assert!(executor::join_all(futures).iter().all(Result::is_ok));
    });
}

#[test]
fn no_thread_is_left_after_a_shutdown_or_a_drop() {
    within_patience(|| {
        let shut = pool("shut", 8);
        run_together(&shut, 8);
        drop(shut.submit_after(std::time::Duration::ZERO, boxed(|| ()))); // and the timer's
        shut.shutdown(true);
        // The kernel may list a joined thread a moment longer.
        eventually("the threads are gone after the shutdown", || tasks_named("shut-").is_empty());

        let dropped = pool("dropped", 8);
        run_together(&dropped, 8);
        drop(dropped);
        eventually("the threads are gone after the drop", || tasks_named("dropped-").is_empty());

        let later = pool("later", 8);
        run_together(&later, 8);
        later.shutdown(false);
        eventually("the threads go after a shutdown without wait", || tasks_named("later-").is_empty());
    });
}

#[test]
fn threads_are_called_by_the_pools_name_and_a_number() {
    within_patience(|| {
        let pool = pool("reader", 4);
        let all_here = Arc::new(Barrier::new(4));
        let futures = (0..4).map(|_| {
            let all_here = all_here.clone();
            pool.submit(boxed(move || {
                all_here.wait();
                let thread = std::thread::current().name().map(ToOwned::to_owned);
                assert_eq!(current::worker_name().as_deref(), thread.as_deref());
                thread.unwrap()
            }))
        });
        let futures: Vec<_> = futures.collect();
        let names: HashSet<String> = executor::join_all(futures).into_iter().map(Result::unwrap).collect();
        assert_eq!(names, (0..4).map(|n| format!("reader-{n}")).collect());
    });
}

#[test]
fn threads_without_a_name_are_called_executor() {
    let name = ThreadPool::new(2).submit(boxed(|| std::thread::current().name().map(ToOwned::to_owned)));
    assert_eq!(name.result().unwrap().as_deref(), Some("executor-0"));
    assert_eq!(current::worker_name(), None, "this thread is no worker");
}

#[test]
fn threads_have_the_stack_that_was_asked_for() {
    /// Needs 6 MiB of stack.
    fn deep() -> usize {
        #[expect(clippy::large_stack_arrays, reason = "the stack is what is tested")]
        let frame = std::hint::black_box([1_u8; 6 << 20]);
        frame.iter().map(|&byte| usize::from(byte)).sum()
    }
    // Were the stack too small, its overflow would end the process.
    alone(threads_have_the_stack_that_was_asked_for, || {
        let pool = ThreadPool::builder().threads(1).stack_size(16 << 20).build().unwrap();
        assert_eq!(pool.submit(deep).result().unwrap(), 6 << 20);
    });
}
