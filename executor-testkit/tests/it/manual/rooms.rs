//! A bounded queue does what it says when it is full.

use std::sync::mpsc;
use std::thread;

use executor_core::{Future, JobOptions, Priority, QueueLimit, Rejection, WhenFull};
use executor_testkit::ManualExecutor;

use crate::support::boxed;
use crate::support::within_patience;

fn bounded(most: usize, when_full: WhenFull) -> ManualExecutor {
    ManualExecutor::builder().queue(QueueLimit::bounded(most, when_full)).build()
}

fn is_refused<T>(future: Future<T>, reason: Rejection) -> bool {
    matches!(future.try_result(), Ok(Err(error)) if error.rejection() == Some(reason))
}

#[test]
fn a_full_queue_refuses_jobs() {
    for (when_full, reason) in [(WhenFull::Reject, Rejection::Full), (WhenFull::DropNewest, Rejection::Dropped)] {
        let manual = bounded(2, when_full);
        let jobs = [manual.submit(boxed(|| 1)), manual.submit(boxed(|| 2))];
        assert!(is_refused(manual.submit(boxed(|| 3)), reason));
        let refused = manual.try_submit(boxed(|| 3)).unwrap_err();
        assert_eq!((refused.reason(), refused.into_job()()), (Rejection::Full, 3));
        assert!(jobs[0].cancel(), "and its place is free");
        assert_eq!(manual.submit(boxed(|| 4)).result().unwrap(), 4);
        let [_, second] = jobs;
        assert_eq!(second.result().unwrap(), 2);
    }
}

#[test]
fn the_oldest_of_the_least_priority_makes_room() {
    let manual = bounded(2, WhenFull::DropOldest);
    let (normal, low) =
        (manual.submit(boxed(|| 1)), manual.with(JobOptions::new().priority(Priority::Low)).submit(boxed(|| 2)));
    let third = manual.submit(boxed(|| 3));
    assert!(is_refused(low, Rejection::Dropped));
    let fourth = manual.try_submit(boxed(|| 4)).unwrap();
    assert!(is_refused(normal, Rejection::Dropped));
    assert_eq!((third.result().unwrap(), fourth.result().unwrap()), (3, 4));
}

#[test]
fn the_caller_runs_what_finds_no_room() {
    let manual = bounded(1, WhenFull::CallerRuns);
    let first = manual.submit(boxed(|| 1));
    let here = manual.submit(boxed(|| thread::current().id()));
    assert_eq!(here.try_result().unwrap().unwrap(), thread::current().id());
    assert!(!first.is_done());
}

#[test]
fn drivers_make_room_and_others_wait() {
    within_patience(|| {
        let manual = bounded(1, WhenFull::Block);
        let first = manual.submit(boxed(|| 1));
        let second = manual.submit(boxed(|| 2));
        assert!(first.is_done() && !second.is_done());
        let (handle, (will, goes)) = (manual.handle(), mpsc::channel());
        let waits = thread::spawn(move || {
            will.send(()).unwrap();
            handle.submit(boxed(|| 3))
        });
        goes.recv().unwrap();
        assert!(manual.run_next());
        assert_eq!(waits.join().unwrap().result().unwrap(), 3);
        // A job that submits does not wait for the place that its own worker would free.
        let handle = manual.handle();
        let inside = manual.submit(boxed(move || {
            drop(handle.submit(boxed(|| 4)));
            handle.submit(boxed(|| 5)).try_result().map(Result::unwrap)
        }));
        assert_eq!(inside.result().unwrap().unwrap(), 5);
    });
}

#[test]
fn a_shutdown_frees_who_waits_for_room() {
    within_patience(|| {
        let manual = bounded(1, WhenFull::Block);
        let kept = manual.submit(boxed(|| 1));
        let (handle, (will, goes)) = (manual.handle(), mpsc::channel());
        let waits = thread::spawn(move || {
            will.send(()).unwrap();
            handle.submit(boxed(|| 2)).result()
        });
        goes.recv().unwrap();
        manual.shutdown(false);
        assert!(matches!(waits.join().unwrap(), Err(error) if error.rejection() == Some(Rejection::Shutdown)));
        assert_eq!(kept.result().unwrap(), 1);
    });
}

#[test]
fn a_delayed_job_is_queued_full_or_not() {
    let manual = bounded(1, WhenFull::Reject);
    let (later, now) = (manual.submit_after(std::time::Duration::ZERO, boxed(|| 1)), manual.submit(boxed(|| 2)));
    manual.elapse(std::time::Duration::ZERO);
    assert_eq!(manual.pending().len(), 2);
    assert_eq!((later.result().unwrap(), now.result().unwrap()), (1, 2));
}
