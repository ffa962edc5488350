//! Every accepted job is run, or ended by a cancel, a limit or a shutdown.

use std::time::{Duration, Instant};

use executor_core::cell::{Captures, Notify};
use executor_core::{Future, JobError, Priority, Rejection};
use shuttle::thread;

use super::super::{TimerEvent, sync};
use super::*;

#[test]
fn submits_that_race_a_shutdown_are_run_or_refused() {
    check(|| {
        let (config, alive) = counted(patient(2));
        let (scheduler, ran) = (in_place(config), Count::default());
        let submitters: Vec<_> = (0..2)
            .map(|_| {
                let (handle, ran) = (scheduler.handle(), ran.clone());
                thread::spawn(move || -> Vec<_> { (0..2).map(|_| push(&handle, &ran)).collect() })
            })
            .collect();
        scheduler.shutdown(true);
        assert_eq!(alive.get(), 0);
        let submitted: Vec<_> = submitters.into_iter().flat_map(|submitter| submitter.join().unwrap()).collect();
        let accepted = submitted.iter().filter(|submitted| submitted.is_ok()).count();
        assert_eq!(ran.get(), accepted);
        for submitted in submitted {
            match submitted {
                Ok(future) => assert!(future.try_result().unwrap().is_ok(), "it is done when the shutdown is"),
                Err(reason) => assert_eq!(reason, Rejection::Shutdown),
            }
        }
    });
}

#[test]
fn a_burst_is_run_by_workers_that_wake_each_other() {
    check(|| {
        let scheduler = in_place(patient(2));
        let (handle, ran) = (scheduler.handle(), Count::default());
        // Two that wait for each other: both workers must come.
        let (one, two) = (executor_core::promise(), executor_core::promise());
        let jobs = [(one.0, two.1), (two.0, one.1)].map(|(mine, yours)| {
            push_job(&handle, move || {
                assert!(mine.complete(()));
                // Not as a worker that waits: that has a spare.
                executor_core::current::leave_host();
                yours.result().unwrap();
            })
        });
        for job in jobs {
            job.unwrap().result().unwrap();
        }
        let again: Vec<_> = (0..3).map(|_| push(&handle, &ran).unwrap()).collect();
        again.into_iter().for_each(|future| future.result().unwrap());
        scheduler.shutdown(true);
        assert_eq!(ran.get(), 3);
    });
}

#[test]
fn a_job_is_run_or_cancelled_and_counted_once() {
    for capacity in [None, Some(3)] {
        check(move || {
            let scheduler = in_place(Config { capacity, ..patient(2) });
            let (handle, ran) = (scheduler.handle(), Count::default());
            let futures: Vec<_> = (0..3).map(|_| push(&handle, &ran).unwrap()).collect();
            let cancels = thread::spawn(move || futures.iter().filter(|future| future.cancel()).count());
            assert!(scheduler.wait_idle(None));
            let cancelled = cancels.join().unwrap();
            assert_eq!(ran.get() + cancelled, 3);
            assert!(scheduler.wait_idle(None));
            // Every slot is free.
            let again: Vec<_> = (0..3).map(|_| push(&handle, &ran)).collect();
            assert!(again.iter().all(Result::is_ok));
            scheduler.shutdown(true);
            assert_eq!(ran.get() + cancelled, 6);
        });
    }
}

/// Tells when it fired.
struct Bell(Arc<std::sync::OnceLock<Instant>>);

impl TimerEvent for Bell {
    fn fire(self: Box<Self>) -> Option<(Notify, Captures)> {
        self.0.set(sync::now()).unwrap();
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

#[test]
fn earliest_due_comes_first() {
    check(|| {
        let (scheduler, ran) = (in_place(patient(1)), Count::default());
        let hour = sync::at(Duration::from_secs(3600));
        let push_at = |when| {
            let ran = ran.clone();
            let (cell, future) = Future::of_job_at(scheduler.delay(), move || ran.add(1));
            assert!(scheduler.push_at(when, Priority::Normal, cell).is_ok());
            future
        };
        let late = push_at(hour);
        let (handle, rang) = (scheduler.handle(), Arc::default());
        let bell = Box::new(Bell(Arc::clone(&rang)));
        let other = thread::spawn(move || {
            handle.push_timer(sync::at(Duration::from_secs(1)), bell);
            sync::now()
        });
        let early = push_at(sync::at(Duration::from_secs(2)));
        let pushed = other.join().unwrap();
        early.result().unwrap();
        late.result().unwrap();
        assert_eq!(ran.get(), 2);
        let rang = *rang.get().expect("it is due before the last job");
        assert!(rang < hour || pushed >= hour, "the timer was not told that it is due earlier");
        scheduler.shutdown(true);
    });
}

#[test]
fn a_shutdown_waits_for_delayed_jobs_unless_they_are_cancelled() {
    check(|| {
        let (scheduler, ran) = (in_place(patient(2)), Count::default());
        let futures: Vec<_> = (1..=2)
            .map(|n| {
                let ran = ran.clone();
                let (cell, future) = Future::of_job_at(scheduler.delay(), move || ran.add(1));
                let when = sync::at(Duration::from_secs(n));
                assert!(scheduler.push_at(when, Priority::Normal, cell).is_ok());
                future
            })
            .collect();
        let cancel_on_shutdown = {
            let ran = ran.clone();
            let (cell, future) = Future::of_job_at(scheduler.delay(), move || ran.add(1));
            assert!(scheduler.push_until_shutdown(sync::at(Duration::from_secs(3600)), Priority::Normal, cell).is_ok());
            future
        };
        let cancels = thread::spawn(move || futures.iter().filter(|future| future.cancel()).count());
        scheduler.shutdown(true);
        let is_run = match cancel_on_shutdown.try_result().unwrap() {
            Ok(()) => 1,
            Err(JobError::Cancelled(_)) => 0,
            Err(error) => panic!("{error}"),
        };
        let ran_of_two = ran.get() - is_run;
        assert_eq!(ran_of_two + cancels.join().unwrap(), 2);
    });
}

#[test]
fn each_worker_takes_its_own_mail() {
    check(|| {
        let (scheduler, ran) = (in_place(patient(2)), Count::default());
        let handle = scheduler.handle();
        let other = push(&handle, &ran).unwrap();
        let mut mail = Vec::new();
        let told = scheduler.broadcast(|| {
            let (cell, future) = Future::of_job_at(handle.delay(), || ());
            mail.push(future);
            cell
        });
        assert!(told.is_ok());
        assert_eq!(mail.len(), 2);
        scheduler.shutdown(true);
        assert!(mail.into_iter().all(|mail| mail.try_result().unwrap().is_ok()));
        assert!(other.try_result().unwrap().is_ok());
    });
}
