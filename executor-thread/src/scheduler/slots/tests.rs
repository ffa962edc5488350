//! Tests of the slots in a bounded queue: which submitter gets one, and which is told.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Wake};
use std::thread;
use std::time::Duration;

use executor_core::{Future, QueueLimit, Rejected, WhenFull};

use super::*;
use crate::pool::ThreadPool;

/// A test that hangs fails after this time.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A pool of one thread, which is held, with a queue of `slots` slots.
struct Full {
    /// Dropped first: a pool that is dropped waits for its jobs.
    let_go: Sender<()>,
    pool: ThreadPool,
    held: Future<()>,
}

impl Full {
    fn new(slots: usize, when_full: WhenFull) -> Self {
        let pool = ThreadPool::builder().threads(1).queue(QueueLimit::bounded(slots, when_full)).build().unwrap();
        let (let_go, gate): (_, Receiver<()>) = channel();
        let (begin, has_begun) = channel();
        let held = pool.submit(move || {
            begin.send(()).unwrap();
            let _ = gate.recv();
        });
        has_begun.recv_timeout(TEST_TIMEOUT).expect("it begins");
        Self { let_go, pool, held }
    }

    fn let_go(self) -> ThreadPool {
        drop(self.let_go);
        self.held.result().unwrap();
        self.pool
    }
}

fn reason<J, T>(submitted: Result<Future<T>, Rejected<J>>) -> Option<Rejection> {
    submitted.err().map(|rejected| rejected.reason())
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wakes {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_cancelled_job_frees_its_slot() {
    let full = Full::new(2, WhenFull::Reject);
    let (first, second) = (full.pool.submit(|| 1), full.pool.submit(|| 2));
    assert_eq!(reason(full.pool.try_submit(|| 3)), Some(Rejection::Full));
    assert!(first.cancel());
    let third = full.pool.try_submit(|| 3).ok().unwrap();
    assert_eq!(reason(full.pool.try_submit(|| 4)), Some(Rejection::Full));
    assert_eq!(full.pool.stats().queued, 2);
    let pool = full.let_go();
    assert_eq!((second.result().unwrap(), third.result().unwrap()), (2, 3));
    pool.shutdown(true);
    assert_eq!(reason(pool.try_submit(|| 5)), Some(Rejection::Shutdown));
}

#[test]
fn submit_timeout_succeeds_or_times_out() {
    let full = Full::new(1, WhenFull::Block);
    let first = full.pool.submit(|| 1);
    assert_eq!(reason(full.pool.submit_timeout(|| 0, Duration::ZERO)), Some(Rejection::Full));
    assert_eq!(reason(full.pool.submit_timeout(|| 0, Duration::from_millis(1))), Some(Rejection::Full));
    let submitters: Vec<_> = (2..5)
        .map(|n| {
            let handle = full.pool.handle();
            thread::spawn(move || handle.submit(move || n).result_timeout(TEST_TIMEOUT).unwrap().unwrap())
        })
        .collect();
    let pool = full.let_go();
    assert_eq!(first.result_timeout(TEST_TIMEOUT).unwrap().unwrap(), 1);
    let results: Vec<_> = submitters.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(results, [2, 3, 4]);
    pool.shutdown(true);
    assert!(pool.submit(|| 0).result().is_err());
}

#[test]
fn a_slot_freed_by_a_cancel_is_handed_on() {
    let full = Full::new(1, WhenFull::Block);
    let first = full.pool.submit(|| 1);
    let handle = full.pool.handle();
    let submitter =
        thread::spawn(move || handle.submit_timeout(|| 2, TEST_TIMEOUT).map_err(|rejected| rejected.reason()));
    assert!(first.cancel());
    let second = submitter.join().unwrap().unwrap();
    full.let_go();
    assert_eq!(second.result_timeout(TEST_TIMEOUT).unwrap().unwrap(), 2);
}

/// Its own jobs would wait for it, so it runs them.
#[test]
fn a_worker_never_waits_for_a_slot() {
    let pool = ThreadPool::builder().threads(1).queue(QueueLimit::bounded(1, WhenFull::Block)).build().unwrap();
    let handle = pool.handle();
    let outer = pool.submit(move || {
        let inner: Vec<_> = (0..4).map(|_| handle.submit(|| thread::current().id())).collect();
        inner.into_iter().all(|future| future.result().unwrap() == thread::current().id())
    });
    assert!(outer.result_timeout(TEST_TIMEOUT).unwrap().unwrap());
}

#[test]
fn drop_oldest_does_not_count_tombstones() {
    let full = Full::new(2, WhenFull::DropOldest);
    let jobs: Vec<_> = (0..3).map(|n| full.pool.submit(move || n)).collect();
    assert!(jobs[1].cancel());
    let fourth = full.pool.submit(|| 3);
    let fifth = full.pool.submit(|| 4);
    let ends: Vec<_> = jobs.into_iter().map(|future| future.try_result().map(Result::unwrap_err)).collect();
    assert_eq!(ends[0].as_ref().unwrap().rejection(), Some(Rejection::Dropped), "{ends:?}");
    assert!(matches!(&ends[1], Ok(JobError::Cancelled(_))), "{ends:?}");
    assert_eq!(ends[2].as_ref().unwrap().rejection(), Some(Rejection::Dropped), "{ends:?}");
    full.let_go();
    assert_eq!((fourth.result().unwrap(), fifth.result().unwrap()), (3, 4));
}

#[test]
fn a_dropped_task_hands_its_slot_on() {
    let full = Full::new(1, WhenFull::Block);
    let first = full.pool.submit(|| 0);
    let wakes: Vec<Arc<Wakes>> = (0..3).map(|_| Arc::default()).collect();
    let mut tasks: Vec<_> = (1..4).map(|n| full.pool.submit_async(move || n)).collect();
    let poll = |task: &mut _, wakes: &Arc<Wakes>| {
        std::future::Future::poll(Pin::new(task), &mut Context::from_waker(&wakes.clone().into()))
    };
    for _ in 0..2 {
        for (task, wakes) in tasks.iter_mut().zip(&wakes) {
            assert!(poll(task, wakes).is_pending());
        }
    }
    let woken = || wakes.iter().map(|wakes| wakes.get()).collect::<Vec<_>>();
    assert_eq!(woken(), [0, 0, 0]);
    assert!(first.cancel());
    assert_eq!(woken(), [1, 0, 0]);
    drop(tasks.remove(0));
    assert_eq!(woken(), [1, 1, 0]);
    let Poll::Ready(Ok(second)) = poll(&mut tasks[0], &wakes[1]) else { panic!("there is a slot for it") };
    assert!(poll(&mut tasks[1], &wakes[2]).is_pending());
    drop(tasks.remove(1));
    assert_eq!(woken(), [1, 1, 0], "it stopped waiting before it was told");
    full.let_go();
    assert_eq!(second.result_timeout(TEST_TIMEOUT).unwrap().unwrap(), 2);
}

#[test]
fn an_overtaken_task_wakes_no_other() {
    let full = Full::new(1, WhenFull::Block);
    let first = full.pool.submit(|| 0);
    let wakes: Vec<Arc<Wakes>> = (0..2).map(|_| Arc::default()).collect();
    let mut tasks: Vec<_> = (1..3).map(|n| full.pool.submit_async(move || n)).collect();
    for (task, wakes) in tasks.iter_mut().zip(&wakes) {
        let waker = wakes.clone().into();
        assert!(std::future::Future::poll(Pin::new(task), &mut Context::from_waker(&waker)).is_pending());
    }
    assert!(first.cancel());
    let second = full.pool.try_submit(|| 2).expect("the slot is free");
    drop(tasks.remove(0));
    assert_eq!(wakes.iter().map(|wakes| wakes.get()).collect::<Vec<_>>(), [1, 0], "the queue is full again");
    full.let_go();
    assert_eq!(second.result_timeout(TEST_TIMEOUT).unwrap().unwrap(), 2);
}

/// Calls `f` at the greatest depth of nested jobs, where no other job may run in place.
fn at_the_deepest(f: &mut dyn FnMut()) {
    let is_deepest = current::nested(|| at_the_deepest(f)).is_none();
    if is_deepest {
        f();
    }
}

/// Neither the bound nor the depth is a reason to lose a job.
#[test]
fn a_caller_that_is_too_deep_queues_its_job() {
    let full = Full::new(1, WhenFull::CallerRuns);
    let first = full.pool.submit(|| 1);
    let mut second = None;
    at_the_deepest(&mut || second = Some(full.pool.submit(|| 2)));
    assert_eq!(full.pool.stats().queued, 2, "one more than there are slots");
    full.let_go();
    assert_eq!(first.result_timeout(TEST_TIMEOUT).unwrap().unwrap(), 1);
    let second = second.expect("it was submitted once");
    assert_eq!(second.result_timeout(TEST_TIMEOUT).expect("it is not lost").unwrap(), 2);
}
