//! The errors of jobs that were cancelled or rejected name them.

use std::any::type_name_of_val;
use std::time::Duration;

use executor_core::{Executor, Future, JobError, JobOptions, QueueLimit, Rejection, ShutdownPolicy, WhenFull};
use executor_testkit::{Chaos, ManualExecutor, ManualHandle};

const FAR: Duration = Duration::from_secs(3600);

fn job() -> u32 {
    7
}

/// A handle whose jobs have a name and one whose jobs have not, each with the name that errors tell.
fn views(manual: &ManualExecutor) -> [(ManualHandle, &'static str); 2] {
    [(manual.handle(), type_name_of_val(&job)), (manual.with(JobOptions::new().name("seven")), "seven")]
}

#[track_caller]
fn is_rejected(future: Future<u32>, reason: Rejection, name: &str) {
    let error = future.try_result().expect("it has ended").unwrap_err();
    assert_eq!((error.rejection(), error.job()), (Some(reason), Some(name)), "{error}");
}

#[test]
fn cancelled_jobs_are_named() {
    let manual = ManualExecutor::new();
    for (view, name) in views(&manual) {
        for future in [view.submit(job), view.submit_after(FAR, job)] {
            assert!(future.cancel());
            assert_eq!(future.result().unwrap_err().job(), Some(name));
        }
        let waits = view.submit(job);
        assert!(manual.fail_next(JobError::cancelled()));
        assert_eq!(waits.result().unwrap_err().job(), Some(name));
    }
    let waiting = views(&manual).map(|(view, name)| (view.submit(job), name));
    let report = manual.shutdown_with(ShutdownPolicy::cancel_pending());
    assert_eq!(report.cancelled, 2);
    for (future, name) in waiting {
        assert_eq!(future.result().unwrap_err().job(), Some(name));
    }
}

#[test]
fn rejected_jobs_are_named() {
    for (when_full, reason) in [(WhenFull::Reject, Rejection::Full), (WhenFull::DropNewest, Rejection::Dropped)] {
        let manual = ManualExecutor::builder().queue(QueueLimit::bounded(1, when_full)).build();
        let _waits = manual.submit(job);
        for (view, name) in views(&manual) {
            is_rejected(view.submit(job), reason, name);
            assert_eq!(JobError::from(view.try_submit(job).unwrap_err()).job(), Some(name));
        }
        manual.shutdown(false);
        for (view, name) in views(&manual) {
            is_rejected(view.submit(job), Rejection::Shutdown, name);
            is_rejected(view.submit_after(FAR, job), Rejection::Shutdown, name);
        }
    }
    let manual = ManualExecutor::builder().queue(QueueLimit::bounded(1, WhenFull::DropOldest)).build();
    for (view, name) in views(&manual) {
        let oldest = view.submit(job);
        let _newest = manual.submit(job);
        is_rejected(oldest, Rejection::Dropped, name);
    }
}

#[test]
fn chaos_names_the_jobs_it_cancels_and_rejects() {
    let chaos = Chaos::builder().cancel(0.5).reject(0.5).around(ManualExecutor::new());
    let errors: Vec<_> = (0..20).map(|_| Executor::submit(&chaos, job).result().unwrap_err()).collect();
    assert!(errors.iter().all(|error| error.job() == Some(type_name_of_val(&job))), "{errors:?}");
    assert!(errors.iter().any(JobError::is_cancelled) && errors.iter().any(|error| error.rejection().is_some()));
}
