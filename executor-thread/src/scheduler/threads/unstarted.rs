//! Workers that could not be started.

use std::io::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use executor_core::Future;
use executor_core::cell::{Captures, Notify, Run};

use super::super::owned::Owned;
use super::super::{Batch, Config, Priority, Runner, TimerEvent};
use crate::runner::InPlace;

const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// One whose idle workers stay for longer than the test waits.
fn scheduler(workers: usize) -> Owned<InPlace> {
    let config = Config { keep_alive: 10 * TEST_TIMEOUT, ..Config::new("short", workers) };
    Owned::new(config, |_: &Arc<str>| InPlace::new(None))
}

fn refused() -> Error {
    Error::other("there is no more room for threads")
}

/// Never fires.
struct Silent;

impl TimerEvent for Silent {
    fn fire(self: Box<Self>) -> Option<(Notify, Captures)> {
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

#[test]
fn the_timer_ends_with_a_worker_that_did_not_start() {
    // Whether the timer sleeps by then is chance: the more often, the surer.
    for _ in 0..100 {
        let scheduler = scheduler(1);
        let shared = scheduler.shared().unwrap();
        scheduler.push_timer(Instant::now() + Duration::from_secs(3600), Box::new(Silent));
        let local = shared.lock().spawn_all().pop().expect("it has no worker yet");
        scheduler.shutdown(false);
        let closed = scheduler.closed();
        for _ in 0..100 {
            assert!(!shared.wait_gone(Some(Instant::now())), "the worker may have a job with a limit");
            std::thread::yield_now();
        }
        shared.has_no_thread_for(local.number, local.place, &refused());
        assert!(shared.wait_gone(Instant::now().checked_add(TEST_TIMEOUT)), "the timer has nothing to wait for");
        assert!(closed.wait_timeout(TEST_TIMEOUT));
    }
}

#[test]
fn a_sleeper_takes_what_waited_for_the_worker() {
    let scheduler = scheduler(2);
    let shared = scheduler.shared().unwrap();
    let (ran, runs) = channel();
    let push = |number: u32| {
        let ran = ran.clone();
        let (cell, future) = executor_core::Future::of_job_at(scheduler.queue(), move || ran.send(number).unwrap());
        assert!(scheduler.push(Priority::Normal, cell).is_ok());
        drop(future);
    };
    push(1);
    assert_eq!(runs.recv_timeout(TEST_TIMEOUT), Ok(1));
    assert!(scheduler.wait_idle(Instant::now().checked_add(TEST_TIMEOUT)));
    let until = Instant::now() + TEST_TIMEOUT;
    while !shared.lock().has_sleepers() {
        assert!(Instant::now() < until, "it falls asleep");
        std::thread::yield_now();
    }
    let local = shared.lock().spawn_all().pop().expect("one of two");
    // The new one is to look for it, so no worker is woken.
    push(2);
    shared.has_no_thread_for(local.number, local.place, &refused());
    assert_eq!(runs.recv_timeout(TEST_TIMEOUT), Ok(2));
}

/// The first worker runs jobs, and others as long as there is no shortage.
struct Dependent {
    is_first: bool,
    is_short: Arc<AtomicBool>,
}

impl Runner for Dependent {
    type Job = Arc<dyn Run>;

    fn run(&mut self, job: Self::Job, batch: &mut Batch<'_, Self::Job>) -> bool {
        if self.is_first || !self.is_short.load(Ordering::SeqCst) {
            return job.run();
        }
        match batch.retire(job, Priority::Normal) {
            Ok(()) => true,
            Err(job) => job.run(),
        }
    }
}

#[test]
fn retired_worker_is_replaced_after_shortage() {
    let is_short = Arc::new(AtomicBool::new(true));
    let of_runners = is_short.clone();
    let scheduler = Owned::new(Config { keep_alive: 10 * TEST_TIMEOUT, ..Config::new("short", 3) }, move |name| {
        Dependent { is_first: &**name == "short-0", is_short: of_runners.clone() }
    });
    let (running, runs) = channel();
    let (hold, held) = channel::<()>();
    let submit = |job: Box<dyn FnOnce() + Send>| {
        let (cell, future) = Future::of_job_at(scheduler.queue(), job);
        assert!(scheduler.push(Priority::Normal, cell).is_ok());
        future
    };
    let first = submit(Box::new(move || {
        running.send(()).unwrap();
        let _ = held.recv();
    }));
    runs.recv_timeout(TEST_TIMEOUT).unwrap();
    let others: Vec<_> = (0..4).map(|_| submit(Box::new(|| ()))).collect();
    let until = Instant::now() + TEST_TIMEOUT;
    while !(scheduler.shared().unwrap().lock().short_until.is_some()
        && scheduler.shared().unwrap().lock().workers() == 1)
    {
        assert!(Instant::now() < until, "the others leave");
        std::thread::yield_now();
    }
    assert!(others.iter().all(|future| !future.is_done()), "they wait for the first worker");
    is_short.store(false, Ordering::SeqCst);
    for future in others {
        future.result_timeout(TEST_TIMEOUT).expect("another worker is started").unwrap();
    }
    assert!(!first.is_done());
    drop(hold);
    first.result().unwrap();
    scheduler.shutdown(true);
}
