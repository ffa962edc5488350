//! Requests of runners to the scheduler: to take jobs back, to call back, to close for good.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use executor_core::cell::{Captures, Cell, Notify, Task};
use executor_core::{Broken, JobError, Rejection, promise};
use shuttle::thread;

use super::super::sync;
use super::*;

#[test]
fn a_job_that_is_given_back_is_run_by_another() {
    check(|| {
        let (is_first, ran) = (AtomicBool::new(true), promise());
        let has_run = std::sync::Mutex::new(Some(ran.1));
        let scheduler = scripted(patient(2), move |job, batch| {
            if !is_first.swap(false, Ordering::SeqCst) {
                return job.run();
            }
            batch.give_back(job, Priority::Normal);
            let has_run = has_run.lock().unwrap().take().unwrap();
            executor_core::current::leave_host();
            has_run.result().is_ok()
        });
        let future = push_job(&scheduler.handle(), move || assert!(ran.0.complete(())));
        scheduler.shutdown(false);
        future.unwrap().result().unwrap();
        scheduler.shutdown(true);
    });
}

#[test]
fn jobs_given_back_are_run_or_cancelled_and_counted_once() {
    for (workers, capacity) in [(1, None), (2, None), (1, Some(3)), (2, Some(3))] {
        check(move || {
            let turns = Count::default();
            let scheduler = scripted(Config { capacity, ..patient(workers) }, move |job, batch| {
                turns.add(1);
                if turns.get().is_multiple_of(2) {
                    return job.run();
                }
                let extra = batch.take();
                extra.into_iter().chain([job]).for_each(|job| batch.give_back(job, Priority::Normal));
                true
            });
            let (handle, ran) = (scheduler.handle(), Count::default());
            let futures: Vec<_> = (0..3).map(|_| push(&handle, &ran).unwrap()).collect();
            let cancels = thread::spawn(move || futures.iter().filter(|future| future.cancel()).count());
            assert!(scheduler.wait_idle(None));
            let cancelled = cancels.join().unwrap();
            assert_eq!(ran.get() + cancelled, 3);
            let again: Vec<_> = (0..3).map(|_| push(&handle, &ran)).collect();
            assert!(again.iter().all(Result::is_ok), "every slot is free");
            scheduler.shutdown(true);
            assert_eq!(ran.get() + cancelled, 6);
        });
    }
}

#[test]
fn jobs_of_workers_that_retire_are_run() {
    for workers in [1, 2, 3] {
        check(move || {
            let turns = Count::default();
            let scheduler = scripted(patient(workers), move |job, batch| {
                turns.add(1);
                if turns.get().is_multiple_of(3) {
                    return job.run();
                }
                match batch.retire(job, Priority::Normal) {
                    Ok(()) => true,
                    Err(job) => job.run(),
                }
            });
            let (handle, ran) = (scheduler.handle(), Count::default());
            let futures: Vec<_> = (0..4).map(|_| push(&handle, &ran).unwrap()).collect();
            let cancels = thread::spawn(move || futures.iter().filter(|future| future.cancel()).count());
            assert!(scheduler.wait_idle(None));
            assert_eq!(ran.get() + cancels.join().unwrap(), 4);
            scheduler.shutdown(true);
        });
    }
}

#[test]
fn a_breakdown_tells_everyone() {
    check(|| {
        let (turns, (config, alive)) = (Count::default(), counted(patient(2)));
        let scheduler = scripted(config, move |job, batch| {
            turns.add(1);
            if turns.get() == 2 {
                batch.break_down(JobError::Broken(Broken::new("no paper")));
                batch.give_back(job, Priority::Normal);
                return true;
            }
            job.run()
        });
        let (handle, ran) = (scheduler.handle(), Count::default());
        let submitter = {
            let (handle, ran) = (handle.clone(), ran.clone());
            thread::spawn(move || -> Vec<_> { (0..2).map(|_| push(&handle, &ran)).collect() })
        };
        let mine: Vec<_> = (0..2).map(|_| push(&handle, &ran)).collect();
        for submitted in mine.into_iter().chain(submitter.join().unwrap()) {
            match submitted.map(Future::result) {
                Ok(Ok(())) | Err(Rejection::Broken) => {}
                Ok(Err(JobError::Broken(broken))) => assert_eq!(broken.reason(), "no paper"),
                other => panic!("{other:?}"),
            }
        }
        scheduler.shutdown(true);
        assert_eq!(alive.get(), 0);
    });
}

/// The notification of a job that has ended: a callback that counts.
fn notify(count: &Count) -> Notify {
    let cell = Arc::new(Cell::<(), (), ()>::queued((), Ok));
    let (future, count) = (Future::of(cell.clone()), count.clone());
    future.on_done(move |_| count.add(1));
    assert!(cell.claim(None).is_some());
    cell.finish(Ok(()))
}

#[test]
fn callbacks_are_called_whenever_their_thread_ends() {
    for keep_alive in [Duration::from_secs(1), Duration::MAX] {
        check(move || {
            let scheduler = in_place(Config { keep_alive, ..Config::new("calls", 1) });
            let called = Count::default();
            let (handle, notified) = (scheduler.handle(), notify(&called));
            let other = thread::spawn(move || handle.call_back(notified));
            scheduler.call_back(notify(&called));
            thread::yield_now();
            scheduler.call_back(notify(&called));
            other.join().unwrap();
            assert!(scheduler.wait_idle(None));
            assert_eq!(called.get(), 3);
            scheduler.call_back(notify(&called));
            scheduler.shutdown(true);
            assert_eq!(called.get(), 4);
        });
    }
}

#[test]
fn a_time_limit_ends_a_job_once_and_its_callback_runs_before_the_end() {
    struct TimeIsUp(Arc<dyn executor_core::cell::Control>);
    impl super::super::TimerEvent for TimeIsUp {
        fn fire(self: Box<Self>) -> Option<(Notify, Captures)> {
            Some((self.0.fail(JobError::cancelled())?, Captures::default()))
        }

        fn is_cancelled(&self) -> bool {
            false
        }
    }
    check(|| {
        let scheduler = in_place(patient(1));
        let (handle, called, ran) = (scheduler.handle(), Count::default(), Count::default());
        let future = push(&handle, &ran).unwrap();
        let timer = Box::new(TimeIsUp(future.control()));
        let counts = called.clone();
        future.on_done(move |_| counts.add(1));
        handle.push_timer(sync::at(Duration::from_secs(1)), timer);
        let after = push(&handle, &ran).unwrap();
        scheduler.shutdown(true);
        assert!(after.try_result().unwrap().is_ok());
        assert_eq!(called.get(), 1);
    });
}
