//! The runs of a periodic job in statistics and reports.

use std::sync::Arc;
use std::time::Duration;

use executor::{JobOptions, Period, QueueLimit, ShutdownPolicy};

use crate::support::eventually;
use crate::support::jobs::Do;
use crate::support::rendezvous::Rendezvous;
use crate::support::surface::{Make, Surface, occupy, on_every_surface};

const HOUR: Duration = Duration::from_secs(3600);
const MILLI: Duration = Duration::from_millis(1);

on_every_surface![
    runs_that_never_come_are_in_no_report,
    refused_runs_are_in_no_count,
    runs_that_panic_count_as_such,
    runs_late_to_start_are_missed
];

fn unbounded(make: Make) -> Arc<dyn Surface> {
    make(QueueLimit::unbounded())
}

fn runs_that_never_come_are_in_no_report(make: Make) {
    for policy in [ShutdownPolicy::drain(), ShutdownPolicy::cancel_pending(), ShutdownPolicy::kill()] {
        let pool = unbounded(make);
        let waits = pool.every(HOUR.into(), Do::Echo(1));
        let report = pool.shutdown_with(policy);
        assert_eq!(report.to_string(), "0 completed, 0 failed, 0 cancelled, 0 still running");
        assert!(report.is_clean());
        drop(waits);
    }
}

/// The run that goes on submits the next one, to a pool that is closed.
fn refused_runs_are_in_no_count(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let periodic = pool.every(Period::rate(MILLI).starting_now(), Do::Arrive(rendezvous.arrival(), 1));
    let waiter = rendezvous.accept();
    pool.shutdown(false);
    drop(waiter);
    pool.shutdown(true);
    let stats = pool.stats();
    assert_eq!((stats.done(), stats.completed, periodic.runs()), (1, 1, 1), "{stats}");
}

fn runs_that_panic_count_as_such(make: Make) {
    let pool = unbounded(make);
    let periodic = pool.every(Period::delay(MILLI), Do::Panic("each time".to_owned()));
    eventually("three runs", || periodic.runs() >= 3);
    periodic.cancel();
    pool.wait_idle();
    let stats = pool.stats();
    // A run that was due, and waited for a worker, is a job that was cancelled.
    assert_eq!((stats.panicked, stats.done() - stats.cancelled), (periodic.runs(), periodic.runs()), "{stats}");
}

fn runs_late_to_start_are_missed(make: Make) {
    let (pool, rendezvous) = (unbounded(make), Rendezvous::new());
    let waiters = occupy(&*pool, pool.workers(), &rendezvous);
    let periodic = pool.with(JobOptions::new().start_by(MILLI)).every(Period::delay(MILLI), Do::Echo(1));
    eventually("two runs are late", || periodic.missed() >= 2);
    assert_eq!(periodic.runs(), 0);
    drop(waiters);
    eventually("a run has a worker", || periodic.runs() > 0);
}
