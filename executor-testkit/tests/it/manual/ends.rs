//! Shutdowns: what was accepted runs, in virtual time, and nothing else does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use executor_core::{Canceller, Future, JobOptions, Priority, Rejection, ShutdownPolicy, ShutdownReport, current};
use executor_testkit::ManualExecutor;

use crate::support::boxed;
use crate::support::within_patience;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn report(completed: usize, cancelled: usize, still_running: usize) -> ShutdownReport {
    ShutdownReport::new(completed, 0, cancelled, still_running)
}

#[test]
fn a_drop_runs_what_was_accepted_at_its_time() {
    let manual = ManualExecutor::new();
    let (handle, start) = (manual.handle(), manual.now());
    let (soon, late) = (manual.submit(boxed(|| 1)), manual.submit_after(HOUR, boxed(|| 2)));
    let refused = manual.submit(boxed(move || handle.submit(boxed(|| 3))));
    let handle = manual.handle();
    drop(manual);
    assert_eq!((soon.try_result().unwrap().unwrap(), late.try_result().unwrap().unwrap()), (1, 2));
    assert_eq!(handle.now() - start, HOUR);
    let refused = refused.try_result().unwrap().unwrap();
    assert!(matches!(refused.try_result().unwrap(), Err(error) if error.rejection() == Some(Rejection::Shutdown)));
    assert_eq!(handle.try_submit(boxed(|| 4)).unwrap_err().into_job()(), 4);
}

#[test]
fn a_shutdown_that_does_not_wait_runs_nothing() {
    let manual = ManualExecutor::new();
    let job = manual.submit(boxed(|| 1));
    manual.shutdown(false);
    assert!(!job.is_done());
    assert!(manual.try_submit(boxed(|| 2)).is_err());
    assert!(manual.run_next());
    assert_eq!(job.result().unwrap(), 1);
}

#[test]
fn a_shutdown_in_a_job_a_callback_or_a_drop_waits_for_nothing() {
    struct ShutsDown(executor_testkit::ManualHandle);
    impl Drop for ShutsDown {
        fn drop(&mut self) {
            self.0.shutdown(true);
        }
    }
    within_patience(|| {
        for place in 0..4 {
            let manual = ManualExecutor::new();
            let handle = manual.handle();
            match place {
                0 => drop(manual.submit(boxed(move || handle.shutdown(true)))),
                1 => manual.submit(boxed(|| ())).on_done(move |_| handle.shutdown(true)),
                2 => {
                    let inside = ShutsDown(handle);
                    drop(manual.submit(boxed(move || inside)));
                }
                _ => {
                    // In the drop of a cancelled job's captures, on the thread that drives.
                    let inside = ShutsDown(handle);
                    let job = manual.submit(boxed(move || drop(inside)));
                    assert!(job.cancel());
                }
            }
            let last = manual.try_submit(boxed(|| 9));
            manual.run_until_idle();
            assert!(last.is_err() || last.unwrap().result().is_ok());
            assert!(manual.try_submit(boxed(|| 9)).is_err(), "place {place}");
        }
    });
}

#[test]
fn each_policy_does_what_it_says_and_tells() {
    let jobs = || {
        let manual = ManualExecutor::new();
        (0..3).for_each(|n| drop(manual.submit_after(n * HOUR, boxed(|| ()))));
        (0..2).for_each(|_| manual.execute(boxed(|| ())));
        manual
    };
    assert_eq!(jobs().shutdown_with(ShutdownPolicy::drain()), report(5, 0, 0));
    assert_eq!(jobs().shutdown_with(ShutdownPolicy::cancel_pending()), report(0, 5, 0));
    assert_eq!(jobs().handle().shutdown_with(ShutdownPolicy::kill()), report(0, 5, 0));
    let manual = jobs();
    assert_eq!(manual.shutdown_with(ShutdownPolicy::drain().within(HOUR)), report(4, 1, 0));
    assert_eq!(manual.shutdown_with(ShutdownPolicy::drain()), report(0, 0, 0), "nothing was left");
    let stats = manual.stats();
    assert_eq!((stats.completed, stats.cancelled, stats.queued, stats.delayed), (4, 1, 0, 0));
}

#[test]
fn cancels_during_shutdown_count_as_cancelled() {
    let manual = ManualExecutor::new();
    let cancellers: Vec<_> =
        [manual.submit_after(HOUR, boxed(|| ())), manual.submit(boxed(|| ()))].iter().map(Future::canceller).collect();
    manual.with(JobOptions::new().priority(Priority::High)).execute(boxed(move || {
        assert!(cancellers.iter().all(Canceller::cancel));
    }));
    assert_eq!(manual.shutdown_with(ShutdownPolicy::drain()), report(1, 2, 0));
}

#[test]
fn shutdown_limit_asks_running_jobs_to_stop() {
    let manual = ManualExecutor::new();
    let handle = manual.handle();
    let slow = manual.submit(boxed(move || {
        let mut seconds = 0;
        while !current::stop_requested() {
            handle.elapse(SECOND);
            seconds += 1;
        }
        seconds
    }));
    let behind = manual.submit(boxed(|| ()));
    assert_eq!(manual.shutdown_with(ShutdownPolicy::drain().within(10 * SECOND)), report(1, 1, 0));
    assert_eq!(slow.result().unwrap(), 10);
    assert!(behind.is_cancelled());
}

#[test]
fn a_shutdown_in_a_job_counts_it_as_running() {
    let manual = ManualExecutor::new();
    let handle = manual.handle();
    let job = manual.submit(boxed(move || handle.shutdown_with(ShutdownPolicy::cancel_pending())));
    let behind = manual.submit(boxed(|| ()));
    assert!(manual.run_next());
    assert_eq!(job.result().unwrap(), report(0, 1, 1));
    assert!(behind.is_cancelled());
}

#[test]
fn wait_idle_runs_everything_and_leaves_it_open() {
    let (manual, count) = (ManualExecutor::new(), Arc::new(AtomicUsize::new(0)));
    for n in 0..4 {
        let count = count.clone();
        drop(manual.submit_after(n * SECOND, boxed(move || count.fetch_add(1, Ordering::Relaxed))));
    }
    manual.wait_idle();
    assert_eq!(count.load(Ordering::Relaxed), 4);
    let handle = manual.handle();
    assert!(manual.submit(boxed(move || handle.wait_idle())).result().is_ok(), "it does not wait for itself");
}

#[test]
fn a_test_that_fails_does_not_run_the_rest() {
    let (count, ran) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (callbacks, runs) = (count.clone(), ran.clone());
    let failed = catch_unwind(AssertUnwindSafe(|| {
        let manual = ManualExecutor::new();
        let job = manual.submit(boxed(move || runs.fetch_add(1, Ordering::Relaxed)));
        job.on_done(move |outcome| {
            callbacks.fetch_add(usize::from(outcome.is_err()), Ordering::Relaxed);
        });
        panic!("a test fails");
    }));
    assert!(failed.is_err());
    assert_eq!((ran.load(Ordering::Relaxed), count.load(Ordering::Relaxed)), (0, 1));
}
