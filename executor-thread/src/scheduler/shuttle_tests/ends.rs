//! Shutdowns from any thread, any number of times: every thread ends.

use executor_core::{JobError, Priority, ShutdownPolicy, current};
use shuttle::thread;

use super::super::sync;
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
        let cancelled = outcomes.filter(|outcome| matches!(outcome, Err(JobError::Cancelled(_)))).count();
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

/// Also not the one that the timer has in its hand.
#[test]
fn nothing_starts_once_a_job_has_heard_of_a_kill() {
    for policy in [ShutdownPolicy::kill(), ShutdownPolicy::drain().within(Duration::ZERO)] {
        check(move || {
            let scheduler = Arc::new(in_place(patient(1)));
            let (handle, heard, late) = (scheduler.handle(), Count::default(), Count::default());
            let hears = heard.clone();
            let running = push_job(&handle, move || {
                while !current::stop_requested() {
                    thread::yield_now();
                }
                hears.add(1);
            });
            let starts = || {
                let (heard, late) = (heard.clone(), late.clone());
                move || late.add(heard.get())
            };
            let queued: Vec<_> = (0..2).map(|_| push_job(&handle, starts()).unwrap()).collect();
            let (cell, delayed) = Future::of_job_at(scheduler.delay(), starts());
            assert!(scheduler.push_at(sync::at(Duration::from_secs(1)), Priority::Normal, cell).is_ok());
            let looks = {
                let handle = handle.clone();
                thread::spawn(move || (0..3).for_each(|_| drop(handle.stats())))
            };
            let report = scheduler.shutdown_with(policy);
            scheduler.shutdown(true);
            looks.join().unwrap();
            assert_eq!(late.get(), 0, "{report}");
            // The first may not have started either.
            let mut all = queued.into_iter().chain([delayed, running.unwrap()]);
            assert!(all.all(|future| future.is_done()));
        });
    }
}

/// Each job's captured value shuts the scheduler down, and two such drops at once do not wait for each other.
#[test]
fn captures_of_cancelled_jobs_may_shut_down() {
    struct Closes(Scheduler<InPlace>);
    impl Drop for Closes {
        fn drop(&mut self) {
            self.0.shutdown(true);
        }
    }
    check(|| {
        let (config, alive) = counted(patient(1));
        let scheduler = in_place(config);
        let cancels: Vec<_> = (0..2)
            .map(|_| {
                let closes = Closes(scheduler.handle());
                let future = push_job(&scheduler.handle(), move || drop(closes));
                thread::spawn(move || future.is_ok_and(|future| future.cancel()))
            })
            .collect();
        scheduler.shutdown(true);
        assert_eq!(alive.get(), 0);
        assert!(cancels.into_iter().all(|cancel| cancel.join().is_ok()));
    });
}
