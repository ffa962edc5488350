//! Virtual time: it stands still until it is told to go, and what is due happens at its time.

use std::sync::mpsc;
use std::time::Duration;

use crate::support::boxed;
use executor_core::{ClosureExecutor, Future, JobError, JobOptions, Status, current};
use executor_testkit::ManualExecutor;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn is_timed_out<T>(outcome: &Result<T, JobError>) -> bool {
    matches!(outcome, Err(JobError::TimedOut(_)))
}

#[test]
fn time_stands_still_until_it_is_told_to_go() {
    let manual = ManualExecutor::new();
    let start = manual.now();
    manual.submit(boxed(|| ())).result().unwrap();
    assert_eq!(manual.now(), start);
    manual.advance(HOUR);
    assert_eq!(manual.now(), start + HOUR);
    manual.elapse(HOUR);
    assert_eq!(manual.handle().now(), start + 2 * HOUR);
    let executor: &dyn Fn() -> std::time::Instant = &|| ClosureExecutor::now(&manual);
    assert_eq!(executor(), start + 2 * HOUR);
}

#[test]
fn delayed_jobs_run_at_their_times_in_order() {
    let manual = ManualExecutor::new();
    let (start, (ran, times)) = (manual.now(), mpsc::channel());
    for seconds in [30, 10, 20, 40, 10] {
        let (handle, ran) = (manual.handle(), ran.clone());
        drop(manual.submit_after(
            SECOND * seconds,
            boxed(move || {
                ran.send((handle.now() - start).as_secs()).unwrap();
            }),
        ));
    }
    assert_eq!((manual.delayed(), manual.pending().len()), (5, 0));
    assert_eq!(manual.next_due(), Some(start + 10 * SECOND));
    assert_eq!(manual.advance(10 * SECOND), 2);
    assert_eq!(manual.advance(9 * SECOND), 0);
    assert_eq!(manual.advance(HOUR), 3);
    assert_eq!((manual.next_due(), manual.delayed()), (None, 0));
    drop(ran);
    assert_eq!(times.iter().collect::<Vec<_>>(), [10, 10, 20, 30, 40]);
}

#[test]
fn one_advance_runs_newly_delayed_jobs() {
    fn tick(executor: impl ClosureExecutor + Clone + 'static, ticked: mpsc::Sender<()>) {
        ticked.send(()).unwrap_or_default();
        let next = executor.clone();
        drop(executor.submit_after(SECOND, boxed(move || tick(next, ticked))));
    }
    let (manual, (ticked, ticks)) = (ManualExecutor::new(), mpsc::channel());
    tick(manual.handle(), ticked);
    assert_eq!(manual.advance(60 * SECOND), 60);
    assert_eq!(ticks.try_iter().count(), 61);
    let _: executor_core::ShutdownReport = manual.shutdown_with(executor_core::ShutdownPolicy::cancel_pending());
}

#[test]
fn a_delayed_job_is_cancelled_before_its_time_and_is_no_longer_due() {
    let manual = ManualExecutor::new();
    let job = manual.submit_after(HOUR, boxed(|| ()));
    assert_eq!(job.status(), Status::Queued);
    assert!(job.cancel());
    assert_eq!((manual.delayed(), manual.next_due()), (0, None));
    assert_eq!(manual.advance(2 * HOUR), 0);
    // One that is queued by then is cancelled, too.
    let job = manual.submit_after(HOUR, boxed(|| ()));
    manual.elapse(HOUR);
    assert_eq!((manual.delayed(), manual.pending().len()), (0, 1));
    assert!(job.cancel());
    assert_eq!((manual.pending().len(), manual.run_next()), (0, false));
}

#[test]
fn ten_thousand_delayed_jobs_that_are_cancelled_leave_nothing() {
    let manual = ManualExecutor::new();
    for _ in 0..10_000 {
        let job = manual.submit_after(HOUR, boxed(|| ()));
        assert!(job.cancel());
    }
    assert_eq!((manual.delayed(), manual.next_due()), (0, None));
    assert_eq!(manual.stats().cancelled, 10_000);
}

#[test]
fn a_job_that_takes_longer_than_it_may_is_timed_out_then() {
    let manual = ManualExecutor::new();
    let view = manual.with(JobOptions::new().name("slow").timeout(5 * SECOND));
    let (handle, (seen, sees)) = (manual.handle(), mpsc::channel());
    let slow = view.submit(boxed(move || {
        let deadline = current::deadline().unwrap();
        handle.elapse(4 * SECOND);
        seen.send((current::stop_requested(), deadline - handle.now())).unwrap();
        handle.elapse(SECOND);
        seen.send((current::stop_requested(), deadline - handle.now())).unwrap();
    }));
    let (called, calls) = mpsc::channel();
    let handle = manual.handle();
    let start = manual.now();
    slow.on_done(move |outcome| called.send((is_timed_out(&outcome), handle.now() - start)).unwrap());
    assert!(manual.run_next());
    assert_eq!(sees.iter().collect::<Vec<_>>(), [(false, SECOND), (true, Duration::ZERO)]);
    assert_eq!(calls.recv().unwrap(), (true, 5 * SECOND));
    let handle = manual.handle();
    let quick = view.submit(boxed(move || handle.elapse(4 * SECOND)));
    assert!(quick.result().is_ok());
    assert_eq!(manual.next_due(), None, "nothing is due for what has ended");
    assert_eq!((manual.stats().timed_out, manual.stats().completed), (1, 1));
}

#[test]
fn a_job_that_waits_longer_than_it_may_never_starts() {
    let manual = ManualExecutor::new();
    let view = manual.with(JobOptions::new().start_by(SECOND));
    let (late, in_time) = (view.submit(boxed(|| ())), view.submit(boxed(|| ())));
    assert!(manual.run_nth(1));
    manual.elapse(SECOND);
    assert_eq!(manual.pending().len(), 0);
    assert!(is_timed_out(&late.result()) && in_time.result().is_ok());
    // Its time to wait begins when its delay is over.
    let delayed = manual.with(JobOptions::new().start_by(SECOND).delay(HOUR)).submit(boxed(|| ()));
    manual.elapse(HOUR);
    assert_eq!(delayed.status(), Status::Queued);
    manual.elapse(SECOND);
    assert!(is_timed_out(&delayed.result()));
    let delayed = view.submit_after(HOUR, boxed(|| ()));
    manual.advance(2 * HOUR);
    assert!(delayed.result().is_ok());
}

#[test]
fn limits_that_are_never_reached_pile_up_nowhere() {
    let manual = ManualExecutor::new();
    let view = manual.with(JobOptions::new().timeout(HOUR).start_by(HOUR));
    for _ in 0..10_000 {
        view.submit(boxed(|| ())).result().unwrap();
    }
    assert_eq!(manual.next_due(), None);
}

#[test]
fn a_retry_with_pauses_is_tested_in_no_time() {
    /// The code under test: tries again after 1 s, 2 s, 4 s and so on.
    fn retry<E: ClosureExecutor>(executor: &E, tries: u32, work: fn(u32) -> Option<u32>) -> Option<u32> {
        (0..tries).find_map(|n| {
            let pause = if n == 0 { Duration::ZERO } else { SECOND * 2_u32.pow(n - 1) };
            executor.submit_after(pause, boxed(move || work(n))).result().ok().flatten()
        })
    }
    let manual = ManualExecutor::new();
    let start = manual.now();
    assert_eq!(retry(&manual, 10, |n| (n == 5).then_some(n)), Some(5));
    assert_eq!(manual.now() - start, (1 + 2 + 4 + 8 + 16) * SECOND);
    assert_eq!(retry(&manual, 3, |_| None), None);
}

#[test]
fn the_longest_delay_has_no_time_to_come() {
    let manual = ManualExecutor::new();
    let never: Future<()> = manual.submit_after(Duration::MAX, boxed(|| ()));
    manual.advance(HOUR);
    assert!(!never.is_done() && never.cancel());
}
