use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use executor_core::cell::{Captures, Notify};
use executor_core::{Future, JobError, JobOptions, Priority, ShutdownPolicy};

use super::super::owned::Owned;
use super::super::{Config, Scheduler};
use super::*;
use crate::pool::{ThreadHandle, ThreadPool};
use crate::runner::InPlace;

#[derive(Debug, PartialEq)]
enum Heard {
    Began,
    Rang,
}

/// Tells what it does, and fires until it may go on.
struct Bell {
    heard: Sender<Heard>,
    goes_on: Option<Receiver<()>>,
}

impl TimerEvent for Bell {
    fn begin(&mut self) {
        self.heard.send(Heard::Began).unwrap();
    }

    fn fire(self: Box<Self>) -> Option<(Notify, Captures)> {
        self.heard.send(Heard::Rang).unwrap();
        if let Some(gate) = self.goes_on {
            gate.recv().unwrap();
        }
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

#[test]
fn all_due_timers_begin_before_one_fires() {
    let scheduler = Owned::new(Config::new("alarms", 1), |_: &Arc<str>| InPlace::new(None));
    let (heard, hears) = channel();
    let hear = || hears.recv_timeout(Duration::from_secs(60)).expect("it comes to it");
    let (go_on, gate) = channel();
    let push = |goes_on| {
        let bell = Bell { heard: heard.clone(), goes_on };
        scheduler.push_timer(Instant::now(), Box::new(bell));
    };
    push(Some(gate));
    assert_eq!([hear(), hear()], [Heard::Began, Heard::Rang]);
    // The timer's thread is held, so that these are due together when it goes on.
    (0..20).for_each(|_| push(None));
    go_on.send(()).unwrap();
    let all: Vec<_> = (0..40).map(|_| hear()).collect();
    assert!(all[..20].iter().all(|it| *it == Heard::Began) && all[20..].iter().all(|it| *it == Heard::Rang), "{all:?}");
}

const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Tells when its drop has begun, and goes on when it may.
struct SlowDrop {
    began: Sender<()>,
    goes_on: Receiver<()>,
}

impl Drop for SlowDrop {
    fn drop(&mut self) {
        self.began.send(()).unwrap();
        // An error is the end of the test.
        self.goes_on.recv().unwrap_or_default();
    }
}

/// A pool whose only worker is busy, with a job whose time to wait is over: what it captured is being dropped.
fn dropping() -> (ThreadPool, Future<()>, [Sender<()>; 2]) {
    let pool = ThreadPool::new(1);
    let (hold, gate) = channel::<()>();
    let busy = pool.submit(move || gate.recv().unwrap_or_default());
    while pool.stats().queued > 0 {
        std::thread::yield_now();
    }
    let (began, begins) = channel();
    let (go_on, goes_on) = channel();
    let slow = SlowDrop { began, goes_on };
    let late = late(&pool).submit(move || drop(slow));
    begins.recv_timeout(TEST_TIMEOUT).expect("its time is over at once");
    let told = late.result_timeout(TEST_TIMEOUT).expect("its end does not wait for the drop");
    assert!(matches!(told, Err(JobError::TimedOut(_))));
    (pool, busy, [hold, go_on])
}

fn late(pool: &ThreadPool) -> ThreadHandle {
    pool.with(JobOptions::new().start_by(Duration::ZERO))
}

#[test]
fn a_slow_drop_holds_no_limit_up() {
    let (pool, _busy, _held) = dropping();
    assert!(matches!(late(&pool).submit(|| ()).result_timeout(TEST_TIMEOUT), Ok(Err(JobError::TimedOut(_)))));
}

#[test]
fn a_slow_drop_holds_no_callback_up() {
    let (pool, _busy, _held) = dropping();
    let (told, tells) = channel();
    late(&pool).submit(|| ()).on_done(move |outcome| told.send(outcome.is_err()).unwrap());
    assert_eq!(tells.recv_timeout(TEST_TIMEOUT), Ok(true));
}

#[test]
fn a_slow_callback_holds_no_drop_up() {
    let pool = ThreadPool::new(1);
    let (hold, gate) = channel::<()>();
    let busy = pool.submit(move || gate.recv().unwrap_or_default());
    // The timer is held until the callback is there: one that comes after the end runs on this thread.
    let ((heard, hears), (ring, rings)) = (channel(), channel());
    pool.handle().0.scheduler.push_timer(Instant::now(), Box::new(Bell { heard, goes_on: Some(rings) }));
    assert_eq!([hears.recv(), hears.recv()], [Ok(Heard::Began), Ok(Heard::Rang)]);
    let (called, calls) = channel();
    let (go_on, goes_on) = channel::<()>();
    late(&pool).submit(|| ()).on_done(move |_| {
        called.send(()).unwrap();
        goes_on.recv().unwrap_or_default();
    });
    ring.send(()).unwrap();
    calls.recv_timeout(TEST_TIMEOUT).unwrap();
    let (held, dropped) = channel::<()>();
    drop(late(&pool).submit(move || drop(held)));
    assert_eq!(dropped.recv_timeout(TEST_TIMEOUT), Err(RecvTimeoutError::Disconnected));
    drop((hold, go_on));
    busy.wait();
}

#[test]
fn idle_and_gone_wait_for_the_drop() {
    let (pool, busy, [hold, go_on]) = dropping();
    drop(hold);
    busy.wait();
    // The worker counts for a moment after its job has ended.
    while pool.stats().running > 0 {
        std::thread::yield_now();
    }
    pool.shutdown(false);
    assert!(!pool.wait_idle_timeout(Duration::ZERO));
    let closed = pool.closed();
    let report = pool.shutdown_with(ShutdownPolicy::drain().within(Duration::ZERO));
    assert_eq!(report.still_running, 0);
    assert!(!closed.is_done());
    go_on.send(()).unwrap();
    pool.shutdown(true);
    assert!(closed.is_done() && pool.wait_idle_timeout(Duration::ZERO));
}

#[test]
fn captures_may_shut_their_pool_down() {
    struct Closes(Scheduler<InPlace>, Sender<()>);
    impl Drop for Closes {
        fn drop(&mut self) {
            self.0.shutdown(true);
            self.1.send(()).unwrap();
        }
    }
    let pool = ThreadPool::new(1);
    let (hold, gate) = channel::<()>();
    let busy = pool.submit(move || gate.recv().unwrap_or_default());
    let (told, tells) = channel();
    let closes = Closes(pool.handle().0.scheduler, told);
    drop(late(&pool).submit(move || drop(closes)));
    tells.recv_timeout(TEST_TIMEOUT).expect("it does not wait for itself");
    drop(hold);
    busy.wait();
}

/// It was cancelled when the timer had it in its hand already.
#[test]
fn a_due_job_that_was_cancelled_is_not_queued() {
    let scheduler = Scheduler::new(Config::new("due", 1), |_: &Arc<str>| InPlace::new(None));
    let shared = scheduler.shared().expect("nobody has forked");
    let (job, future) = Future::of_job_at(scheduler.delay(), || ());
    assert!(future.cancel());
    let tombstone = shared.queue_what_is_due(Due::Job(Priority::Normal, job)).expect("it is to be dropped");
    let mut state = shared.lock();
    assert!(state.lanes.is_empty());
    state.delayed.removed_tombstones(1);
    assert!(state.is_gone(), "its end is reported once");
    drop(state);
    drop(tombstone);
}

/// Only the timer's thread is left, and it sleeps.
#[test]
fn the_cancel_of_the_last_delayed_job_ends_the_timer() {
    const HOUR: Duration = Duration::from_secs(3600);
    let scheduler = Scheduler::new(Config::new("last", 1), |_: &Arc<str>| InPlace::new(None));
    let shared = scheduler.shared().expect("nobody has forked");
    let (last, future) = Future::of_job_at(scheduler.delay(), || ());
    assert!(scheduler.push_at(Instant::now() + HOUR, Priority::Normal, last).is_ok());
    let (heard, hears) = channel();
    scheduler.push_timer(Instant::now(), Box::new(Bell { heard, goes_on: None }));
    assert_eq!([hears.recv(), hears.recv()], [Ok(Heard::Began), Ok(Heard::Rang)]);
    // Behind the timer event, the timer keeps the lock until it waits.
    while shared.lock().is_moving {
        std::thread::yield_now();
    }
    // As after a shutdown that the timer has heard of.
    shared.lock().is_open = false;
    assert!(future.cancel());
    assert!(shared.wait_gone(Instant::now().checked_add(TEST_TIMEOUT)), "the timer waits for the hour");
}
