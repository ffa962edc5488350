//! Every order in which the steps of a job's owners can come, as loom runs through them. Needs `--cfg loom`.
//!
//! Loom stops a model that deadlocks, so a model that ends shows that no thread waits for ever. Flags and counters are
//! loom's, and relaxed: what one thread did is seen by another only where the cell itself orders the two.

mod composed;
mod departures;
mod dispatched;

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use loom::model;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::{Abort, Cell, Control, Task};
use crate::error::JobError;
use crate::future::Future;
use crate::status::{JobId, Status};

/// Counts what happens to it, or on its behalf.
#[derive(Clone)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn zero() -> Self {
        Self(Arc::new(AtomicUsize::new(0)))
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.add();
    }
}

impl Abort for Count {
    fn abort(&self, _: JobId) -> bool {
        self.add();
        true
    }
}

/// Counts its drop.
struct Dropped(Count);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add();
    }
}

type JobCell<O> = Arc<Cell<Dropped, O, O>>;

/// A queued job and its future, with the count of its payload's drops.
fn job<O: Send + 'static>() -> (JobCell<O>, Future<O>, Count) {
    let gone = Count::zero();
    let cell = Arc::new(Cell::queued(Dropped(gone.clone()), Ok));
    (cell.clone(), Future::of(cell), gone)
}

/// Does the worker's part. Says whether it got the job.
fn work<O: Send + 'static>(cell: JobCell<O>, outcome: O) -> bool {
    let Some(payload) = cell.claim(None) else { return false };
    drop(payload);
    cell.finish(Ok(outcome)).fire();
    true
}

fn poll<T>(future: &mut Future<T>, waker: &Count) -> Poll<Result<T, JobError>> {
    let waker = Waker::from(Arc::new(waker.clone()));
    std::future::Future::poll(Pin::new(future), &mut Context::from_waker(&waker))
}

#[test]
fn a_claim_or_a_cancel_wins_and_the_payload_is_gone_by_then() {
    model(|| {
        let (cell, future, gone) = job();
        let worker = thread::spawn(move || work(cell, 7));
        let cancelled = future.cancel();
        if cancelled {
            assert_eq!(gone.get(), 1, "a true cancel means that nothing of the job is left");
            assert_eq!(future.status(), Status::Cancelled);
        }
        let claimed = worker.join().unwrap();
        assert_ne!(claimed, cancelled);
        assert_eq!(future.cancel(), cancelled, "a later cancel says the same");
        match future.result() {
            Ok(7) => assert!(claimed),
            Err(JobError::Cancelled(_)) => assert!(cancelled),
            other => panic!("{other:?}"),
        }
        assert_eq!(gone.get(), 1);
    });
}

#[test]
fn two_cancels_say_the_same_each_after_the_payload_is_gone() {
    model(|| {
        let (cell, future, gone) = job();
        let (canceller, gone_there) = (future.canceller(), gone.clone());
        let other = thread::spawn(move || {
            let cancelled = canceller.cancel();
            assert!(!cancelled || gone_there.get() == 1);
            cancelled
        });
        let worker = thread::spawn(move || work(cell, 7));
        let cancelled = future.cancel();
        assert!(!cancelled || gone.get() == 1);
        assert_eq!(other.join().unwrap(), cancelled);
        assert_ne!(worker.join().unwrap(), cancelled);
    });
}

#[test]
fn a_payload_that_cancels_its_own_job_does_not_wait_for_itself() {
    struct Cancels(Weak<Cell<Cancels, u32, u32>>);
    impl Drop for Cancels {
        fn drop(&mut self) {
            if let Some(cell) = self.0.upgrade() {
                assert!(cell.cancel());
            }
        }
    }
    model(|| {
        let cell = Arc::new_cyclic(|cell| Cell::queued(Cancels(cell.clone()), Ok));
        let future = Future::of(cell);
        let canceller = future.canceller();
        let other = thread::spawn(move || assert!(canceller.cancel()));
        assert!(future.cancel());
        other.join().unwrap();
    });
}

#[test]
fn an_outcome_that_nobody_wants_is_dropped_once() {
    model(|| {
        let (cell, future, gone) = job();
        let ended = Count::zero();
        let outcome = Dropped(ended.clone());
        let worker = thread::spawn(move || work(cell, outcome));
        let canceller = future.canceller();
        let other = thread::spawn(move || canceller.cancel());
        drop(future);
        let cancelled = other.join().unwrap();
        assert_ne!(worker.join().unwrap(), cancelled);
        assert_eq!((gone.get(), ended.get()), (1, 1));
    });
}

#[test]
fn a_detached_outcome_is_dropped_when_both_sides_have_let_go() {
    model(|| {
        let (cell, future, _) = job();
        let ended = Count::zero();
        let outcome = Dropped(ended.clone());
        let queue = cell.clone();
        let worker = thread::spawn(move || work(cell, outcome));
        drop(future);
        worker.join().unwrap();
        assert_eq!(ended.get(), 1, "it does not stay in the cell while a queue still holds that");
        drop(queue);
    });
}

#[test]
fn of_two_outcomes_the_first_counts_and_the_other_is_dropped() {
    model(|| {
        let (cell, future, _) = job();
        let ended = Count::zero();
        drop(cell.claim(None));
        let (outcome, late) = (Dropped(ended.clone()), cell.clone());
        let worker = thread::spawn(move || cell.finish(Ok(outcome)).fire());
        let failed = late.fail(JobError::cancelled()).is_some();
        let outcome = future.result();
        assert_eq!(outcome.is_err(), failed);
        worker.join().unwrap();
        drop(outcome);
        assert_eq!(ended.get(), 1);
    });
}

#[test]
fn a_poll_sees_the_outcome_or_its_task_is_woken() {
    model(|| {
        let (cell, mut future, _) = job();
        let worker = thread::spawn(move || work(cell, 7));
        let woken = Count::zero();
        let polled = poll(&mut future, &woken);
        worker.join().unwrap();
        match polled {
            Poll::Ready(outcome) => assert_eq!(outcome.unwrap(), 7),
            Poll::Pending => {
                assert_eq!(woken.get(), 1);
                assert!(matches!(poll(&mut future, &woken), Poll::Ready(Ok(7))));
            }
        }
    });
}

#[test]
fn a_cancel_wakes_the_task_too() {
    model(|| {
        let (_cell, mut future, _) = job::<u32>();
        let canceller = future.canceller();
        let other = thread::spawn(move || canceller.cancel());
        let woken = Count::zero();
        let polled = poll(&mut future, &woken);
        assert!(other.join().unwrap());
        assert!(polled.is_ready() || woken.get() == 1);
    });
}

#[test]
fn of_two_wakers_the_newer_is_woken() {
    model(|| {
        let (cell, mut future, _) = job();
        let worker = thread::spawn(move || work(cell, 7));
        let (older, newer) = (Count::zero(), Count::zero());
        let is_pending = poll(&mut future, &older).is_pending() && poll(&mut future, &newer).is_pending();
        worker.join().unwrap();
        if is_pending {
            assert_eq!((older.get(), newer.get()), (0, 1));
        }
    });
}

#[test]
fn a_wait_ends_with_the_job() {
    model(|| {
        let (cell, future, _) = job();
        let worker = thread::spawn(move || work(cell, 7));
        assert_eq!(future.result().unwrap(), 7);
        worker.join().unwrap();
    });
}

#[test]
fn a_wait_ends_with_a_cancel() {
    model(|| {
        let (_cell, future, gone) = job::<u32>();
        let canceller = future.canceller();
        let other = thread::spawn(move || canceller.cancel());
        assert!(future.result().unwrap_err().is_cancelled());
        assert_eq!(gone.get(), 1);
        other.join().unwrap();
    });
}

#[test]
fn a_callback_runs_once() {
    model(|| {
        let (cell, future, _) = job();
        let worker = thread::spawn(move || work(cell, 7));
        let calls = Count::zero();
        let count = calls.clone();
        future.on_done(move |outcome| {
            assert_eq!(outcome.unwrap(), 7);
            count.add();
        });
        worker.join().unwrap();
        assert_eq!(calls.get(), 1);
    });
}

#[test]
fn a_notification_that_is_dropped_is_given_all_the_same() {
    model(|| {
        let (cell, future, _) = job();
        let calls = Count::zero();
        let count = calls.clone();
        let worker = thread::spawn(move || {
            drop(cell.claim(None));
            drop(cell.finish(Ok(7)));
        });
        future.on_done(move |_| count.add());
        worker.join().unwrap();
        assert_eq!(calls.get(), 1);
    });
}

#[test]
fn an_abort_cancels_or_stops_or_comes_too_late() {
    model(|| {
        let (cell, future, _) = job();
        let stops = Count::zero();
        let stop = Arc::new(stops.clone());
        let worker = thread::spawn(move || {
            let Some(payload) = cell.claim(Some(stop)) else { return false };
            drop(payload);
            cell.finish(Ok(7)).fire();
            true
        });
        let aborted = future.abort();
        let claimed = worker.join().unwrap();
        match (aborted, claimed) {
            (true, true) => assert_eq!(stops.get(), 1, "a running job is told"),
            (true, false) => assert_eq!((stops.get(), future.status()), (0, Status::Cancelled)),
            (false, true) => assert_eq!(stops.get(), 0),
            (false, false) => panic!("a job that did not end by the abort was run"),
        }
        assert_eq!(future.result().is_ok(), claimed);
    });
}

#[test]
fn a_job_that_is_killed_is_cancelled_unless_its_result_came_first() {
    struct Kill(JobCell<u32>);
    impl Abort for Kill {
        fn abort(&self, _: JobId) -> bool {
            self.0.clone().fail(JobError::cancelled()).is_some()
        }
    }
    model(|| {
        let (cell, future, _) = job();
        drop(cell.claim(Some(Arc::new(Kill(cell.clone())))));
        let worker = thread::spawn(move || cell.finish(Ok(7)).fire());
        let aborted = future.abort();
        worker.join().unwrap();
        assert!(!future.cancel(), "it had started");
        let status = future.status();
        match future.result() {
            Ok(7) => assert_eq!(status, Status::Done),
            Err(JobError::Cancelled(_)) => assert_eq!((aborted, status), (true, Status::Cancelled)),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_wait_sees_what_the_job_did() {
    model(|| {
        let (cell, future, _) = job::<u32>();
        let did = Count::zero();
        let there = did.clone();
        let worker = thread::spawn(move || {
            there.add();
            work(cell, 7)
        });
        future.wait();
        assert_eq!(did.get(), 1, "the wait is over, and what the job did is not seen");
        worker.join().unwrap();
    });
}

#[test]
fn a_job_that_is_asked_to_stop_sees_why() {
    model(|| {
        let (cell, future, _) = job::<u32>();
        let reason = Count::zero();
        let there = reason.clone();
        drop(cell.claim(None));
        let other = thread::spawn(move || {
            there.add();
            assert!(future.abort());
        });
        if cell.stop_requested() {
            assert_eq!(reason.get(), 1, "it was asked to stop, and what was done before that is not seen");
        }
        other.join().unwrap();
    });
}
