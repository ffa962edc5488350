//! A periodic job runs at its times, one run at a time, until it is cancelled or its pool is shut down.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use executor::{Period, Periodic, ThreadHandle, ThreadPool};

use crate::support::gate::{Gate, block};
use crate::support::{eventually, within_patience};

const HOUR: Duration = Duration::from_hours(1);
const MILLI: Duration = Duration::from_millis(1);

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
fn runs_come_one_after_the_other_and_are_counted() {
    on_each_size(|_, pool| {
        let (periodic, ticks) = ticking(&pool, MILLI);
        assert_eq!(ticks.iter().take(20).count(), 20);
        eventually("the twentieth run has ended", || periodic.runs() >= 20);
        periodic.cancel();
        // The channel ends, for the job is gone.
        let others = ticks.iter().count() as u64;
        assert_eq!(periodic.runs(), 20 + others);
    });
}

#[test]
fn no_run_is_early() {
    on_each_size(|_, pool| {
        let start = Instant::now();
        let (_rate, ticks) = ticking(&pool, 3 * MILLI);
        for (n, tick) in (1..=5).zip(ticks) {
            assert!(tick >= start + n * 3 * MILLI, "run {n} was after {:?}", tick - start);
        }
        let (_delay, ticks) = ticking(&pool, Period::delay(3 * MILLI).starting_now());
        let ticks: Vec<_> = ticks.iter().take(5).collect();
        assert!(ticks.windows(2).all(|pair| pair[1] >= pair[0] + 3 * MILLI), "{ticks:?}");
    });
}

#[test]
fn the_first_run_is_after_a_period_unless_it_is_to_be_now() {
    on_each_size(|_, pool| {
        let (_now, ticks) = ticking(&pool, Period::rate(HOUR).starting_now());
        ticks.recv().unwrap();
        let (later, ticks) = ticking(&pool, HOUR);
        let (_ticking, others) = ticking(&pool, MILLI);
        assert_eq!(others.iter().take(5).count(), 5);
        assert!(ticks.try_recv().is_err());
        assert_eq!(later.runs(), 0);
    });
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
fn a_cancel_does_not_wait_for_a_run_which_is_the_last() {
    on_each_size(|_, pool| {
        let (hold, gate) = Gate::closed();
        let (begun, begins) = mpsc::channel();
        let periodic = pool.every(Period::delay(Duration::ZERO), move || {
            begun.send(()).unwrap();
            gate.wait();
        });
        begins.recv().unwrap();
        periodic.cancel();
        assert_eq!(periodic.runs(), 0);
        drop(hold);
        assert!(begins.recv().is_err(), "a second run began");
        assert_eq!(periodic.runs(), 1);
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
fn a_panic_ends_its_run_only() {
    on_each_size(|_, pool| {
        let (ran, runs) = mpsc::channel();
        let mut count = 0;
        let periodic = pool.every(MILLI, move || {
            count += 1;
            ran.send(count).unwrap();
            if count % 2 == 1 {
                resume_unwind(Box::new("quietly"));
            }
        });
        assert!(runs.iter().take(6).eq(1..=6));
        eventually("the panics are counted", || periodic.runs() >= 6);
    });
}

#[test]
fn what_a_long_run_missed_is_not_made_up_for() {
    on_each_size(|_, pool| {
        let (hold, gate) = Gate::closed();
        let (tick, ticks) = mpsc::channel();
        let period = 2 * MILLI;
        let _rate = pool.every(period, move || {
            tick.send(Instant::now()).unwrap_or_default();
            gate.wait();
        });
        let first = ticks.recv().unwrap();
        // The gate opens when many due times have passed.
        eventually("fifty periods are over", || Instant::now() > first + 50 * period);
        let opened = Instant::now();
        drop(hold);
        let late: Vec<_> = ticks.iter().take(10).collect();
        // The first is due at the next due time, and the others each a period later.
        for (n, tick) in (0..).zip(late) {
            assert!(tick > opened + n * period, "run {n} came {:?} after the gate was opened", tick - opened);
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
        // What is in the queue before this job, and what comes before the next due time after it.
        let cancelling = pool.submit(move || drop(periodic));
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
fn other_jobs_get_their_turn_beside_one_without_a_pause() {
    on_each_size(|_, pool| {
        let (_periodic, ticks) = ticking(&pool, Duration::ZERO);
        ticks.recv().unwrap();
        for n in 0..100 {
            assert_eq!(pool.submit(move || n).result().unwrap(), n);
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
        let delayed = handle.submit_after(MILLI, || 7);
        pool.shutdown(true);
        assert_eq!(Arc::strong_count(&token), 1);
        assert_eq!(delayed.try_result().expect("a shutdown waits").unwrap(), 7);
        assert!(waiting.iter().all(|periodic| periodic.runs() == 0));
    });
}

#[test]
fn a_shutdown_ends_a_job_that_runs_all_the_time() {
    on_each_size(|pool, handle| {
        let periodics: Vec<_> = (0..4).map(|_| ticking(&handle, Duration::ZERO)).collect();
        for (_, ticks) in &periodics {
            ticks.recv().unwrap();
        }
        pool.shutdown(true);
        for (periodic, ticks) in periodics {
            // The first was received above.
            assert_eq!(periodic.runs(), 1 + ticks.iter().count() as u64);
        }
    });
}

#[test]
fn a_detached_job_runs_until_the_shutdown() {
    on_each_size(|pool, handle| {
        let (periodic, ticks) = ticking(&handle, MILLI);
        periodic.detach();
        assert_eq!(ticks.iter().take(10).count(), 10);
        pool.shutdown(true);
        assert!(ticks.iter().count() < usize::MAX, "the channel ends");
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
