//! Jobs run when somebody says so, and not before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::boxed;
use executor_core::{ClosureExecutor, Executor, Job, JobError, Rejection, Shutdown, Status, current};
use executor_testkit::ManualExecutor;

#[test]
fn nothing_runs_before_it_is_told_to() {
    let (manual, count) = (ManualExecutor::new(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..3 {
        let count = count.clone();
        manual.execute(boxed(move || count.fetch_add(1, Ordering::Relaxed)));
    }
    let run = || count.load(Ordering::Relaxed);
    assert_eq!((run(), manual.pending().len()), (0, 3));
    assert!(manual.run_next());
    assert_eq!((run(), manual.pending().len()), (1, 2));
    assert_eq!(manual.run_until_idle(), 2);
    assert!(!manual.run_next() && !manual.run_nth(0));
    assert_eq!(run(), 3);
}

#[test]
fn a_job_is_picked_by_its_place() {
    let manual = ManualExecutor::new();
    let jobs = [0, 1, 2].map(|n| manual.submit(boxed(move || n)));
    assert_eq!(manual.pending(), jobs.each_ref().map(executor_core::Future::id));
    assert!(manual.run_nth(1));
    assert!(jobs[1].is_done() && !jobs[0].is_done() && !jobs[2].is_done());
    assert!(manual.run_nth(1) && !manual.run_nth(1));
    assert!(jobs[2].is_done() && !jobs[0].is_done());
}

#[test]
fn cancelled_jobs_are_in_nobodys_way() {
    let manual = ManualExecutor::new();
    let jobs: Vec<_> = (0..1000).map(|n| manual.submit(boxed(move || n))).collect();
    assert!(jobs.iter().filter(|job| job.id() != jobs[500].id()).all(executor_core::Future::cancel));
    assert_eq!(manual.pending(), [jobs[500].id()]);
    assert_eq!(manual.stats().queued, 1);
    assert!(manual.run_nth(0) && !manual.run_next());
    assert_eq!(jobs[500].status(), Status::Done);
    let stats = manual.stats();
    assert_eq!((stats.queued, stats.running, stats.completed, stats.cancelled), (0, 0, 1, 999));
}

#[test]
fn a_job_fails_as_it_is_told() {
    let manual = ManualExecutor::new();
    let (first, second) = (manual.submit(boxed(|| 1)), manual.submit(boxed(|| 2)));
    assert!(manual.fail_next(JobError::rejected(Rejection::Full)));
    assert!(matches!(first.result(), Err(error) if error.rejection() == Some(Rejection::Full)));
    assert_eq!(second.result().unwrap(), 2);
    assert!(!manual.fail_next(JobError::cancelled()));
}

#[test]
fn jobs_that_jobs_submit_are_run_too() {
    fn countdown(executor: impl ClosureExecutor + Clone + 'static, n: usize) {
        if let Some(n) = n.checked_sub(1) {
            let next = executor.clone();
            drop(executor.submit(boxed(move || countdown(next, n))));
        }
    }
    let manual = ManualExecutor::new();
    countdown(manual.handle(), 100);
    assert_eq!(manual.run_until_idle(), 100);
}

#[test]
fn a_panic_costs_its_job() {
    let manual = ManualExecutor::new();
    let (bad, good) = (manual.submit(boxed(|| panic!("no luck"))), manual.submit(boxed(|| 1)));
    good.wait();
    assert_eq!(manual.run_until_idle(), 1);
    assert!(matches!(bad.result(), Err(JobError::Panicked(_))));
    assert_eq!((manual.stats().panicked, manual.stats().completed), (1, 1));
}

#[test]
fn a_job_knows_where_it_runs_and_the_thread_is_what_it_was_after_it() {
    let manual = ManualExecutor::new();
    let name = manual.submit(current::worker_name);
    assert_eq!(name.result().unwrap().as_deref(), Some("manual-0"));
    assert_eq!((current::worker_name(), current::id()), (None, None));
    let (inner, outer) = (ManualExecutor::new(), manual);
    let names = outer.submit(boxed(move || {
        let before = current::queue_id();
        inner.submit(boxed(|| ())).result().unwrap();
        before == current::queue_id() && before.is_some()
    }));
    assert!(names.result().unwrap());
}

#[test]
fn it_is_an_executor_of_every_job_by_name_and_by_trait() {
    struct Double(u32);
    impl Job for Double {
        type Output = u32;
        fn run(self) -> u32 {
            2 * self.0
        }
    }
    fn through(executor: &dyn Executor<Double>) {
        assert_eq!(executor.submit(Double(4)).result().unwrap(), 8);
        assert_eq!(executor.try_submit(Double(5)).unwrap().result().unwrap(), 10);
        executor.shutdown(true);
        let refused = executor.try_submit(Double(6)).unwrap_err();
        assert_eq!((refused.reason(), refused.into_job().0), (Rejection::Shutdown, 6));
    }
    through(&ManualExecutor::new());
    let manual = ManualExecutor::new();
    through(&manual.handle());
    let manual = ManualExecutor::new();
    through(&manual.with(executor_core::JobOptions::new().name("double")));
    assert!(
        matches!(manual.submit(boxed(|| 1)).result(), Err(error) if error.rejection() == Some(Rejection::Shutdown))
    );
    Shutdown::shutdown(&manual, true);
}

#[test]
fn a_map_runs_when_it_is_asked() {
    let manual = ManualExecutor::builder().workers(3).build();
    let mut map = manual.map(0.., |n: u32| n * n);
    assert_eq!(manual.pending().len(), 0);
    assert_eq!(map.next().unwrap().unwrap(), 0);
    assert_eq!(manual.pending().len(), 5);
    assert!(map.by_ref().take(20).map(Result::unwrap).eq((1..21).map(|n| n * n)));
    drop(map);
    assert_eq!(manual.pending().len(), 0);
    let mut unordered: Vec<_> = manual.map(0..5, |n: u32| n).unordered().map(|(_, n)| n.unwrap()).collect();
    unordered.sort_unstable();
    assert_eq!(unordered, [0, 1, 2, 3, 4]);
}
