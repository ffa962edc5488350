//! A pool as a whole: warmed up, idle, and shut down in the ways there are.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use executor::extend::cell::{Captures, Notify};
use executor::extend::scheduler::{Batch, Config, Runner, TimerEvent};
use executor::{Future, JobError, JobOptions, Priority, QueueLimit, ShutdownPolicy, ThreadPool, current, join_all};

use crate::support::boxed;
use crate::support::jobs::Do;
use crate::support::latch::{Latch, block};
use crate::support::owned::Owned;
use crate::support::rendezvous::Rendezvous;
use crate::support::surface::{Make, Surface, occupy, on_every_surface};
use crate::support::system::{settle, tasks_named};
use crate::support::{block_on, eventually, within_patience};

const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(3600);

on_every_surface![
    prestart_hinders_nothing,
    a_broadcast_runs_once_on_each_worker_busy_or_not,
    a_cancelled_broadcast_and_one_after_the_end_hang_nobody,
    wait_idle_waits_for_all_that_was_accepted,
    a_callback_does_not_wait_for_its_own_pool,
    closed_ends_with_the_last_worker,
    a_drain_runs_everything,
    cancel_pending_runs_what_had_started_and_nothing_else,
    a_kill_leaves_nothing_queued,
    failures_are_in_the_report,
];

fn unbounded(make: Make) -> Arc<dyn Surface> {
    make(QueueLimit::unbounded())
}

fn prestart_hinders_nothing(make: Make) {
    let pool = unbounded(make);
    pool.prestart();
    pool.handle().prestart();
    let futures: Vec<_> = (0..100).map(|n| pool.submit(Do::Echo(n))).collect();
    pool.prestart();
    assert!(join_all(futures).into_iter().map(Result::unwrap).eq(0..100));
    pool.wait_idle();
    pool.prestart();
    let report = pool.shutdown_with(ShutdownPolicy::drain());
    assert_eq!((report.completed, report.is_clean()), (0, true), "to be made ready is no job");
    pool.prestart();
}

fn a_broadcast_runs_once_on_each_worker_busy_or_not(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let waiters = occupy(&*pool, 1, &rendezvous);
    let futures = pool.broadcast(Do::TellWorker);
    assert_eq!(futures.len(), pool.workers());
    drop(waiters);
    let workers: HashSet<_> = join_all(futures).into_iter().map(Result::unwrap).collect();
    assert_eq!(workers.len(), pool.workers());
}

fn a_cancelled_broadcast_and_one_after_the_end_hang_nobody(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let waiters = occupy(&*pool, pool.workers(), &rendezvous);
    let futures = pool.broadcast(Do::Echo(1));
    assert!(futures.iter().all(Future::cancel));
    drop(waiters);
    pool.shutdown(true);
    let refused = pool.broadcast(Do::Echo(1));
    assert!(refused.into_iter().all(|future| matches!(future.result(), Err(JobError::Rejected(_)))));
}

fn wait_idle_waits_for_all_that_was_accepted(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    pool.wait_idle();
    for round in 0..20 {
        let mut futures: Vec<_> = (0..30).map(|n| pool.submit(Do::Echo(n))).collect();
        futures.push(pool.submit_after(Duration::from_micros(100), Do::Echo(round)));
        futures[7].cancel();
        pool.wait_idle();
        assert!(futures.iter().all(Future::is_done));
    }
    let waiters = occupy(&*pool, pool.workers(), &rendezvous);
    assert!(!pool.wait_idle_timeout(SHORT));
    drop(waiters);
    assert!(pool.handle().wait_idle_timeout(LONG));
}

fn a_callback_does_not_wait_for_its_own_pool(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let future = pool.submit(Do::Arrive(rendezvous.arrival(), 1));
    let waiter = rendezvous.accept();
    let (told, tells) = mpsc::channel();
    let handle = pool.handle();
    future.on_done(move |_| {
        told.send(handle.wait_idle_timeout(LONG)).unwrap();
        let report = handle.shutdown_with(ShutdownPolicy::drain());
        assert!(report.still_running <= 1, "{report}");
        told.send(true).unwrap();
    });
    drop(waiter);
    tells.recv().unwrap();
    assert!(tells.recv().unwrap());
    pool.shutdown(true);
}

fn closed_ends_with_the_last_worker(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let waiters = occupy(&*pool, pool.workers(), &rendezvous);
    let (first, second) = (pool.closed(), pool.handle().closed());
    pool.shutdown(false);
    assert!(!first.is_done());
    drop(waiters);
    block_on(first).unwrap();
    second.result().unwrap();
    pool.closed().result().unwrap();
    let handle = pool.handle();
    drop(pool);
    handle.closed().result().unwrap();
    let unused = unbounded(make);
    let closed = unused.closed();
    unused.shutdown(false);
    closed.result().unwrap();
}

fn a_drain_runs_everything(make: Make) {
    let pool = unbounded(make);
    let futures: Vec<_> = (0..500).map(|n| pool.submit(Do::Echo(n))).collect();
    let later = pool.submit_after(SHORT, Do::Echo(7));
    let report = pool.shutdown_with(ShutdownPolicy::drain());
    assert!(report.is_clean() && report.completed <= 501, "{report}");
    assert!(futures.iter().chain([&later]).all(Future::is_done));
    assert!(later.result().is_ok());
}

fn cancel_pending_runs_what_had_started_and_nothing_else(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let waiters = occupy(&*pool, pool.workers(), &rendezvous);
    let queued: Vec<_> = (0..300).map(|n| pool.submit(Do::Echo(n))).collect();
    let later = pool.submit_after(LONG, Do::Echo(1));
    let opener = thread::spawn(move || {
        queued.iter().for_each(Future::wait);
        drop(waiters);
        queued
    });
    let report = pool.shutdown_with(ShutdownPolicy::cancel_pending());
    assert_eq!((report.completed, report.cancelled, report.still_running), (pool.workers(), 301, 0));
    assert!(opener.join().unwrap().into_iter().chain([later]).all(|future| future.is_cancelled()));
}

fn failures_are_in_the_report(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let waiters = occupy(&*pool, pool.workers(), &rendezvous);
    let failing = [Do::Panic("no luck".to_owned()), Do::PanicWith(7), Do::Panic("again".to_owned())];
    let failing = failing.map(|job| pool.submit(job));
    let returning: Vec<_> = (0..5).map(|n| pool.submit(Do::Echo(n))).collect();
    let report = thread::scope(|scope| {
        let report = scope.spawn(|| pool.shutdown_with(ShutdownPolicy::drain()));
        while pool.try_submit(Do::Echo(7)).is_ok() {
            thread::yield_now();
        }
        drop(waiters);
        report.join().unwrap()
    });
    assert_eq!((report.failed, report.cancelled, report.still_running), (3, 0, 0), "{report}");
    assert!(report.completed >= pool.workers() + 5 && !report.is_clean(), "{report}");
    assert!(join_all(failing).iter().all(Result::is_err) && join_all(returning).iter().all(Result::is_ok));
}

fn a_kill_leaves_nothing_queued(make: Make) {
    for _ in 0..20 {
        let pool = unbounded(make);
        let futures: Vec<_> = (0..200).map(|n| pool.submit(Do::Echo(n))).collect();
        let cancelled = thread::scope(|scope| {
            let report = scope.spawn(|| pool.shutdown_with(ShutdownPolicy::kill()));
            report.join().unwrap().cancelled
        });
        let outcomes: Vec<_> = futures.into_iter().map(|future| future.try_result().expect("an outcome")).collect();
        let told = outcomes.iter().filter(|outcome| matches!(outcome, Err(JobError::Cancelled(_)))).count();
        assert_eq!(told, cancelled, "the report counts them");
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count() + cancelled, 200);
    }
}

#[test]
fn prestart_starts_every_thread_and_none_twice() {
    within_patience(|| {
        let pool = ThreadPool::builder().threads(6).name("warm-a").build().unwrap();
        pool.prestart();
        pool.prestart();
        eventually("six threads", || tasks_named("warm-a").len() == 6);
        join_all((0..100).map(|_| pool.submit(boxed(|| ()))));
        assert_eq!(tasks_named("warm-a").len(), 6);
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
                let mut futures: Vec<_> = (0..100)
                    .map(|n| if n % 2 == 0 { pool.submit(boxed(|| ())) } else { low.submit(boxed(|| ())) })
                    .collect();
                futures.push(pool.submit_after(Duration::from_micros(100), boxed(|| ())));
                futures[7].cancel();
                pool.wait_idle();
                assert!(futures.iter().all(executor::Future::is_done));
            }
            let hold = block(&pool);
            assert!(!pool.wait_idle_timeout(SHORT));
            drop(hold);
            assert!(pool.wait_idle_timeout(LONG));
            let handle = pool.handle();
            assert!(!pool.submit(boxed(move || handle.wait_idle_timeout(LONG))).result().unwrap(), "its own job runs");
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
                pool.submit(boxed(move || {
                    started.send(()).unwrap();
                    while !current::stop_requested() {
                        thread::yield_now();
                    }
                }))
            })
            .collect();
        (0..2).for_each(|_| starts.recv().unwrap());
        let queued = pool.submit(boxed(|| ()));
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
        let (hold, latch) = Latch::closed();
        let deaf = pool.submit(boxed(move || latch.wait()));
        let queued = pool.submit(boxed(|| ()));
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
        let report = pool.submit(boxed(move || handle.shutdown_with(ShutdownPolicy::kill()))).result().unwrap();
        assert_eq!(report.still_running, 1, "itself");
        pool.shutdown(true);
    });
}

/// An alarm that fires until the latch is open.
struct Long(mpsc::Sender<()>, Latch);

impl TimerEvent for Long {
    fn fire(self: Box<Self>) -> Option<(Notify, Captures)> {
        self.0.send(()).unwrap();
        self.1.wait();
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

struct Nothing;

impl Runner for Nothing {
    type Job = Arc<dyn executor::extend::cell::Run>;

    fn run(&mut self, job: Self::Job, _: &mut Batch<'_, Self::Job>) -> bool {
        job.run()
    }
}

#[test]
fn idle_wait_ends_after_a_timer_event() {
    within_patience(|| {
        let scheduler = Arc::new(Owned::new(Config::new("timed", 1), |_| Nothing));
        let (hold, latch) = Latch::closed();
        let (rang, rings) = mpsc::channel();
        scheduler.push_timer(Instant::now(), Box::new(Long(rang, latch)));
        rings.recv().unwrap();
        let waiter = scheduler.clone();
        let name = "waits-for-idle";
        let waiting = thread::Builder::new().name(name.into()).spawn(move || waiter.wait_idle(None)).unwrap();
        eventually("it has started", || tasks_named(name).len() == 1);
        settle(&tasks_named(name));
        drop(hold);
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn prestart_makes_each_workers_state() {
    within_patience(|| {
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        // Relaxed, here and below: only the count matters.
        let make = move || count.fetch_add(1, Ordering::Relaxed);
        let pool = ThreadPool::builder().threads(3).initializer(make).build().unwrap();
        pool.prestart();
        eventually("each has made its state", || made.load(Ordering::Relaxed) == 3);
        let states = pool.broadcast(|| current::state::<usize>().as_deref().copied());
        let states: HashSet<_> = join_all(states).into_iter().map(Result::unwrap).collect();
        assert_eq!(states, HashSet::from([Some(0), Some(1), Some(2)]));
        pool.prestart();
        pool.wait_idle();
        assert_eq!(made.load(Ordering::Relaxed), 3, "once in each worker");
    });
}

#[test]
fn an_initializer_that_fails_early_is_tried_again() {
    within_patience(|| {
        let (tried, tries) = mpsc::channel();
        let count = AtomicUsize::new(0);
        let make = move || {
            tried.send(()).unwrap();
            assert!(count.fetch_add(1, Ordering::Relaxed) > 0, "not yet");
        };
        let pool = ThreadPool::builder().threads(1).initializer(make).build().unwrap();
        pool.prestart();
        tries.recv().unwrap();
        assert_eq!(pool.submit(boxed(|| 7)).result().unwrap(), 7);
        assert!(tries.try_recv().is_ok() && tries.try_recv().is_err());
    });
}
