//! Delayed jobs run at their time and in its order. A shutdown waits for them.

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use executor::{ClosureExecutor, Future, JobError, Rejection, Status, ThreadPool};

use crate::support::gate::block;
use crate::support::jobs::Do;
use crate::support::kinds::{Make, on_every_executor};
use crate::support::{eventually, within_patience};

on_every_executor![
    a_delayed_job_does_not_start_before_its_time,
    a_job_without_delay_runs,
    a_long_delay_does_not_hold_a_shorter_one_up,
    a_shutdown_waits_for_delayed_jobs,
    a_cancelled_delayed_job_does_not_hold_the_shutdown_up,
    an_endless_delay_can_be_cancelled,
    a_delayed_job_after_the_shutdown_is_rejected,
    delayed_jobs_that_race_a_shutdown_are_accepted_or_refused,
];

const HOUR: Duration = Duration::from_hours(1);

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn a_delayed_job_does_not_start_before_its_time(make: Make) {
    let pool = make();
    for delay in [0, 1, 5, 20] {
        let due = Instant::now() + millis(delay);
        assert_eq!(pool.submit_after(millis(delay), Do::Echo(delay)).result().unwrap(), delay);
        assert!(Instant::now() >= due);
    }
}

fn a_job_without_delay_runs(make: Make) {
    let pool = make();
    let futures: Vec<_> = (0..100).map(|n| pool.submit_after(Duration::ZERO, Do::Echo(n))).collect();
    assert!(futures.into_iter().map(|future| future.result().unwrap()).eq(0..100));
}

fn a_long_delay_does_not_hold_a_shorter_one_up(make: Make) {
    let pool = make();
    let long = pool.submit_after(HOUR, Do::Echo(1));
    let short = pool.submit_after(millis(1), Do::Echo(2));
    assert_eq!(short.result().unwrap(), 2);
    assert_eq!(long.status(), Status::Queued);
    assert!(long.cancel());
}

fn a_shutdown_waits_for_delayed_jobs(make: Make) {
    let pool = make();
    let futures: Vec<_> = (0..10).map(|n| pool.submit_after(millis(n), Do::Echo(n))).collect();
    pool.shutdown(true);
    assert!(futures.iter().all(Future::is_done));
    assert!(futures.into_iter().map(|future| future.result().unwrap()).eq(0..10));
}

fn a_cancelled_delayed_job_does_not_hold_the_shutdown_up(make: Make) {
    let pool = make();
    let futures: Vec<_> = (0..10).map(|n| pool.submit_after(HOUR, Do::Echo(n))).collect();
    let kept = pool.submit_after(millis(1), Do::Echo(7));
    assert!(futures.iter().all(Future::cancel));
    pool.shutdown(true);
    assert_eq!(kept.try_result().expect("a shutdown waits").unwrap(), 7);
}

fn an_endless_delay_can_be_cancelled(make: Make) {
    let pool = make();
    let future = pool.submit_after(Duration::MAX, Do::Echo(1));
    assert!(future.cancel());
    assert!(matches!(future.result(), Err(JobError::Cancelled)));
}

fn a_delayed_job_after_the_shutdown_is_rejected(make: Make) {
    let pool = make();
    pool.shutdown(false);
    let outcome = pool.submit_after(Duration::ZERO, Do::Echo(1)).result();
    assert!(matches!(outcome, Err(JobError::Rejected(Rejection::Shutdown))), "{outcome:?}");
}

fn delayed_jobs_that_race_a_shutdown_are_accepted_or_refused(make: Make) {
    for _ in 0..20 {
        let pool = make();
        let (begun, begin) = mpsc::channel();
        let futures = std::thread::scope(|scope| {
            let submitter = scope.spawn(|| {
                let submit = |n: u64| {
                    begun.send(()).unwrap_or_default();
                    pool.submit_after(Duration::from_micros(n % 50), Do::Echo(n))
                };
                (0..200).map(submit).collect::<Vec<_>>()
            });
            begin.recv().unwrap();
            pool.shutdown(true);
            submitter.join().unwrap()
        });
        for (n, future) in (0..).zip(futures) {
            match future.try_result().expect("an outcome after the shutdown") {
                Ok(value) => assert_eq!(value, n),
                Err(error) => assert!(matches!(error, JobError::Rejected(Rejection::Shutdown)), "{error:?}"),
            }
        }
    }
}

#[test]
fn a_delayed_job_that_is_cancelled_lets_go_of_its_captures() {
    let (pool, token) = (ThreadPool::new(1), Arc::new(()));
    let captured = token.clone();
    let future = pool.submit_after(Duration::MAX, move || drop(captured));
    assert!(future.cancel());
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn one_worker_starts_delayed_jobs_in_the_order_of_their_times() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let started = Arc::new(Mutex::new(Vec::new()));
        let hold = block(&pool);
        let mut due = Vec::new();
        for n in 0..20_u32 {
            let (started, delay) = (started.clone(), millis(3) * (20 - n));
            let earliest = pool.now() + delay;
            drop(pool.submit_after(delay, move || started.lock().unwrap().push(n as usize)));
            due.push((earliest, pool.now() + delay));
        }
        drop(hold);
        drop(pool);
        let started = started.lock().unwrap();
        assert_eq!(started.len(), 20);
        // However slowly they were submitted: none starts after one that was surely due later.
        for (place, &this) in started.iter().enumerate() {
            for &earlier in &started[..place] {
                assert!(due[earlier].0 <= due[this].1, "job {earlier} started before job {this}: {started:?}");
            }
        }
    });
}

#[test]
fn equal_delays_start_in_submit_order() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let started = Arc::new(Mutex::new(Vec::new()));
        for n in 0..200 {
            let started = started.clone();
            drop(pool.submit_after(millis(2), move || started.lock().unwrap().push(n)));
        }
        drop(pool);
        assert!(started.lock().unwrap().iter().copied().eq(0..200));
    });
}

#[test]
fn a_delayed_job_holds_no_worker() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let delayed = pool.submit_after(HOUR, || ());
        assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
        assert!(delayed.cancel());
    });
}

#[test]
fn a_shutdown_ends_when_the_last_delayed_job_is_cancelled_though_the_workers_sleep() {
    within_patience(|| {
        let pool = ThreadPool::builder().threads(2).keep_alive(Duration::MAX).build().unwrap();
        pool.submit(|| ()).result().unwrap();
        let later = pool.submit_after(Duration::from_hours(1), || ());
        std::thread::scope(|scope| {
            scope.spawn(|| pool.shutdown(true));
            eventually("it is closed", || pool.try_submit(|| ()).is_err());
            assert!(later.cancel());
        });
    });
}
