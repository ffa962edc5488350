//! No code of a user's runs under the lock of a job cell or a set: from anywhere, it may use the same job again.

use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Wake, Waker};

use executor_core::cell::{Abort, Cell, Control, Task};
use executor_core::{Future, JobError, JobId, JobSet, Promise, Until, promise, wait};

use crate::support::{Count, within_patience};

/// Uses its job when it is dropped, woken, or told to.
#[derive(Clone)]
struct User {
    job: Arc<Mutex<Option<Weak<dyn Control>>>>,
    uses: Count,
}

impl User {
    fn new() -> Self {
        Self { job: Arc::default(), uses: Count::default() }
    }

    fn use_later(&self, cell: &JobCell) {
        let control: Arc<dyn Control> = cell.clone();
        *self.job.lock().unwrap() = Some(Arc::downgrade(&control));
    }

    /// Does nothing while it is in use already: an abort by an abort would never end.
    fn use_job(&self) {
        let Some(job) = self.job.lock().unwrap().take() else { return };
        if let Some(job) = job.upgrade() {
            job.status();
            job.stop_requested();
            job.cancel();
            job.abort();
            drop(job.clone().fail(JobError::cancelled()));
            self.uses.add();
        }
        *self.job.lock().unwrap() = Some(job);
    }
}

impl Wake for User {
    fn wake(self: Arc<Self>) {
        self.use_job();
    }
}

impl Abort for User {
    fn abort(&self, _: JobId) -> bool {
        self.use_job();
        true
    }
}

/// A payload, a result or a waker that uses its job when it is dropped.
struct Dropped(User);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.use_job();
    }
}

impl Wake for Dropped {
    fn wake(self: Arc<Self>) {}
}

type JobCell = Arc<Cell<Dropped, Dropped, Dropped>>;

/// A queued job, its future, and the user of both its payload and its results.
fn job() -> (JobCell, Future<Dropped>, User) {
    let open = |raw: Dropped| {
        raw.0.use_job();
        Ok(raw)
    };
    let user = User::new();
    let cell: JobCell = Arc::new(Cell::queued(Dropped(user.clone()), open));
    user.use_later(&cell);
    (cell.clone(), Future::of(cell), user)
}

/// The same, started; the user of its payload, which is gone, is the user of its result only.
fn started(abort: Option<Arc<dyn Abort>>) -> (JobCell, Future<Dropped>, User) {
    let (cell, future, user) = job();
    let link = user.job.lock().unwrap().take();
    drop(cell.claim(abort));
    *user.job.lock().unwrap() = link;
    (cell, future, user)
}

/// Polls with a waker of which only the cell keeps a copy.
fn poll(future: &mut Future<Dropped>, waker: Waker) -> bool {
    let polled = std::future::Future::poll(Pin::new(future), &mut Context::from_waker(&waker));
    drop(waker);
    polled.is_ready()
}

fn waker_of(user: &User) -> Waker {
    Waker::from(Arc::new(Dropped(user.clone())))
}

#[test]
fn the_drop_of_a_cancelled_payload() {
    within_patience(|| {
        let (_cell, future, user) = job();
        assert!(future.cancel());
        assert_eq!(user.uses.get(), 1);
    });
}

#[test]
fn the_drop_of_a_failed_payload() {
    within_patience(|| {
        let (cell, future, user) = job();
        assert!(cell.clone().fail(JobError::cancelled()).is_some());
        assert_eq!(user.uses.get(), 1);
        assert!(future.is_cancelled());
    });
}

#[test]
fn the_drop_of_a_result_that_nobody_wants() {
    within_patience(|| {
        let (cell, future, user) = started(None);
        drop(future);
        cell.finish(Ok(Dropped(user.clone()))).fire();
        assert_eq!(user.uses.get(), 1);
    });
}

#[test]
fn the_drop_of_a_result_with_its_future() {
    within_patience(|| {
        let (cell, future, user) = started(None);
        cell.clone().finish(Ok(Dropped(user.clone()))).fire();
        drop(future);
        assert_eq!(user.uses.get(), 1);
    });
}

#[test]
fn the_drop_of_a_result_that_comes_too_late() {
    within_patience(|| {
        let (cell, future, user) = started(None);
        assert!(cell.clone().fail(JobError::cancelled()).is_some());
        cell.clone().finish(Ok(Dropped(user.clone()))).fire();
        assert_eq!(user.uses.get(), 1);
        assert!(future.result().is_err());
    });
}

#[test]
fn decoding_for_each_who_may_ask_for_it() {
    let asks: [fn(Future<Dropped>); 5] = [
        |future| drop(future.result()),
        |mut future| assert!(poll(&mut future, Waker::noop().clone())),
        |future| future.on_done(drop),
        |future| drop(wait([future], Until::FirstOk)),
        |future| drop(future.map_ok(drop).result()),
    ];
    for ask in asks {
        within_patience(move || {
            let (cell, future, user) = started(None);
            // It is used for the decoding, and once more when the result is dropped.
            cell.clone().finish(Ok(Dropped(user.clone()))).fire();
            ask(future);
            assert_eq!(user.uses.get(), 2);
        });
    }
}

#[test]
fn decoding_for_a_callback_where_the_job_ends() {
    within_patience(|| {
        let (cell, future, user) = started(None);
        let callback = user.clone();
        future.on_done(move |outcome| {
            callback.use_job();
            drop(outcome);
        });
        cell.clone().finish(Ok(Dropped(user.clone()))).fire();
        assert_eq!(user.uses.get(), 3, "in decoding, in the callback, and in the drop of the result");
    });
}

#[test]
fn a_wake() {
    within_patience(|| {
        let (cell, mut future, user) = started(None);
        assert!(!poll(&mut future, Waker::from(Arc::new(user.clone()))));
        cell.clone().finish(Err(JobError::cancelled())).fire();
        assert_eq!(user.uses.get(), 1);
    });
}

#[test]
fn the_drop_of_a_waker_that_is_replaced() {
    within_patience(|| {
        let (_cell, mut future, user) = started(None);
        assert!(!poll(&mut future, waker_of(&user)));
        assert_eq!(user.uses.get(), 0);
        // The first waker's drop ends the job after the second is in place; so that one hears of it.
        let woken = Count::default();
        assert!(!poll(&mut future, Waker::from(Arc::new(woken.clone()))));
        assert_eq!((user.uses.get(), woken.get()), (1, 1));
    });
}

#[test]
fn the_drop_of_a_waker_with_its_future() {
    within_patience(|| {
        let (_cell, mut future, user) = started(None);
        assert!(!poll(&mut future, waker_of(&user)));
        drop(future);
        assert_eq!(user.uses.get(), 1);
    });
}

#[test]
fn an_abort() {
    within_patience(|| {
        let user = User::new();
        let (cell, future, _) = started(Some(Arc::new(user.clone())));
        user.use_later(&cell);
        assert!(future.abort());
        assert_eq!(user.uses.get(), 1);
        assert!(future.is_cancelled(), "the abort ended it");
    });
}

/// Completes a promise when it is woken or dropped: what leads back into the set that waits for it.
struct Completes(Mutex<Option<Promise<u32>>>);

impl Completes {
    fn complete(&self) {
        let promise = self.0.lock().unwrap().take();
        if let Some(promise) = promise {
            promise.complete(7);
        }
    }
}

impl Wake for Completes {
    fn wake(self: Arc<Self>) {
        self.complete();
    }
}

impl Drop for Completes {
    fn drop(&mut self) {
        self.complete();
    }
}

/// A set of two promised jobs that was polled with a waker which completes the second.
fn polled_set() -> (JobSet<u32>, Promise<u32>) {
    let ((first, future_0), (second, future_1)) = (promise(), promise());
    let mut set = JobSet::new();
    set.insert(future_0);
    set.insert(future_1);
    let waker = Waker::from(Arc::new(Completes(Mutex::new(Some(second)))));
    assert!(set.poll_next(&mut Context::from_waker(&waker)).is_pending());
    (set, first)
}

#[test]
fn a_wake_by_a_set() {
    within_patience(|| {
        let (mut set, first) = polled_set();
        first.complete(6);
        assert_eq!(std::iter::from_fn(|| set.next()).map(|(key, _)| key).collect::<Vec<_>>(), [0, 1]);
    });
}

#[test]
fn the_drop_of_a_waker_that_a_set_replaces() {
    within_patience(|| {
        let (mut set, _first) = polled_set();
        let woken = Count::default();
        let waker = Waker::from(Arc::new(woken.clone()));
        assert!(set.poll_next(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(woken.get(), 1, "the drop of the old waker ends a job, which wakes the new one");
        assert!(matches!(set.next(), Some((1, Ok(7)))));
    });
}
