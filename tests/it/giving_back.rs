//! Jobs that a runner took, and gives back: they wait as if they had never been taken, and run elsewhere, or later.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use executor::extend::scheduler::{Config, Priority, Scheduler};
use executor::{Future, JobError, Rejection, ShutdownPolicy};

use crate::support::latch::Latch;
use crate::support::owned::Owned;
use crate::support::script::{Entry, Scripted, push, scripted};
use crate::support::{eventually, within_patience};

fn config(workers: usize, capacity: Option<usize>) -> Config {
    Config { capacity, ..Config::new("script", workers) }
}

/// A scheduler of one worker that has taken the job `0`, and gives it back when the hold is dropped; later ones it runs.
fn giving_back_the_first(capacity: Option<usize>) -> (Owned<Scripted>, Future<u32>, [Step; 2]) {
    let (taken, is_taken) = mpsc::channel();
    let (hold, latch) = Latch::closed();
    let (given, is_given) = mpsc::channel();
    let (last, end) = Latch::closed();
    let is_first = AtomicBool::new(true);
    let scheduler = scripted(config(1, capacity), move |job, batch| {
        if !is_first.swap(false, Ordering::SeqCst) {
            return job.run();
        }
        taken.send(()).unwrap();
        latch.wait();
        batch.give_back(job, Priority::Normal);
        given.send(()).unwrap();
        end.wait();
        true
    });
    let first = push(&scheduler, Priority::Normal, || 0).unwrap();
    is_taken.recv().unwrap();
    (scheduler, first, [Step(Some(hold), Some(is_given)), Step(Some(last), None)])
}

/// Lets the worker go on.
struct Step(Option<crate::support::latch::LatchGuard>, Option<mpsc::Receiver<()>>);

impl Step {
    fn take(&mut self) {
        drop(self.0.take());
        if let Some(done) = self.1.take() {
            done.recv().unwrap();
        }
    }
}

#[test]
fn jobs_given_back_run_before_all_others_in_their_order() {
    for most in [0, 1, 3, 40] {
        within_patience(move || {
            let (hold, latch) = Latch::closed();
            let calls = AtomicUsize::new(0);
            let scheduler = scripted(config(1, None), move |job, batch| {
                latch.wait();
                // Every third time, when the worker has taken a batch already.
                if calls.fetch_add(1, Ordering::SeqCst) % 3 != 2 {
                    return job.run();
                }
                let mut jobs = vec![job];
                jobs.extend((0..most).map_while(|_| batch.take()));
                while let Some(job) = jobs.pop() {
                    batch.give_back(job, Priority::Normal);
                }
                true
            });
            let order = Arc::new(Mutex::new(Vec::new()));
            let futures: Vec<_> = (0..300)
                .map(|number| {
                    let order = order.clone();
                    push(&scheduler, Priority::Normal, move || order.lock().unwrap().push(number)).unwrap()
                })
                .collect();
            drop(hold);
            assert!(executor::join_all(futures).iter().all(Result::is_ok));
            assert!(order.lock().unwrap().iter().copied().eq(0..300), "{order:?}");
        });
    }
}

#[test]
fn a_job_is_given_back_to_the_lane_that_is_named() {
    within_patience(|| {
        let (scheduler, first, [mut give, mut end]) = giving_back_the_first(None);
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |name| {
            let order = order.clone();
            move || order.lock().unwrap().push(name)
        };
        let urgent = push(&scheduler, Priority::High, note("urgent")).unwrap();
        let usual = push(&scheduler, Priority::Normal, note("usual")).unwrap();
        let noted = note("first");
        first.on_done(move |_| noted());
        give.take();
        end.take();
        assert!(executor::join_all([urgent, usual]).iter().all(Result::is_ok));
        assert_eq!(*order.lock().unwrap(), ["urgent", "first", "usual"]);
    });
}

/// Gives the first job back by `give`, and waits until another worker has run it.
fn is_run_elsewhere(give: fn(&Scheduler<Scripted>, Entry, &mut dyn FnMut(Entry))) {
    within_patience(move || {
        for _ in 0..100 {
            let scheduler = Arc::new(Mutex::new(None::<Arc<Owned<Scripted>>>));
            let (own, is_first) = (scheduler.clone(), AtomicBool::new(true));
            let (ran, is_run) = mpsc::channel();
            let is_run = Mutex::new(is_run);
            let made = Arc::new(scripted(config(2, None), move |job, batch| {
                if !is_first.swap(false, Ordering::SeqCst) {
                    return job.run();
                }
                let own = own.lock().unwrap().take().unwrap();
                give(&own, job, &mut |job| batch.give_back(job, Priority::Normal));
                // Here, so that the owner of the scheduler is the test.
                drop(own);
                is_run.lock().unwrap().recv().unwrap();
                true
            }));
            *scheduler.lock().unwrap() = Some(made.clone());
            push(&made, Priority::Normal, move || ran.send(()).unwrap()).unwrap().result().unwrap();
        }
    });
}

#[test]
fn another_worker_is_woken_for_a_job_that_is_given_back() {
    is_run_elsewhere(|_, job, give_back| give_back(job));
}

#[test]
fn a_job_may_be_given_back_by_another_thread() {
    is_run_elsewhere(|scheduler, job, _| {
        let handle = scheduler.clone();
        thread::spawn(move || handle.give_back(job, Priority::Normal)).join().unwrap();
    });
}

#[test]
fn a_job_given_back_has_its_place_in_a_bounded_queue_above_the_bound_if_need_be() {
    within_patience(|| {
        let (scheduler, first, [mut give, mut end]) = giving_back_the_first(Some(2));
        let number = |number| push(&scheduler, Priority::Normal, move || number);
        let [one, two] = [number(1).unwrap(), number(2).unwrap()];
        assert_eq!(number(9).unwrap_err(), Rejection::Full);
        give.take();
        assert!(one.cancel(), "two are left of three");
        assert_eq!(number(9).unwrap_err(), Rejection::Full);
        assert!(first.cancel(), "which frees the place that it has again");
        let three = number(3).unwrap();
        assert_eq!(number(9).unwrap_err(), Rejection::Full);
        end.take();
        assert_eq!((two.result().unwrap(), three.result().unwrap()), (2, 3));
        scheduler.shutdown(true);
    });
}

#[test]
fn a_job_given_back_after_a_shutdown_is_run_before_it_is_over() {
    within_patience(|| {
        for capacity in [None, Some(1)] {
            let (scheduler, first, [mut give, mut end]) = giving_back_the_first(capacity);
            let closed = scheduler.closed();
            scheduler.shutdown(false);
            give.take();
            assert!(!closed.is_done());
            end.take();
            scheduler.shutdown(true);
            assert_eq!(first.try_result().unwrap().unwrap(), 0);
            assert!(closed.result().is_ok());
        }
    });
}

#[test]
fn a_job_that_was_cancelled_meanwhile_is_dropped_and_counted_once() {
    within_patience(|| {
        for capacity in [None, Some(1)] {
            let (scheduler, first, [mut give, mut end]) = giving_back_the_first(capacity);
            assert!(first.cancel());
            give.take();
            end.take();
            // A wrong count would make these waits hang or return too early.
            assert!(scheduler.wait_idle(None));
            assert_eq!(push(&scheduler, Priority::Normal, || 1).unwrap().result().unwrap(), 1);

            let (hold, latch) = Latch::closed();
            let (started, starts) = mpsc::channel();
            let job = move || {
                started.send(()).unwrap();
                latch.wait();
            };
            drop(push(&scheduler, Priority::Normal, job).unwrap());
            starts.recv().unwrap();
            push(&scheduler, Priority::Normal, || ()).unwrap().on_done(move |_| drop(hold));
            let report = scheduler.shutdown_with(ShutdownPolicy::cancel_pending());
            assert_eq!(report.to_string(), "1 completed, 0 failed, 1 cancelled, 0 still running");
        }
    });
}

#[test]
fn mail_may_be_given_back() {
    within_patience(|| {
        for (capacity, is_cancelled) in [(None, true), (Some(1), true), (None, false), (Some(1), false)] {
            let (taken, is_taken) = mpsc::channel();
            let (hold, latch) = Latch::closed();
            let is_first = AtomicBool::new(true);
            let scheduler = scripted(config(1, capacity), move |job, batch| {
                if !is_first.swap(false, Ordering::SeqCst) {
                    return job.run();
                }
                taken.send(()).unwrap();
                latch.wait();
                batch.give_back(job, Priority::Normal);
                true
            });
            let (cell, posted) = Future::of_job_at(scheduler.delay(), || 7);
            let mut cell = Some(cell);
            assert!(scheduler.broadcast(|| cell.take().unwrap()).is_ok());
            is_taken.recv().unwrap();
            assert!(!is_cancelled || posted.cancel());
            drop(hold);
            assert_eq!(posted.result().is_ok(), !is_cancelled);
            assert!(scheduler.wait_idle(None));
            let (cell, later) = Future::of_job_at(scheduler.delay(), || ());
            assert!(scheduler.push_at(Instant::now() + Duration::from_secs(3600), Priority::Normal, cell).is_ok());
            assert!(!scheduler.wait_idle(Some(Instant::now())), "one job waits for its time");
            assert!(later.cancel());
            scheduler.shutdown(true);
        }
    });
}

#[test]
fn idle_waits_for_given_back_jobs() {
    within_patience(|| {
        let (scheduler, first, [mut give, mut end]) = giving_back_the_first(None);
        give.take();
        thread::scope(|scope| {
            let idle = scope.spawn(|| scheduler.wait_idle(None));
            end.take();
            assert!(idle.join().unwrap());
            assert!(first.is_done());
        });
        // Cancelled where it waits again, it is dead there.
        let (scheduler, first, [mut give, mut end]) = giving_back_the_first(None);
        give.take();
        assert!(first.cancel());
        end.take();
        assert!(scheduler.wait_idle(None));
        assert!(matches!(first.result(), Err(JobError::Cancelled(_))));
    });
}

#[test]
fn a_runner_is_wanted_to_give_jobs_back_while_another_worker_has_nothing_to_do() {
    within_patience(|| {
        let (answers, answer) = mpsc::channel();
        let scheduler = scripted(config(2, None), move |job, batch| {
            let is_run = job.run();
            answers.send(batch.is_wanted()).unwrap();
            is_run
        });
        let run = |job: Box<dyn FnOnce() + Send>| push(&scheduler, Priority::Normal, job).unwrap();
        run(Box::new(|| ())).result().unwrap();
        assert!(answer.recv().unwrap(), "another could be started");

        let (hold, latch) = Latch::closed();
        let (started, starts) = mpsc::channel();
        let blocked = run(Box::new(move || {
            started.send(()).unwrap();
            latch.wait();
        }));
        starts.recv().unwrap();
        run(Box::new(|| ())).result().unwrap();
        assert!(!answer.recv().unwrap(), "both are busy");
        drop(hold);
        blocked.result().unwrap();
        answer.recv().unwrap();
        eventually("the other sleeps", || {
            run(Box::new(|| ())).result().unwrap();
            answer.recv().unwrap()
        });
    });
}
