//! A periodic job runs at its times, one run at a time, until it is cancelled or its pool is shut down.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use executor::{Period, Periodic, QueueLimit, ThreadHandle, ThreadPool, WhenFull};

use crate::support::bounds::{self, bounded};
use crate::support::boxed;
use crate::support::event_log::EventLog;
use crate::support::jobs::Do;
use crate::support::latch::{Latch, block};
use crate::support::rendezvous::Rendezvous;
use crate::support::surface::{Make, Surface, occupy, on_every_surface};
use crate::support::{eventually, within_patience};

const HOUR: Duration = Duration::from_secs(3600);
const MILLI: Duration = Duration::from_millis(1);

on_every_surface![
    runs_come_again_and_again_and_are_counted,
    no_run_is_early,
    the_first_run_is_after_a_period_unless_it_is_to_be_now,
    a_cancel_does_not_wait_for_a_run_which_is_the_last,
    a_panic_ends_its_run_only,
    other_jobs_get_their_turn_beside_one_without_a_pause,
    a_shutdown_waits_for_no_next_run,
    a_shutdown_ends_jobs_that_run_all_the_time,
    a_detached_job_runs_until_the_shutdown,
    after_the_shutdown_nothing_runs,
    cancels_that_race_the_runs_end_them,
    a_dropped_run_is_missed_and_others_come,
    idle_waits_for_no_next_run,
];

fn unbounded(make: Make) -> Arc<dyn Surface> {
    make(QueueLimit::unbounded())
}

fn runs_come_again_and_again_and_are_counted(make: Make) {
    let (pool, log) = (unbounded(make), EventLog::new());
    let periodic = pool.every(MILLI.into(), Do::Write(log.writer(), 1));
    eventually("twenty runs", || periodic.runs() >= 20);
    periodic.cancel();
    pool.wait_idle();
    assert_eq!(log.entries().len() as u64, periodic.runs());
}

fn no_run_is_early(make: Make) {
    let (pool, log) = (unbounded(make), EventLog::new());
    for period in [Period::rate(3 * MILLI), Period::delay(3 * MILLI)] {
        let start = Instant::now();
        let periodic = pool.every(period, Do::Write(log.writer(), 1));
        for n in 1..=5_u32 {
            eventually("a run", || periodic.runs() >= u64::from(n));
            assert!(Instant::now() >= start + n * 3 * MILLI, "run {n} was after {:?}", start.elapsed());
        }
    }
}

fn the_first_run_is_after_a_period_unless_it_is_to_be_now(make: Make) {
    let pool = unbounded(make);
    let now = pool.every(Period::rate(HOUR).starting_now(), Do::Echo(1));
    eventually("a run", || now.runs() == 1);
    let later = pool.handle().every(HOUR.into(), Do::Echo(1));
    let others = pool.every(MILLI.into(), Do::Echo(1));
    eventually("five runs", || others.runs() >= 5);
    assert_eq!((now.runs(), later.runs()), (1, 0));
}

fn a_cancel_does_not_wait_for_a_run_which_is_the_last(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let periodic = pool.every(Period::delay(Duration::ZERO), Do::Arrive(rendezvous.arrival(), 1));
    let waiter = rendezvous.accept();
    periodic.cancel();
    assert_eq!(periodic.runs(), 0);
    drop(waiter);
    // Another run would wait at the rendezvous.
    pool.wait_idle();
    assert_eq!(periodic.runs(), 1);
}

fn a_panic_ends_its_run_only(make: Make) {
    let pool = unbounded(make);
    let periodic = pool.every(MILLI.into(), Do::Panic("again".to_owned()));
    eventually("the panics are counted", || periodic.runs() >= 3);
}

fn other_jobs_get_their_turn_beside_one_without_a_pause(make: Make) {
    let pool = unbounded(make);
    let periodic = pool.every(Duration::ZERO.into(), Do::Echo(1));
    eventually("a run", || periodic.runs() > 0);
    for n in 0..100 {
        assert_eq!(pool.submit(Do::Echo(n)).result().unwrap(), n);
    }
}

fn a_shutdown_waits_for_no_next_run(make: Make) {
    let (pool, log) = (unbounded(make), EventLog::new());
    let waiting: Vec<_> = (0..10).map(|n| pool.every(HOUR.into(), Do::Write(log.writer(), n))).collect();
    pool.every(Period::delay(Duration::MAX), Do::Write(log.writer(), 10)).detach();
    // A delayed job is waited for still.
    let delayed = pool.submit_after(MILLI, Do::Echo(7));
    pool.shutdown(true);
    assert_eq!(delayed.try_result().expect("a shutdown waits").unwrap(), 7);
    assert!(waiting.iter().all(|periodic| periodic.runs() == 0) && log.entries().is_empty());
}

fn a_shutdown_ends_jobs_that_run_all_the_time(make: Make) {
    let (pool, log) = (unbounded(make), EventLog::new());
    let periodics: Vec<_> = (0..4).map(|n| pool.every(Duration::ZERO.into(), Do::Write(log.writer(), n))).collect();
    for periodic in &periodics {
        eventually("a run", || periodic.runs() > 0);
    }
    pool.shutdown(true);
    let runs: u64 = periodics.iter().map(Periodic::runs).sum();
    assert_eq!(runs, log.entries().len() as u64);
}

fn a_detached_job_runs_until_the_shutdown(make: Make) {
    let (pool, log) = (unbounded(make), EventLog::new());
    pool.every(MILLI.into(), Do::Write(log.writer(), 1)).detach();
    eventually("ten runs", || log.entries().len() >= 10);
    pool.shutdown(true);
}

fn after_the_shutdown_nothing_runs(make: Make) {
    let (pool, log) = (unbounded(make), EventLog::new());
    pool.shutdown(true);
    let periodic = pool.handle().every(Period::from(MILLI).starting_now(), Do::Write(log.writer(), 1));
    periodic.cancel();
    assert_eq!((periodic.runs(), log.entries().len()), (0, 0));
}

fn cancels_that_race_the_runs_end_them(make: Make) {
    let pool = unbounded(make);
    for _ in 0..50 {
        let periodics: Vec<_> = (0..3).map(|_| pool.every(Duration::from_micros(20).into(), Do::Echo(1))).collect();
        eventually("a run", || periodics[0].runs() > 0);
        std::thread::scope(|scope| {
            for periodic in &periodics {
                scope.spawn(|| periodic.cancel());
            }
        });
        pool.wait_idle();
        assert_eq!(pool.stats().delayed, 0, "none goes on");
    }
}

fn a_dropped_run_is_missed_and_others_come(make: Make) {
    for period in [Period::rate(MILLI), Period::delay(MILLI)] {
        let (pool, rendezvous) = (make(QueueLimit::bounded(1, WhenFull::DropOldest)), Rendezvous::new());
        let periodic = pool.every(period, Do::Echo(1));
        eventually("a run", || periodic.runs() > 0);
        for round in 0..3 {
            let missed = periodic.missed();
            let waiters = occupy(&*pool, pool.workers(), &rendezvous);
            eventually("a run is dropped", || {
                pool.execute(Do::Echo(round));
                periodic.missed() > missed
            });
            drop(waiters);
            let runs = periodic.runs();
            eventually("runs come again", || periodic.runs() > runs + 2);
        }
        periodic.cancel();
        pool.wait_idle();
        assert_eq!(pool.stats().delayed, 0);
    }
}

fn idle_waits_for_no_next_run(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let later = pool.every(HOUR.into(), Do::Echo(1));
    pool.wait_idle();
    assert!(pool.handle().wait_idle_timeout(Duration::ZERO));
    let delayed = pool.submit_after(HOUR, Do::Echo(1));
    assert!(!pool.wait_idle_timeout(Duration::ZERO), "a delayed job was accepted, and has no outcome");
    assert!(delayed.cancel());
    let waiters = occupy(&*pool, pool.workers(), &rendezvous);
    let now = pool.every(Period::rate(HOUR).starting_now(), Do::Echo(1));
    eventually("its first run is queued", || pool.stats().queued == 1);
    assert!(!pool.wait_idle_timeout(Duration::ZERO));
    drop(waiters);
    pool.wait_idle();
    assert_eq!((now.runs(), later.runs(), pool.stats().delayed), (1, 0, 2));
    drop(now);
    later.cancel();
    assert!(pool.wait_idle_timeout(Duration::ZERO));
    assert_eq!(pool.stats().delayed, 0);
}

/// On a pool of each size, by its handle.
fn on_each_size(test: fn(&ThreadPool, ThreadHandle)) {
    within_patience(move || {
        for threads in [1, 2, 8] {
            let pool = ThreadPool::new(threads);
            test(&pool, pool.handle());
        }
    });
}

/// A periodic job that tells when each of its runs began. The channel ends with the job.
fn ticking(pool: &ThreadHandle, period: impl Into<Period>) -> (Periodic, Receiver<Instant>) {
    let (tick, ticks) = mpsc::channel();
    let periodic = pool.every(period, move || tick.send(Instant::now()).unwrap_or_default());
    (periodic, ticks)
}

#[test]
fn a_drop_cancels_and_lets_go_of_the_captures() {
    on_each_size(|_, pool| {
        let token = Arc::new(());
        let captured = token.clone();
        let periodic = pool.every(HOUR, move || drop(captured.clone()));
        assert_eq!(Arc::strong_count(&token), 2);
        drop(periodic);
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

#[test]
fn a_run_may_cancel_its_own_job() {
    on_each_size(|_, pool| {
        let myself = Arc::new(OnceLock::<Mutex<Option<Periodic>>>::new());
        let (ran, runs) = mpsc::channel();
        let me = myself.clone();
        let mut count = 0;
        let periodic = pool.every(MILLI, move || {
            count += 1;
            ran.send(count).unwrap();
            if count == 3 {
                // Dropped within its own run.
                drop(me.wait().lock().unwrap().take());
            }
        });
        assert!(myself.set(Mutex::new(Some(periodic))).is_ok());
        assert!(runs.iter().eq(1..=3));
    });
}

#[test]
fn missed_runs_are_not_made_up() {
    on_each_size(|_, pool| {
        let (hold, latch) = Latch::closed();
        let (tick, ticks) = mpsc::channel();
        let period = 2 * MILLI;
        let _rate = pool.every(period, move || {
            tick.send(Instant::now()).unwrap_or_default();
            latch.wait();
        });
        let first = ticks.recv().unwrap();
        // The latch opens when many due times have passed.
        eventually("fifty periods are over", || Instant::now() > first + 50 * period);
        let opened = Instant::now();
        drop(hold);
        let late: Vec<_> = ticks.iter().take(10).collect();
        // The first is due at the next due time, and the others each a period later.
        for (n, tick) in (0..).zip(late) {
            assert!(tick > opened + n * period, "run {n} came {:?} after the latch was opened", tick - opened);
        }
    });
}

#[test]
fn a_run_that_comes_late_does_not_pile_up_others() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let hold = block(&pool);
        let (periodic, ticks) = ticking(&pool.handle(), MILLI);
        let start = Instant::now();
        eventually("many due times have passed", || Instant::now() > start + 50 * MILLI);
        // One run may be queued ahead of this job, which drops the periodic job before the next due time.
        let cancelling = pool.submit(boxed(move || drop(periodic)));
        drop(hold);
        cancelling.result().unwrap();
        assert!(ticks.iter().count() <= 1);
    });
}

#[test]
fn runs_never_overlap_however_short_the_period() {
    on_each_size(|_, pool| {
        for period in [Period::rate(Duration::ZERO), Period::delay(Duration::ZERO)] {
            let inside = AtomicUsize::new(0);
            let (ran, runs) = mpsc::channel();
            let _periodic = pool.every(period, move || {
                // Relaxed: only the count matters.
                ran.send(inside.fetch_add(1, Ordering::Relaxed)).unwrap_or_default();
                std::thread::yield_now();
                inside.fetch_sub(1, Ordering::Relaxed);
            });
            assert!(runs.iter().take(500).all(|others| others == 0));
        }
    });
}

#[test]
fn a_shutdown_does_not_wait_for_the_next_run() {
    on_each_size(|pool, handle| {
        let token = Arc::new(());
        let capture = || {
            let captured = token.clone();
            move || drop(captured.clone())
        };
        let waiting: Vec<_> = (0..10).map(|_| handle.every(HOUR, capture())).collect();
        handle.every(Period::delay(Duration::MAX), capture()).detach();
        // A delayed job is waited for still.
        let delayed = handle.submit_after(MILLI, boxed(|| 7));
        pool.shutdown(true);
        assert_eq!(Arc::strong_count(&token), 1);
        assert_eq!(delayed.try_result().expect("a shutdown waits").unwrap(), 7);
        assert!(waiting.iter().all(|periodic| periodic.runs() == 0));
    });
}

#[test]
fn after_the_shutdown_the_job_is_dropped_at_once() {
    on_each_size(|pool, handle| {
        pool.shutdown(true);
        let token = Arc::new(());
        let captured = token.clone();
        let periodic = handle.every(Period::from(MILLI).starting_now(), move || drop(captured.clone()));
        assert_eq!((Arc::strong_count(&token), periodic.runs()), (1, 0));
    });
}

#[test]
fn cancels_and_shutdowns_that_race_the_runs_leave_nothing() {
    within_patience(|| {
        for round in 0..200 {
            let pool = ThreadPool::new(1 + round % 3);
            let token = Arc::new(());
            let periodics: Vec<_> = (0..4)
                .map(|_| {
                    let captured = token.clone();
                    pool.every(Duration::from_micros(20), move || drop(captured.clone()))
                })
                .collect();
            let first = &periodics[0];
            eventually("a run", || first.runs() > 0);
            std::thread::scope(|scope| {
                scope.spawn(|| periodics[1].cancel());
                scope.spawn(|| periodics[2].cancel());
                scope.spawn(|| pool.shutdown(true));
            });
            assert_eq!(Arc::strong_count(&token), 1);
        }
    });
}

#[test]
fn cancels_that_race_dropped_runs_let_go() {
    within_patience(|| {
        let pool = bounded(1, 1, WhenFull::DropOldest);
        let _busy = bounds::occupy(&pool, 1);
        for _ in 0..200 {
            let token = Arc::new(());
            let captured = token.clone();
            let periodic = pool.every(Duration::from_nanos(1), move || drop(captured.clone()));
            let stop = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    // Relaxed: it says only when to end.
                    while stop.load(Ordering::Relaxed) == 0 {
                        pool.execute(boxed(|| ()));
                    }
                });
                eventually("a run is dropped", || periodic.missed() > 0);
                periodic.cancel();
                assert_eq!(Arc::strong_count(&token), 1);
                stop.store(1, Ordering::Relaxed);
            });
        }
    });
}
