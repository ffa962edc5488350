//! A scheduler that breaks down: every waiter gets the reason, no job is accepted, and running jobs go on.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use executor::extend::cell::{Captures, Notify};
use executor::extend::scheduler::{Config, Priority, Scheduler, TimerEvent, WaitToken};
use executor::{Broken, Future, JobError, Rejection, ShutdownPolicy, ThreadPool};

use crate::support::boxed;
use crate::support::latch::{Latch, block};
use crate::support::owned::Owned;
use crate::support::script::{Entry, Scripted, push, scripted};
use crate::support::within_patience;

fn broken(reason: &str) -> JobError {
    JobError::Broken(Broken::new(reason))
}

#[track_caller]
fn assert_broken<T: std::fmt::Debug>(outcome: Result<T, JobError>) {
    match outcome {
        Err(JobError::Broken(broken)) => assert_eq!(broken.reason(), "no paper"),
        other => panic!("{other:?}"),
    }
}

fn at(scheduler: &Scheduler<Scripted>, delay: Duration) -> (Instant, Entry, Future<u32>) {
    let (cell, future) = Future::of_job_at(scheduler.delay(), || 0);
    (Instant::now() + delay, cell, future)
}

/// Breaks down while a job of each kind waits. The first runs, and says by `breaks` how it comes to that.
fn breaks_down(workers: usize, capacity: Option<usize>, from_inside: bool) {
    let (started, starts) = mpsc::channel();
    let ((hold, latch), (end, ended)) = (Latch::closed(), Latch::closed());
    let (taken, take) = (Mutex::new(None), 2 * usize::from(capacity.is_none()));
    let config = Config { capacity, ..Config::new("broken", workers) };
    let scheduler = scripted(config, move |job, batch| {
        if taken.lock().unwrap().replace(()).is_some() {
            return job.run();
        }
        started.send(()).unwrap();
        latch.wait();
        let extra: Vec<_> = (0..take).map_while(|_| batch.take()).collect();
        if from_inside {
            batch.break_down(broken("no paper"));
            batch.break_down(broken("another reason"));
        } else {
            started.send(()).unwrap();
            ended.wait();
        }
        extra.into_iter().rev().for_each(|job| batch.give_back(job, Priority::Normal));
        job.run()
    });
    let handle = scheduler.handle();
    let runs = push(&scheduler, Priority::Normal, || 7).unwrap();
    starts.recv().unwrap();
    let blocked = (1..workers).map(|_| block_one(&scheduler)).collect::<Vec<_>>();
    let waits: Vec<_> = [Priority::Low, Priority::Normal, Priority::High, Priority::Normal]
        .into_iter()
        .map_while(|priority| push(&scheduler, priority, || 0).ok())
        .collect();
    let (when, cell, delayed) = at(&scheduler, Duration::from_secs(3600));
    assert!(scheduler.push_at(when, Priority::Normal, cell).is_ok());
    let (when, cell, until_shutdown) = at(&scheduler, Duration::from_secs(3600));
    assert!(scheduler.push_until_shutdown(when, Priority::Normal, cell).is_ok());
    let mut mail = Vec::new();
    let told = scheduler.broadcast(|| {
        let (cell, posted) = Future::of_job_at(scheduler.delay(), || 0);
        mail.push(posted);
        cell
    });
    assert!(told.is_ok());

    drop(hold);
    if !from_inside {
        starts.recv().unwrap();
        handle.break_down(broken("no paper"));
        handle.break_down(broken("another reason"));
    }
    drop(end);
    assert_eq!(runs.result().unwrap(), 7, "what runs goes on");
    for waits in waits.into_iter().chain(mail).chain([delayed, until_shutdown]) {
        assert_broken(waits.result());
    }
    assert!(!scheduler.is_open());
    assert_eq!(push(&scheduler, Priority::High, || 0).unwrap_err(), Rejection::Broken);
    let (when, cell, _) = at(&scheduler, Duration::ZERO);
    assert_eq!(scheduler.push_at(when, Priority::Normal, cell).map_err(|(_, reason)| reason), Err(Rejection::Broken));
    assert_eq!(scheduler.broadcast(|| unreachable!()), Err(Rejection::Broken));
    drop(blocked);
    scheduler.shutdown(true);
    assert!(scheduler.closed().result().is_ok());
    assert_eq!(push(&scheduler, Priority::Normal, || 0).unwrap_err(), Rejection::Broken, "a shutdown does not mend it");
}

/// Keeps a worker busy until the hold is dropped.
fn block_one(scheduler: &Scheduler<Scripted>) -> crate::support::latch::LatchGuard {
    let (hold, latch) = Latch::closed();
    let (started, starts) = mpsc::channel();
    let job = move || {
        started.send(()).unwrap();
        latch.wait();
    };
    drop(push(scheduler, Priority::Normal, job).unwrap());
    starts.recv().unwrap();
    hold
}

#[test]
fn everything_that_waits_ends_with_the_reason_and_nothing_more_is_let_in() {
    within_patience(|| {
        for workers in [1, 2] {
            for capacity in [None, Some(2)] {
                breaks_down(workers, capacity, true);
                breaks_down(workers, capacity, false);
            }
        }
    });
}

#[test]
fn break_down_ends_locally_queued_jobs() {
    within_patience(|| {
        let (started, starts) = mpsc::channel();
        let ((hold, latch), (end, ended)) = (Latch::closed(), Latch::closed());
        let scheduler = scripted(Config::new("along", 1), move |job, _| job.run());
        let wait = latch.clone();
        drop(push(&scheduler, Priority::Normal, move || wait.wait()));
        let start = move || {
            started.send(()).unwrap();
            ended.wait();
        };
        let runs = push(&scheduler, Priority::Normal, start).unwrap();
        // The worker takes a share of these along with the second job, in which it then waits.
        let waits: Vec<_> = (0..200).map(|_| push(&scheduler, Priority::Normal, || ()).unwrap()).collect();
        drop(hold);
        starts.recv().unwrap();
        scheduler.break_down(broken("no paper"));
        for future in waits {
            assert_broken(future.result());
        }
        drop(end);
        runs.result().unwrap();
        scheduler.shutdown(true);
    });
}

#[test]
fn break_down_rejects_blocked_pushes() {
    within_patience(|| {
        let config = Config { capacity: Some(1), ..Config::new("full", 1) };
        let scheduler = scripted(config, |job, _| job.run());
        let _busy = block_one(&scheduler);
        let waits = push(&scheduler, Priority::Normal, || ()).unwrap();
        let (mut job, mut token) = (Some(Future::of_job_at(scheduler.queue(), || ()).0 as Entry), WaitToken::default());
        let mut poll =
            || scheduler.poll_push(Priority::Normal, &mut job, &mut token, Context::from_waker(Waker::noop()).waker());
        assert!(poll().is_pending());
        thread::scope(|scope| {
            let blocked = scope.spawn(|| {
                let (cell, _) = Future::of_job_at(scheduler.queue(), || ());
                scheduler.push_wait(Priority::Normal, cell, None).map_err(|(_, reason)| reason)
            });
            scheduler.break_down(broken("no paper"));
            assert_eq!(blocked.join().unwrap(), Err(Rejection::Broken));
        });
        assert_eq!(poll(), Poll::Ready(Err(Rejection::Broken)));
        assert_broken(waits.result());
    });
}

#[test]
fn a_running_jobs_timer_still_fires() {
    struct Arrival(mpsc::Sender<()>);
    impl TimerEvent for Arrival {
        fn fire(self: Box<Self>) -> Option<(Notify, Captures)> {
            self.0.send(()).unwrap();
            None
        }

        fn is_cancelled(&self) -> bool {
            false
        }
    }
    within_patience(|| {
        let scheduler = scripted(Config::new("alarm", 1), |job, _| job.run());
        let _busy = block_one(&scheduler);
        let (arrival, rings) = mpsc::channel();
        scheduler.push_timer(Instant::now() + Duration::from_millis(20), Box::new(Arrival(arrival)));
        scheduler.break_down(broken("no paper"));
        rings.recv().unwrap();
    });
}

#[test]
fn a_job_that_runs_keeps_its_time_limit_when_what_waits_is_cancelled() {
    use executor::{JobOptions, current};
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let (started, starts) = mpsc::channel();
        let strict = pool.with(JobOptions::new().timeout(Duration::from_millis(20)));
        let runs = strict.submit(boxed(move || {
            started.send(()).unwrap();
            while !current::stop_requested() {
                thread::yield_now();
            }
        }));
        starts.recv().unwrap();
        let report = pool.shutdown_with(ShutdownPolicy::cancel_pending());
        assert_eq!(report.to_string(), "0 completed, 1 failed, 0 cancelled, 0 still running");
        assert!(matches!(runs.result(), Err(JobError::TimedOut(_))));
    });
}

#[test]
fn callbacks_of_jobs_that_a_breakdown_ends_do_not_run_on_the_thread_that_tells_of_it() {
    within_patience(|| {
        let pool = scripted(Config::new("told", 1), |job, _| job.run());
        let _busy = block_one(&pool);
        let (hold, latch) = Latch::closed();
        let (told, tells) = mpsc::channel();
        push(&pool, Priority::Normal, || ()).unwrap().on_done(move |outcome| {
            latch.wait();
            told.send(outcome).unwrap();
        });
        pool.break_down(broken("no paper"));
        drop(hold);
        assert_broken(tells.recv().unwrap());
    });
}

#[test]
fn a_runner_that_panics_in_the_making_fails_one_job() {
    within_patience(|| {
        let is_made = AtomicBool::new(false);
        let scheduler = Owned::new(Config::new("made", 1), move |_| {
            assert!(is_made.swap(true, Ordering::Relaxed), "no paper");
            Scripted::new(|job, _| job.run())
        });
        let failed = push(&scheduler, Priority::Normal, || 0).unwrap().result().unwrap_err();
        assert!(matches!(failed, JobError::Broken(_)), "{failed}");
        assert!(failed.to_string().contains("could not be created"), "{failed}");
        assert!(failed.to_string().contains("no paper"), "{failed}");
        assert_eq!(push(&scheduler, Priority::Normal, || 7).unwrap().result().unwrap(), 7);
        scheduler.shutdown(true);
    });
}

#[test]
fn a_pool_of_threads_that_never_breaks_down_says_shutdown() {
    let pool = ThreadPool::new(1);
    drop(block(&pool));
    pool.shutdown(true);
    assert!(matches!(pool.submit(boxed(|| ())).result(), Err(error) if error.rejection() == Some(Rejection::Shutdown)));
}
