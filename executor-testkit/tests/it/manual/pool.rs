//! Everything that every pool can be asked, on virtual time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use executor_core::{JobOptions, Pool, ShutdownPolicy, current};
use executor_testkit::ManualExecutor;

use crate::support::boxed;
use crate::support::within_patience;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn executor_and_handles_are_pools() {
    fn end(pool: &dyn Pool) -> String {
        pool.prestart();
        assert_eq!((pool.workers(), pool.stats().queued), (1, 1));
        pool.wait_idle();
        assert_eq!((pool.stats().queued, pool.stats().completed), (0, 1));
        let closed = pool.closed();
        assert!(!closed.is_done());
        let report = pool.shutdown_with(ShutdownPolicy::drain());
        assert!(closed.is_done() && pool.closed().is_done());
        report.to_string()
    }
    for way in 0..3 {
        let manual = ManualExecutor::new();
        let job = manual.submit(boxed(|| 1));
        let report = match way {
            0 => end(&manual),
            1 => end(&manual.handle()),
            _ => end(&manual.with(JobOptions::new().name("named"))),
        };
        assert_eq!(report, "0 completed, 0 failed, 0 cancelled, 0 still running");
        assert_eq!(job.result().unwrap(), 1);
    }
}

#[test]
fn wait_idle_until_stops_at_its_deadline() {
    let manual = ManualExecutor::new();
    let start = manual.now();
    let (now, soon, late) = (
        manual.submit(boxed(|| 0)),
        manual.submit_after(HOUR, boxed(|| 1)),
        manual.submit_after(3 * HOUR, boxed(|| 3)),
    );
    assert!(!manual.wait_idle_until(start + 2 * HOUR));
    assert!(now.is_done() && soon.is_done() && !late.is_done());
    assert_eq!(manual.now(), start + 2 * HOUR);
    assert!(manual.wait_idle_until(start + 4 * HOUR), "it is idle as soon as the last job has run");
    assert_eq!((late.result().unwrap(), manual.now()), (3, start + 3 * HOUR));
    assert!(manual.wait_idle_until(start), "an idle executor is idle, whatever the deadline");
}

#[test]
fn wait_idle_until_starts_no_late_job() {
    let manual = ManualExecutor::new();
    let (start, handle) = (manual.now(), manual.handle());
    let slow = manual.submit(boxed(move || handle.elapse(2 * HOUR)));
    let behind = manual.submit(boxed(|| ()));
    assert!(!manual.wait_idle_until(start + HOUR));
    assert!(slow.is_done() && !behind.is_done());
    assert!(!manual.wait_idle_until(start + HOUR), "nothing runs at a time that is over");
    assert_eq!((behind.is_done(), manual.now()), (false, start + 2 * HOUR));
    assert!(manual.wait_idle_timeout(Duration::ZERO));
    assert!(behind.is_done());
}

#[test]
fn wait_idle_timeout_is_in_virtual_time() {
    let manual = ManualExecutor::new();
    manual.advance(10 * HOUR);
    let job = manual.submit_after(2 * HOUR, boxed(|| ()));
    assert!(!manual.wait_idle_timeout(HOUR));
    assert!(!job.is_done());
    assert!(manual.handle().wait_idle_timeout(HOUR));
    assert!(job.is_done());
    assert!(manual.wait_idle_timeout(Duration::MAX));
}

#[test]
fn wait_idle_until_returns_false_inside_a_job() {
    let manual = ManualExecutor::new();
    let handle = manual.handle();
    let job = manual.submit(boxed(move || handle.wait_idle_until(handle.now() + HOUR)));
    assert!(!job.result().unwrap());
}

#[test]
fn wait_idle_until_keeps_its_limit_on_a_thread() {
    within_patience(|| {
        let manual = ManualExecutor::new();
        manual.run_on_thread();
        let (open, opened) = mpsc::channel::<()>();
        let job = manual.submit(boxed(move || opened.recv().unwrap_or_default()));
        assert!(!manual.wait_idle_timeout(Duration::from_millis(5)));
        assert!(!job.is_done());
        drop(open);
        assert!(manual.wait_idle_until(manual.now() + HOUR));
        assert!(job.is_done());
    });
}

#[test]
fn limits_on_a_thread_end_by_elapsed_time() {
    within_patience(|| {
        let manual = ManualExecutor::new();
        manual.run_on_thread();
        let handle = manual.handle();
        let stops = manual.submit(boxed(move || {
            // Until the shutdown has begun.
            while handle.try_submit(boxed(|| ())).is_ok() {}
            handle.elapse(2 * HOUR);
            while !current::stop_requested() {
                thread::yield_now();
            }
        }));
        let report = manual.shutdown_with(ShutdownPolicy::drain().within(HOUR));
        assert!(report.still_running <= 1 && stops.result().is_ok());
    });
}

#[test]
fn closed_waits_for_the_last_job() {
    let manual = ManualExecutor::new();
    let (late, closed) = (manual.submit_after(HOUR, boxed(|| ())), manual.closed());
    manual.run_until_idle();
    assert!(!closed.is_done());
    manual.shutdown(false);
    assert!(!closed.is_done(), "a job is left");
    manual.advance(HOUR);
    assert!(late.is_done() && closed.is_done());
    assert!(manual.closed().is_done());
}

#[test]
fn closed_ends_with_the_last_cancel() {
    let manual = ManualExecutor::new();
    let (first, second, closed) =
        (manual.submit(boxed(|| ())), manual.submit_after(HOUR, boxed(|| ())), manual.closed());
    manual.shutdown(false);
    assert!(first.cancel() && !closed.is_done());
    assert!(second.cancel() && closed.is_done());
}

#[test]
fn waiting_for_closed_runs_the_rest() {
    let manual = ManualExecutor::new();
    let job = manual.submit_after(HOUR, boxed(|| 1));
    manual.shutdown(false);
    manual.closed().result().unwrap();
    assert_eq!(job.try_result().unwrap().unwrap(), 1);
}

#[test]
fn callback_of_closed_may_shut_down() {
    let (manual, called) = (ManualExecutor::new(), Arc::new(AtomicBool::new(false)));
    let (handle, calls) = (manual.handle(), called.clone());
    manual.closed().on_done(move |_| {
        handle.shutdown(true);
        assert!(!handle.wait_idle_timeout(HOUR), "it is inside of a callback");
        calls.store(true, Ordering::Relaxed);
    });
    manual.execute(boxed(|| ()));
    drop(manual);
    assert!(called.load(Ordering::Relaxed));
}

#[test]
fn closed_waits_for_the_thread() {
    within_patience(|| {
        for _ in 0..100 {
            let manual = ManualExecutor::new();
            manual.run_on_thread();
            let (job, closed) = (manual.submit(boxed(|| ())), manual.closed());
            manual.shutdown(false);
            closed.result().unwrap();
            assert!(job.is_done());
            let handle = manual.handle();
            drop(manual);
            handle.closed().result().unwrap();
        }
    });
}

#[test]
fn options_of_a_handle_replace_those_before() {
    let manual = ManualExecutor::new();
    let named = manual.with(JobOptions::new().name("first").tag("one"));
    let renamed = named.with(JobOptions::new().name("second"));
    assert_eq!(manual.options().values().label.as_ref().map(|label| label.name.clone()), None);
    let both = |handle: &executor_testkit::ManualHandle| {
        let [name, tag] = handle.submit(boxed(|| [current::name(), current::tag()])).result().unwrap();
        format!("{name:?} {tag:?}")
    };
    assert_eq!(both(&named.handle()), r#"Some("first") Some("one")"#);
    assert_eq!(both(&renamed), r#"Some("second") None"#);
    assert!(renamed.submit_after(HOUR, boxed(|| ())).result().is_ok(), "it drives the executor, too");
}
