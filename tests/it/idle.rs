//! An idle pool uses no CPU: its threads and processes are not woken while nothing is asked of them.

use std::time::{Duration, Instant};

use executor::ThreadPool;

use crate::support::alone;
use crate::support::boxed;
use crate::support::latch::{Latch, run_together};
use crate::support::system::{Task, other_tasks, settle, ticks};

/// Works on this thread for a while, during which none of `tasks` may run.
pub(crate) fn assert_undisturbed(tasks: impl Fn() -> Vec<Task>) {
    let before = tasks();
    let (counts, time) = (settle(&before), ticks(&before));
    let end = Instant::now() + Duration::from_millis(400);
    while Instant::now() < end {
        std::hint::spin_loop();
    }
    let after = tasks();
    assert_eq!(before, after, "a thread started or ended");
    assert_eq!(counts, settle(&after), "a thread woke up though it had nothing to do");
    assert_eq!(time, ticks(&after), "a thread ran though it had nothing to do");
}

#[test]
fn idle_threads_sleep() {
    alone(idle_threads_sleep, || {
        let pool = ThreadPool::new(8);
        run_together(&pool, 8);
        assert_undisturbed(other_tasks);
    });
}

#[test]
fn a_pool_of_256_idle_threads_uses_no_cpu() {
    alone(a_pool_of_256_idle_threads_uses_no_cpu, || {
        let pool = ThreadPool::builder().threads(256).min_threads(256).build().unwrap();
        run_together(&pool, 256);
        // With the timer's, and the ones that a few jobs have woken.
        pool.submit_after(Duration::ZERO, boxed(|| ())).result().unwrap();
        for _ in 0..100 {
            pool.submit(boxed(|| ())).result().unwrap();
        }
        assert!(other_tasks().len() > 256);
        assert_undisturbed(other_tasks);
    });
}

#[cfg(feature = "rayon")]
#[test]
fn idle_threads_of_rayon_sleep() {
    alone(idle_threads_of_rayon_sleep, || {
        let pool = crate::support::kinds::rayon(4);
        executor::join_all((0..100).map(|n| pool.submit(boxed(move || n))));
        // With the timer's, which waits for its time.
        let later = pool.submit_after(Duration::from_secs(3600), boxed(|| ()));
        assert_undisturbed(other_tasks);
        assert!(later.cancel());
    });
}

#[test]
fn threads_that_wait_sleep() {
    alone(threads_that_wait_sleep, || {
        // A timer with a job for later, a job that blocks, a queue behind it, and one who waits for all of them.
        let pool = ThreadPool::new(1);
        let later = pool.submit_after(Duration::from_secs(3600), boxed(|| ()));
        let (hold, latch) = Latch::closed();
        let blocked = pool.submit(boxed(move || latch.wait()));
        let queued = pool.submit(boxed(|| ()));
        let canceller = later.canceller();
        std::thread::scope(|scope| {
            scope.spawn(|| executor::join_all([blocked, queued, later]));
            scope.spawn(|| pool.shutdown(true));
            assert_undisturbed(other_tasks);
            assert!(canceller.cancel());
            drop(hold);
        });
    });
}

#[cfg(feature = "process")]
#[test]
fn idle_processes_sleep() {
    alone(idle_processes_sleep, || {
        use crate::support::rendezvous::Rendezvous;
        use crate::support::system::tasks_of;
        use executor_testkit::contract::Subject;

        let (pool, rendezvous) = (executor::ProcessPool::new(2).unwrap(), Rendezvous::new());
        let pids = pool.handle();
        let subject = Subject::new(pool, 2);
        let waiters = subject.block(&rendezvous);
        let workers: Vec<u32> = waiters.iter().map(crate::support::rendezvous::Waiter::pid).collect();
        drop(waiters);
        assert_undisturbed(|| {
            let in_workers = workers.iter().flat_map(|&pid| tasks_of(pid));
            other_tasks().into_iter().chain(in_workers).collect()
        });
        drop(pids);
    });
}
