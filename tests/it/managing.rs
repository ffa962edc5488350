//! A pool as a whole: warmed up, idle, and shut down in the ways there are.

use std::collections::HashSet;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use executor::{JobError, JobOptions, Priority, ShutdownPolicy, ThreadPool, current, join_all};

use crate::support::gate::{Gate, block};
use crate::support::system::tasks_named;
use crate::support::{block_on, eventually, within_patience};

const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_hours(1);

#[test]
fn prestart_starts_every_thread_and_none_twice() {
    within_patience(|| {
        let pool = ThreadPool::builder().threads(6).name("warm-a").build().unwrap();
        pool.prestart();
        pool.prestart();
        eventually("six threads", || tasks_named("warm-a").len() == 6);
        join_all((0..100).map(|_| pool.submit(|| ())));
        assert_eq!(tasks_named("warm-a").len(), 6);
    });
}

#[test]
fn a_broadcast_runs_once_on_each_worker_busy_or_not() {
    within_patience(|| {
        for threads in [1, 2, 8] {
            let pool = ThreadPool::new(threads);
            let (hold, gate) = Gate::closed();
            let busy = pool.submit(move || gate.wait());
            let futures = pool.broadcast(|| thread::current().id());
            assert_eq!(futures.len(), threads);
            drop(hold);
            let ids: HashSet<_> = join_all(futures).into_iter().map(Result::unwrap).collect();
            assert_eq!(ids.len(), threads);
            busy.result().unwrap();
        }
    });
}

#[test]
fn a_cancelled_broadcast_and_one_after_the_end_hang_nobody() {
    within_patience(|| {
        let pool = ThreadPool::new(2);
        let hold = block(&pool);
        let futures = pool.broadcast(|| ());
        assert!(futures.iter().all(executor::Future::cancel));
        drop(hold);
        pool.shutdown(true);
        let refused = pool.broadcast(|| ());
        assert!(refused.into_iter().all(|future| matches!(future.result(), Err(JobError::Rejected(_)))));
    });
}

#[test]
fn wait_idle_returns_when_everything_has_its_outcome() {
    within_patience(|| {
        for threads in [1, 2, 8] {
            let pool = ThreadPool::new(threads);
            pool.wait_idle();
            for _ in 0..50 {
                let low = pool.with(JobOptions::new().priority(Priority::Low));
                let mut futures: Vec<_> =
                    (0..100).map(|n| if n % 2 == 0 { pool.submit(|| ()) } else { low.submit(|| ()) }).collect();
                futures.push(pool.submit_after(Duration::from_micros(100), || ()));
                futures[7].cancel();
                pool.wait_idle();
                assert!(futures.iter().all(executor::Future::is_done));
            }
            let hold = block(&pool);
            assert!(!pool.wait_idle_timeout(SHORT));
            drop(hold);
            assert!(pool.wait_idle_timeout(LONG));
            let handle = pool.handle();
            assert!(!pool.submit(move || handle.wait_idle_timeout(LONG)).result().unwrap(), "its own job runs");
        }
    });
}

#[test]
fn closed_ends_with_the_last_thread() {
    within_patience(|| {
        let pool = ThreadPool::new(2);
        let hold = block(&pool);
        let (first, second) = (pool.closed(), pool.handle().closed());
        pool.shutdown(false);
        assert!(!first.is_done());
        drop(hold);
        block_on(first).unwrap();
        second.result().unwrap();
        pool.closed().result().unwrap();
        let dropped = ThreadPool::new(1).handle();
        dropped.closed().result().unwrap();
        let unused = ThreadPool::new(1);
        let closed = unused.closed();
        unused.shutdown(false);
        closed.result().unwrap();
    });
}

#[test]
fn a_drain_runs_everything() {
    within_patience(|| {
        let pool = ThreadPool::new(2);
        let futures: Vec<_> = (0..500).map(|_| pool.submit(|| ())).collect();
        let later = pool.submit_after(SHORT, || ());
        let report = pool.shutdown_with(ShutdownPolicy::drain());
        assert!(report.is_clean() && report.completed <= 501, "{report}");
        assert!(futures.iter().chain([&later]).all(executor::Future::is_done));
        assert!(later.result().is_ok());
    });
}

#[test]
fn cancel_pending_runs_what_had_started_and_nothing_else() {
    within_patience(|| {
        for threads in [1, 2, 8] {
            let pool = ThreadPool::new(threads);
            let hold = block(&pool);
            let queued: Vec<_> = (0..300).map(|_| pool.submit(|| ())).collect();
            let later = pool.submit_after(LONG, || ());
            let opener = thread::spawn(move || {
                queued.iter().for_each(executor::Future::wait);
                drop(hold);
                queued
            });
            let report = pool.shutdown_with(ShutdownPolicy::cancel_pending());
            assert_eq!((report.completed, report.cancelled, report.still_running), (threads, 301, 0));
            assert!(opener.join().unwrap().into_iter().chain([later]).all(|future| future.is_cancelled()));
        }
    });
}

#[test]
fn kill_asks_what_runs_to_stop() {
    within_patience(|| {
        let pool = ThreadPool::new(2);
        let (started, starts) = mpsc::channel();
        let running: Vec<_> = (0..2)
            .map(|_| {
                let started = started.clone();
                pool.submit(move || {
                    started.send(()).unwrap();
                    while !current::stop_requested() {
                        thread::yield_now();
                    }
                })
            })
            .collect();
        (0..2).for_each(|_| starts.recv().unwrap());
        let queued = pool.submit(|| ());
        let report = pool.shutdown_with(ShutdownPolicy::kill());
        assert_eq!((report.completed, report.cancelled, report.still_running), (2, 1, 0));
        assert!(queued.is_cancelled());
        assert!(join_all(running).into_iter().all(|outcome| outcome.is_ok()));
    });
}

#[test]
fn a_time_limit_escalates_and_tells_what_runs_still() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let (hold, gate) = Gate::closed();
        let deaf = pool.submit(move || gate.wait());
        let queued = pool.submit(|| ());
        eventually("it runs", || deaf.is_running());
        let report = pool.shutdown_with(ShutdownPolicy::drain().within(SHORT));
        assert_eq!((report.completed, report.cancelled, report.still_running), (0, 1, 1));
        assert!(queued.is_cancelled() && deaf.is_running());
        drop(hold);
        deaf.result().unwrap();
        assert!(pool.shutdown_with(ShutdownPolicy::drain()).is_clean(), "it can be asked again");
    });
}

#[test]
fn inside_a_job_it_waits_for_nothing() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let handle = pool.handle();
        let report = pool.submit(move || handle.shutdown_with(ShutdownPolicy::kill())).result().unwrap();
        assert_eq!(report.still_running, 1, "itself");
        pool.shutdown(true);
    });
}
