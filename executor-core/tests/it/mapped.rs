//! Futures made from futures: whatever is asked of one, is asked of its job.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use executor_core::cell::{Cell, Control, Notify, QueuedControl, Run, Task};
use executor_core::current::{self, Host, Worker};
use executor_core::job_counters::JobCounters;
use executor_core::queue_id::QueueId;
use executor_core::registry::QueueRegistration;
use executor_core::{Broken, Future, JobError, Promise, Status, Until, promise, wait};

use crate::departures::{Queue, nowhere, work_for};
use crate::job_counters::now;
use crate::support::{Count, within_patience};

#[test]
fn a_mapped_future_is_of_the_same_job() {
    within_patience(|| {
        let (queue, next) = (Queue::new(), Queue::new());
        let (job, future) = Future::of_job_at(queue.id(), || 20);
        let id = future.id();
        let future = future.map_ok(|n| n + 1);
        let control = future.control().queued();
        assert_eq!((future.id(), control.queue_id(), control.is_waiting()), (id, Some(queue.id()), true));
        assert!(control.move_to(next.id()));
        assert_eq!((job.queue_id(), control.queue_id()), (Some(next.id()), Some(next.id())));
        assert!(!control.stop_requested());
        assert!(job.clone().run());
        assert!(!control.is_waiting() && !control.move_to(queue.id()));
        assert_eq!((future.status(), future.cancel(), future.abort()), (Status::Done, false, false));
        assert_eq!(future.result().unwrap(), 21);
    });
}

#[test]
fn a_job_is_running_until_its_result_is_changed() {
    within_patience(|| {
        let (promise, future) = promise();
        let (give, given) = mpsc::channel::<Arc<dyn Control>>();
        let future = future.map_ok(move |n: u32| (n, given.recv().unwrap().status()));
        give.send(future.control()).unwrap();
        assert_eq!(future.status(), Status::Queued);
        assert!(promise.start());
        assert_eq!(future.status(), Status::Running);
        assert!(promise.complete(7));
        assert_eq!(future.status(), Status::Done);
        assert_eq!(future.result().unwrap(), (7, Status::Running));
    });
}

#[test]
fn a_mapped_future_cancels_and_aborts_its_job() {
    within_patience(|| {
        let (promise, future) = promise::<u32>();
        let future = future.map_ok(|n| n);
        assert!(future.cancel() && future.is_cancelled() && !promise.start());
        assert!(future.result().unwrap_err().is_cancelled());

        let (promise, future) = executor_core::promise::<u32>();
        let future = future.map_ok(|n| n);
        assert!(promise.start() && !future.cancel() && future.abort());
        assert!(promise.stop_requested() && future.control().stop_requested());
        assert!(promise.fail(JobError::cancelled()));
        assert!(future.is_cancelled());
    });
}

#[test]
fn a_mapped_future_fails_and_is_withdrawn_with_its_job() {
    within_patience(|| {
        let broken = || JobError::Broken(Broken::new("no paper"));
        for withdraws in [false, true] {
            let (promise, future) = promise::<u32>();
            let future = future.map_ok(|n| n);
            let control = future.control();
            let told = if withdraws { control.queued().withdraw(broken()) } else { control.fail(broken()) };
            assert!(told.is_some_and(|told| told.is_callback()));
            assert!(!promise.complete(7));
            assert!(matches!(future.result(), Err(JobError::Broken(_))));
        }
        let (promise, future) = promise::<u32>();
        let future = future.map_ok(|n| n);
        assert!(promise.complete(7));
        assert!(future.control().fail(broken()).is_none() && future.control().queued().withdraw(broken()).is_none());
    });
}

#[test]
fn a_mapped_future_is_measured_as_its_job_is() {
    within_patience(|| {
        let counters = JobCounters::new(true);
        let registration = QueueRegistration::counted(nowhere(), counters.clone());
        let (job, future) = Future::of_job_at(registration.id(), || ());
        let future = future.map_ok(|()| ());
        let now = now();
        let control = future.control().queued();
        control.mark_enqueued(now);
        assert_eq!(control.queued_at(), Some(now));
        assert!(control.describe().is_some_and(|job| job.name.as_str().contains("mapped")));
        assert!(job.run());
        assert_eq!((counters.stats().wait.unwrap().count(), control.describe().is_none()), (1, true));
    });
}

#[test]
fn a_mapped_future_is_waited_for_in_every_way() {
    within_patience(|| {
        let queue = Queue::new();
        work_for(queue.id());
        let (_job, future) = Future::of_job_at(queue.id(), || 20);
        assert_eq!(future.map_ok(|n| n + 1).result().unwrap(), 21, "it runs in place");

        let (promise, future) = promise::<u32>();
        let future = future.map_ok(|n| n + 1);
        assert!(!future.wait_timeout(Duration::from_millis(1)));
        let waker = thread::spawn(move || promise.complete(20));
        assert!(future.wait_timeout(Duration::from_secs(3600)));
        assert!(waker.join().unwrap());
        assert_eq!(future.try_result().unwrap().unwrap(), 21);

        let (promise, future) = executor_core::promise::<u32>();
        let mut future = future.map_ok(|n| n + 1);
        let wakes = Count::default();
        let waker = Waker::from(Arc::new(wakes.clone()));
        for _ in 0..2 {
            assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert!(promise.complete(20));
        assert_eq!(wakes.get(), 1);
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_ready());
    });
}

#[test]
fn a_mapped_future_is_waited_for_by_what_came_of_the_change() {
    within_patience(|| {
        let ok = Future::ready(1).map_ok(|n| n);
        let error = Future::ready(1).map_ok(|_| -> u32 { panic!("it does not fit") });
        let (_promise, pending) = promise::<u32>();
        let waited = wait([pending, error, ok], Until::FirstOk);
        assert_eq!((waited.done.len(), waited.pending.len()), (2, 1));
        let ok = Future::ready(1).map_ok(|n| n);
        let error = Future::ready(1).map_ok(|_| -> u32 { panic!("it does not fit") });
        let (_promise, pending) = promise::<u32>();
        let waited = wait([pending, ok, error], Until::FirstError);
        assert_eq!((waited.done.len(), waited.pending.len()), (2, 1));
    });
}

#[test]
fn a_dropped_mapped_futures_result_is_dropped() {
    within_patience(|| {
        let value = Arc::new(());
        let (promise, future) = promise();
        drop(future.map_ok(|value: Arc<()>| value));
        assert!(promise.complete(value.clone()));
        assert_eq!(Arc::strong_count(&value), 1);
        drop(Future::ready(value.clone()).map_ok(|value| value));
        assert_eq!(Arc::strong_count(&value), 1);
        for is_first in [true, false] {
            let (promise, future) = executor_core::promise();
            let future = future.map_ok(|value: Arc<()>| value);
            // Others may hold on to the job; its result has no owner any more.
            let _canceller = future.canceller();
            let mut future = Some(future);
            future.take_if(|_| is_first);
            assert!(promise.complete(value.clone()));
            drop(future);
            assert_eq!(Arc::strong_count(&value), 1);
        }
    });
}

/// A pool's worker whose block brings what it waits for.
struct BringsItsEnd(QueueId, Mutex<Option<Notify>>);

impl Host for BringsItsEnd {
    fn queue_id(&self) -> QueueId {
        self.0
    }

    fn block(&self) {
        let notify = self.1.lock().unwrap().take();
        notify.expect("it blocks once, after the job has run").fire();
    }

    fn unblock(&self) {}

    fn is_stopping(&self) -> bool {
        false
    }
}

/// The job runs in place, its time limit ends it meanwhile, and the thread that is told has not changed the outcome yet.
#[test]
fn a_wait_in_place_waits_for_the_change() {
    within_patience(|| {
        let queue = Queue::new();
        let host = Arc::new(BringsItsEnd(queue.id(), Mutex::default()));
        current::set_worker(Some(Worker { name: None, state: None, host: Some(host.clone()) }));
        let limit = host.clone();
        let (_job, future) = Future::of_job_at(queue.id(), move || {
            let notify = current::control().unwrap().fail(JobError::Broken(Broken::new("too late")));
            *limit.1.lock().unwrap() = notify;
            20
        });
        let outcome = future.map_ok(|n| n + 1).result();
        assert!(matches!(outcome, Err(JobError::Broken(_))), "{outcome:?}");
        current::set_worker(None);
        *host.1.lock().unwrap() = None;
    });
}

/// Panics when it is dropped, and where it is converted.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the drop");
    }
}

impl From<Bomb> for Box<dyn std::error::Error + Send + Sync> {
    fn from(bomb: Bomb) -> Self {
        std::mem::forget(bomb);
        panic!("the conversion");
    }
}

/// Ends the promise before the future is changed, and after that.
fn ended_before_and_after<T: Send + 'static, U: Send + 'static>(
    end: fn(Promise<T>) -> bool,
    change: fn(Future<T>) -> Future<U>,
) -> [Result<U, JobError>; 2] {
    within_patience(move || {
        let (promise, future) = promise();
        assert!(end(promise));
        let before = change(future).result();
        let (promise, future) = executor_core::promise();
        let future = change(future);
        assert!(end(promise));
        [before, future.result()]
    })
}

#[test]
fn a_change_that_is_not_called_may_panic_in_its_drop() {
    let fails = |promise: Promise<u32>| promise.fail(JobError::Broken(Broken::new("no paper")));
    let outcomes = ended_before_and_after(fails, |future| {
        let bomb = Bomb;
        future.map_ok(move |n| {
            let _kept = &bomb;
            n
        })
    });
    for outcome in outcomes {
        assert!(matches!(outcome, Err(JobError::Broken(_))), "{outcome:?}");
    }
}

#[test]
fn a_conversion_that_panics_ends_the_future() {
    for outcome in ended_before_and_after(|promise| promise.complete(Err::<u32, _>(Bomb)), Future::flatten) {
        let Err(JobError::Panicked(panicked)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(panicked.message(), "the conversion");
    }
}

#[test]
fn a_value_whose_drop_panics_ends_the_future() {
    for outcome in ended_before_and_after(|promise| promise.complete(Bomb), |future| future.map_ok(drop)) {
        let Err(JobError::Panicked(panicked)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(panicked.message(), "the drop");
    }
}

/// The raw outcome comes from another thread, and is decoded by the thread that takes the result.
#[test]
fn a_decoding_that_panics_is_the_outcome() {
    let cell = || {
        let cell = Arc::new(Cell::<(), u32, u32>::queued((), |_| std::panic::panic_any(Bomb)));
        (cell.clone(), Future::of(cell))
    };
    let end = |cell: Arc<Cell<(), u32, u32>>| {
        cell.claim(None).unwrap();
        cell.finish(Ok(7)).fire();
    };
    within_patience(move || {
        let (job, future) = cell();
        end(job);
        assert!(matches!(future.result(), Err(JobError::Panicked(_))));
        let (job, future) = cell();
        let mapped = future.map_ok(|n| n);
        end(job);
        assert!(matches!(mapped.result(), Err(JobError::Panicked(_))));
        let (job, future) = cell();
        end(job);
        let waited = wait([future], Until::FirstOk);
        assert_eq!(waited.done.len(), 1);
    });
}
