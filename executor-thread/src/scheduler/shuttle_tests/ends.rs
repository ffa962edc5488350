//! Whoever shuts down, wherever, and however often: everyone ends.

use executor_core::{JobError, ShutdownPolicy};
use shuttle::thread;

use super::*;

#[test]
fn shutdowns_from_everywhere_end() {
    check(|| {
        let (config, alive) = counted(patient(2));
        let scheduler = Arc::new(in_place(config));
        let (inside, ran) = (scheduler.handle(), Count::default());
        let closed = scheduler.closed();
        let job = push_job(&scheduler.handle(), move || inside.shutdown(true)).unwrap();
        drop(push(&scheduler.handle(), &ran));
        let other = {
            let (scheduler, alive) = (scheduler.clone(), alive.clone());
            thread::spawn(move || {
                scheduler.shutdown(true);
                assert_eq!(alive.get(), 0);
            })
        };
        scheduler.shutdown(true);
        assert_eq!(alive.get(), 0);
        assert!(job.try_result().unwrap().is_ok());
        other.join().unwrap();
        closed.result().unwrap();
    });
}

#[test]
fn a_handle_that_outlives_the_scheduler_holds_nobody_up() {
    check(|| {
        let scheduler = in_place(patient(1));
        let (handle, ran) = (scheduler.handle(), Count::default());
        let closed = scheduler.closed();
        let submitter = {
            let (handle, ran) = (handle.clone(), ran.clone());
            thread::spawn(move || push(&handle, &ran).is_ok())
        };
        let idle = thread::spawn(move || handle.wait_idle(None));
        drop(scheduler);
        closed.result().unwrap();
        let is_accepted = submitter.join().unwrap();
        assert!(idle.join().unwrap());
        assert_eq!(ran.get(), usize::from(is_accepted));
    });
}

#[test]
fn a_shutdown_that_cancels_leaves_nothing_queued() {
    check(|| {
        let (scheduler, ran) = (in_place(patient(2)), Count::default());
        let handle = scheduler.handle();
        let futures: Vec<_> = (0..6).map(|_| push(&handle, &ran).unwrap()).collect();
        let report = scheduler.shutdown_with(ShutdownPolicy::cancel_pending());
        let outcomes = futures.into_iter().map(|future| future.try_result().unwrap());
        let cancelled = outcomes.filter(|outcome| matches!(outcome, Err(JobError::Cancelled))).count();
        assert_eq!((ran.get() + cancelled, report.cancelled), (6, cancelled));
    });
}

#[test]
fn workers_started_before_they_are_needed_end_too() {
    check(|| {
        let (config, alive) = counted(patient(2));
        let (scheduler, ran) = (in_place(config), Count::default());
        let handle = scheduler.handle();
        let other = thread::spawn(move || handle.prestart());
        drop(push(&scheduler.handle(), &ran));
        other.join().unwrap();
        scheduler.shutdown(true);
        assert_eq!((ran.get(), alive.get()), (1, 0));
    });
}
