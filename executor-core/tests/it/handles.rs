//! Futures and what acts on their jobs for others: cancellers, guards, and waits that block.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use executor_core::cell::{Cell, Task};
use executor_core::current::{self, Host, Worker};
use executor_core::queue_id::QueueId;
use executor_core::registry::QueueRegistration;
use executor_core::{Event, Future, JobSet, Until, join_all, promise, wait, wait_timeout};

use crate::departures::nowhere;
use crate::support::{Count, within_patience};

const HOUR: Duration = Duration::from_secs(3600);

/// Tells when its worker is about to block.
struct Watchman {
    queue: QueueRegistration,
    blocks: mpsc::Sender<()>,
}

impl Host for Watchman {
    fn queue_id(&self) -> QueueId {
        self.queue.id()
    }

    fn block(&self) {
        self.blocks.send(()).unwrap();
    }

    fn unblock(&self) {}

    fn is_stopping(&self) -> bool {
        false
    }
}

/// Waits on a worker; as soon as that is about to block, or has not done so at all, `end` is done on another thread.
fn wait_on_worker<R: Send + 'static>(
    wait: impl FnOnce() -> R + Send + 'static,
    end: impl FnOnce() + Send + 'static,
) -> R {
    within_patience(|| {
        let (blocks, told) = mpsc::channel();
        let waiter = thread::spawn(move || {
            let host = Watchman { queue: QueueRegistration::new(nowhere()), blocks };
            current::set_worker(Some(Worker { name: Some("it".into()), state: None, host: Some(Arc::new(host)) }));
            let waited = wait();
            current::set_worker(None);
            waited
        });
        let _ = told.recv();
        end();
        waiter.join().unwrap()
    })
}

#[test]
fn a_wait_with_a_limit_ends_with_the_job_or_with_the_limit() {
    // Often: the end may come before the thread has looked at the clock.
    for _ in 0..20 {
        let (promise, future) = promise();
        assert!(wait_on_worker(move || future.wait_timeout(HOUR), move || assert!(promise.complete(7))));
    }
    within_patience(|| {
        let (promise, future) = promise::<u32>();
        assert!(!future.wait_timeout(Duration::from_millis(1)));
        let future = future.result_timeout(Duration::from_millis(1)).unwrap_err();
        assert!(promise.complete(7));
        assert!(future.wait_timeout(Duration::ZERO));
        assert_eq!(future.result_timeout(Duration::ZERO).unwrap().unwrap(), 7);
    });
}

/// Sets the outcomes of many jobs, and then gives the notifications. Returns whether a thread that slept until the first outcome then saw all of
/// them. `None` if that thread did not sleep.
fn sleeper_sees_all_outcomes() -> Option<bool> {
    let cells: Vec<Arc<Cell<(), u32, u32>>> = (0..50).map(|_| Arc::new(Cell::queued((), Ok))).collect();
    let futures: Vec<_> = cells.iter().map(|cell| Future::of(cell.clone())).collect();
    let (tells, has_slept) = mpsc::channel();
    let waits = move || {
        futures[0].wait();
        futures.iter().all(Future::is_done)
    };
    let saw_all = wait_on_worker(waits, move || {
        // The thread is about to sleep. If it does not in this time, that is no failure.
        (0..10).for_each(|_| thread::yield_now());
        let finish = |cell: Arc<Cell<(), u32, u32>>| cell.claim(None).map(|()| cell.finish(Ok(7)));
        let notifies: Vec<_> = cells.into_iter().filter_map(finish).collect();
        tells.send(!notifies[0].is_empty()).unwrap();
    });
    has_slept.recv().unwrap().then_some(saw_all)
}

#[test]
fn sleeper_is_woken_when_the_notification_is_given() {
    let slept: Vec<bool> = (0..1000).filter_map(|_| sleeper_sees_all_outcomes()).take(20).collect();
    assert!(!slept.is_empty(), "no thread has slept");
    assert!(slept.iter().all(|saw_all| *saw_all), "{slept:?}");
}

#[test]
fn a_wait_for_an_event_ends_with_it_or_with_its_limit() {
    for limit in [None, Some(HOUR)].repeat(20) {
        let event = Arc::new(Event::new());
        let setter = event.clone();
        let wait = move || {
            match limit {
                None => event.wait(),
                Some(limit) => assert!(event.wait_timeout(limit)),
            }
            event.is_set()
        };
        assert!(wait_on_worker(wait, move || setter.set()));
    }
    within_patience(|| assert!(!Event::new().wait_timeout(Duration::from_millis(1))));
}

#[test]
fn a_wait_for_several_ends_with_them_or_with_its_limit() {
    for limit in [None, Some(HOUR)].repeat(20) {
        let (promise, future) = promise();
        let mut set = JobSet::new();
        set.insert(future);
        let next = move || match limit {
            None => set.next().map(|(key, outcome)| (key, outcome.unwrap())),
            Some(limit) => set.next_timeout(limit).map(|(key, outcome)| (key, outcome.unwrap())),
        };
        assert_eq!(wait_on_worker(next, move || assert!(promise.complete(7))), Some((0, 7)));

        let (promise, future) = executor_core::promise();
        let all = move || match limit {
            None => wait([future], Until::AllDone),
            Some(limit) => wait_timeout([future], Until::AllDone, limit),
        };
        assert_eq!(wait_on_worker(all, move || assert!(promise.complete(7))).done.len(), 1);
    }
    within_patience(|| {
        let (promise, future) = promise();
        let mut set = JobSet::new();
        set.insert(future);
        assert!(set.next_timeout(Duration::from_millis(1)).is_none());
        assert!(promise.complete(7));
        assert_eq!(set.next_timeout(Duration::ZERO).unwrap().1.unwrap(), 7);
        assert!(set.next().is_none() && set.next_timeout(HOUR).is_none(), "it is empty");
    });
}

#[test]
fn all_outcomes_come_in_the_order_of_the_futures() {
    within_patience(|| {
        let ((one, first), (two, second)) = (promise(), promise());
        assert!(two.complete(2) && one.complete(1));
        let outcomes: Vec<_> = join_all([first, second]).into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes, [1, 2]);
    });
}

#[test]
fn a_future_says_how_far_its_job_is() {
    let (promise, future) = promise();
    let look = |future: &executor_core::Future<u32>| (future.is_running(), future.is_done(), future.is_cancelled());
    assert_eq!(look(&future), (false, false, false));
    let future = future.try_result().unwrap_err();
    assert!(promise.start());
    assert_eq!(look(&future), (true, false, false));
    assert!(promise.complete(7));
    assert_eq!(look(&future), (false, true, false));
    assert_eq!(future.try_result().unwrap().unwrap(), 7);
}

#[test]
fn a_canceller_acts_on_the_job_of_its_future() {
    let (promise, future) = promise::<u32>();
    let canceller = future.canceller();
    let stops = Count::default();
    let count = stops.clone();
    promise.on_cancel(move || count.add());
    assert_eq!(canceller.id(), future.id());
    assert!(promise.start() && !canceller.cancel());
    assert_eq!(stops.get(), 0);
    assert!(canceller.abort() && promise.stop_requested());
    assert_eq!(stops.get(), 1);
    assert!(promise.complete(7) && !canceller.abort() && !canceller.cancel());
    assert!(!future.is_cancelled());
}

#[test]
fn a_guard_aborts_its_job_when_it_is_dropped_and_not_when_it_is_taken_apart() {
    let (promise, future) = promise::<u32>();
    drop(future.abort_on_drop());
    assert!(!promise.start(), "it was cancelled");
    let (promise, future) = executor_core::promise();
    let future = future.abort_on_drop().into_inner();
    assert!(promise.start() && promise.complete(7));
    assert_eq!(future.result().unwrap(), 7);
    let (promise, future) = executor_core::promise();
    let mut guard = future.abort_on_drop();
    let mut context = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut guard).poll(&mut context).is_pending());
    assert!(promise.complete(7));
    let std::task::Poll::Ready(outcome) = Pin::new(&mut guard).poll(&mut context) else { panic!("it has ended") };
    assert_eq!(outcome.unwrap(), 7);
}

#[test]
fn debug_of_handles_names_the_job() {
    let (promise, future) = promise::<u32>();
    let id = format!("{:?}", future.id());
    assert_eq!(format!("{:?}", future.canceller()), format!("Canceller({id})"));
    assert_eq!(format!("{:?}", future.helper()), format!("Helper({id})"));
    assert_eq!(format!("{future:?}"), format!("Future {{ id: {id}, status: Queued, .. }}"));
    assert!(promise.complete(1));
    assert_eq!(format!("{future:?}"), format!("Future {{ id: {id}, status: Done, .. }}"));
    let (promise, _future) = executor_core::promise::<u32>();
    assert_eq!(format!("{promise:?}"), format!("Promise {{ id: {:?}, status: Queued, .. }}", promise.id()));
    let mut set = JobSet::new();
    set.insert(future);
    assert_eq!(format!("{set:?}"), "JobSet { len: 1, .. }");
}
