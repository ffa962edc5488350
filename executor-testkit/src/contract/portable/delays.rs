//! Delayed jobs run at their time and in its order. A shutdown waits for them.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use executor_core::{Future, JobError, Rejection, Status};

use crate::contract::subject::Make;
use crate::contract::tools::jobs::Do;

const HOUR: Duration = Duration::from_secs(3600);

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub fn a_delayed_job_does_not_start_before_its_time(make: &Make) {
    let pool = make();
    for delay in [0, 1, 5, 20] {
        let due = Instant::now() + millis(delay);
        assert_eq!(pool.submit_after(millis(delay), Do::Echo(delay)).result().unwrap(), delay);
        assert!(Instant::now() >= due);
    }
}

pub fn a_job_without_delay_runs(make: &Make) {
    let pool = make();
    let futures: Vec<_> = (0..100).map(|n| pool.submit_after(Duration::ZERO, Do::Echo(n))).collect();
    assert!(futures.into_iter().map(|future| future.result().unwrap()).eq(0..100));
}

pub fn a_long_delay_does_not_hold_a_shorter_one_up(make: &Make) {
    let pool = make();
    let long = pool.submit_after(HOUR, Do::Echo(1));
    let short = pool.submit_after(millis(1), Do::Echo(2));
    assert_eq!(short.result().unwrap(), 2);
    assert_eq!(long.status(), Status::Queued);
    assert!(long.cancel());
}

pub fn a_shutdown_waits_for_delayed_jobs(make: &Make) {
    let pool = make();
    let futures: Vec<_> = (0..10).map(|n| pool.submit_after(millis(n), Do::Echo(n))).collect();
    pool.shutdown(true);
    assert!(futures.iter().all(Future::is_done));
    assert!(futures.into_iter().map(|future| future.result().unwrap()).eq(0..10));
}

pub fn a_cancelled_delayed_job_does_not_hold_the_shutdown_up(make: &Make) {
    let pool = make();
    let futures: Vec<_> = (0..10).map(|n| pool.submit_after(HOUR, Do::Echo(n))).collect();
    let kept = pool.submit_after(millis(1), Do::Echo(7));
    assert!(futures.iter().all(Future::cancel));
    pool.shutdown(true);
    assert_eq!(kept.try_result().expect("a shutdown waits").unwrap(), 7);
}

pub fn an_endless_delay_can_be_cancelled(make: &Make) {
    let pool = make();
    let future = pool.submit_after(Duration::MAX, Do::Echo(1));
    assert!(future.cancel());
    assert!(matches!(future.result(), Err(JobError::Cancelled(_))));
}

pub fn a_delayed_job_after_the_shutdown_is_rejected(make: &Make) {
    let pool = make();
    pool.shutdown(false);
    let outcome = pool.submit_after(Duration::ZERO, Do::Echo(1)).result();
    assert!(matches!(&outcome, Err(error) if error.rejection() == Some(Rejection::Shutdown)), "{outcome:?}");
}

pub fn delayed_jobs_that_race_a_shutdown_are_accepted_or_refused(make: &Make) {
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
                Err(error) => assert_eq!(error.rejection(), Some(Rejection::Shutdown), "{error:?}"),
            }
        }
    }
}
