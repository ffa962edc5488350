//! Shutdowns with jobs everywhere: what becomes of them, and what the report says of that.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use executor_core::{Broken, Priority, Rejection, current};

use super::super::Config;
use super::super::owned::Owned;
use super::*;
use crate::pool::ThreadPool;
use crate::runner::InPlace;

const HOUR: Duration = Duration::from_secs(3600);

/// A test that hangs fails after this time.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A job that runs until it hears that it should stop.
fn listening(pool: &ThreadPool) -> Future<()> {
    let (begin, has_begun) = channel();
    let listens = pool.submit(move || {
        begin.send(()).unwrap();
        while !current::stop_requested() {
            thread::yield_now();
        }
    });
    has_begun.recv_timeout(TEST_TIMEOUT).expect("it begins");
    listens
}

/// A job that runs until it is let go, and then says whether it was asked to stop.
struct Held {
    let_go: Sender<()>,
    future: Future<bool>,
}

impl Held {
    /// Submits it, and returns its gate and the place where it says that it has begun.
    fn submit(pool: &ThreadPool) -> (Self, Receiver<()>) {
        let (let_go, gate) = channel::<()>();
        let (begin, has_begun) = channel();
        let future = pool.submit(move || {
            begin.send(()).unwrap_or_default();
            let _ = gate.recv();
            current::stop_requested()
        });
        (Self { let_go, future }, has_begun)
    }

    fn running(pool: &ThreadPool) -> Self {
        let (held, has_begun) = Self::submit(pool);
        has_begun.recv_timeout(TEST_TIMEOUT).expect("it begins");
        held
    }

    fn let_go(self) -> bool {
        drop(self.let_go);
        self.future.result().unwrap()
    }
}

fn counts(report: ShutdownReport) -> (usize, usize, usize) {
    (report.completed, report.cancelled, report.still_running)
}

#[test]
fn cancel_pending_leaves_running_jobs_alone() {
    let pool = ThreadPool::new(1);
    let held = Held::running(&pool);
    let queued: Vec<_> = (0..3).map(|_| pool.submit(|| ())).collect();
    let delayed: Vec<_> = (0..2).map(|_| pool.submit_after(HOUR, || ())).collect();
    let handle = pool.handle();
    let closing = thread::spawn(move || handle.shutdown_with(ShutdownPolicy::cancel_pending().within(HOUR)));
    for future in queued.into_iter().chain(delayed) {
        assert!(future.result_timeout(TEST_TIMEOUT).unwrap().unwrap_err().is_cancelled());
    }
    assert!(!held.let_go(), "nobody asked it to stop");
    assert_eq!(counts(closing.join().unwrap()), (1, 5, 0));
}

/// Some of the jobs are those in a worker's local queue.
#[test]
fn drain_runs_all_accepted_jobs() {
    let pool = ThreadPool::new(1);
    let first = Held::running(&pool);
    let (second, has_begun) = Held::submit(&pool);
    let queued: Vec<_> = (0..8).map(|n| pool.submit(move || n)).collect();
    assert!(!first.let_go());
    has_begun.recv_timeout(TEST_TIMEOUT).expect("it begins, and its worker has taken a batch");
    let delayed = pool.submit_after(Duration::ZERO, || 8);
    let handle = pool.handle();
    let closing = thread::spawn(move || handle.shutdown_with(ShutdownPolicy::drain()));
    while pool.try_submit(|| ()).is_ok() {
        thread::yield_now();
    }
    assert!(!second.let_go());
    for (n, future) in queued.into_iter().chain([delayed]).enumerate() {
        assert_eq!(future.result_timeout(TEST_TIMEOUT).unwrap().unwrap(), n);
    }
    let report = closing.join().unwrap();
    assert!(report.is_clean() && report.completed >= 10, "{report}");
}

#[test]
fn deaf_jobs_outlive_the_time_limit() {
    let pool = ThreadPool::new(2);
    let held = [Held::running(&pool), Held::running(&pool)];
    let queued = pool.submit(|| ());
    assert_eq!(counts(pool.shutdown_with(ShutdownPolicy::drain().within(Duration::ZERO))), (0, 1, 2));
    assert!(queued.result().unwrap_err().is_cancelled());
    assert!(held.into_iter().all(Held::let_go), "both were asked to stop");
    assert!(pool.shutdown_with(ShutdownPolicy::kill()).is_clean());
}

#[test]
fn listening_jobs_end_with_a_kill() {
    let pool = ThreadPool::new(1);
    let listens = listening(&pool);
    let queued = pool.submit(|| ());
    assert_eq!(counts(pool.shutdown_with(ShutdownPolicy::kill().within(TEST_TIMEOUT))), (1, 1, 0));
    assert!(listens.result().is_ok() && queued.result().is_err());
}

#[test]
fn a_pool_is_idle_when_nothing_waits_or_runs_and_for_its_own_threads_never() {
    let pool = ThreadPool::new(1);
    assert!(pool.wait_idle_timeout(Duration::ZERO));
    let held = Held::running(&pool);
    assert!(!pool.wait_idle_timeout(Duration::from_millis(1)));
    let handle = pool.handle();
    let waiting = thread::spawn(move || handle.wait_idle_timeout(TEST_TIMEOUT));
    assert!(!held.let_go());
    assert!(waiting.join().unwrap());
    let handle = pool.handle();
    let inside = pool.submit(move || handle.wait_idle_timeout(TEST_TIMEOUT));
    assert!(!inside.result_timeout(TEST_TIMEOUT / 2).expect("it does not wait for itself").unwrap());
}

#[test]
fn it_is_closed_after_the_last_job_and_not_before_a_shutdown() {
    let pool = ThreadPool::new(1);
    let closed = pool.closed();
    assert!(pool.submit(|| ()).result().is_ok() && !closed.is_done());
    let held = Held::running(&pool);
    pool.shutdown(false);
    assert!(!closed.is_done() && !pool.closed().is_done());
    assert!(!held.let_go());
    assert!(closed.result_timeout(TEST_TIMEOUT).unwrap().is_ok());
    pool.shutdown(true);
    assert!(pool.closed().is_done());
}

#[test]
fn it_is_closed_after_the_hooks_of_its_threads() {
    let ((begin, has_begun), (open, gate)) = (channel(), channel::<()>());
    let gate = std::sync::Mutex::new(gate);
    let pool = ThreadPool::builder()
        .threads(1)
        .on_thread_stop(move || {
            begin.send(()).unwrap_or_default();
            let _ = gate.lock().unwrap().recv();
        })
        .build()
        .unwrap();
    let closed = pool.closed();
    assert!(pool.submit(|| ()).result().is_ok());
    pool.shutdown(false);
    has_begun.recv_timeout(TEST_TIMEOUT).expect("the hook is called");
    assert!(!closed.is_done() && !pool.closed().is_done(), "a thread is there");
    let report = pool.shutdown_with(ShutdownPolicy::drain().within(Duration::ZERO));
    assert_eq!(counts(report), (0, 0, 0), "it waits no longer than it may");
    drop(open);
    assert!(closed.result_timeout(TEST_TIMEOUT).unwrap().is_ok());
    pool.shutdown(true);
    assert!(pool.closed().is_done());
}

/// The callback of the first that is cancelled waits for the job that runs, which ends when it hears of the stop.
#[test]
fn a_kill_is_heard_before_the_callbacks_of_what_it_cancels() {
    let pool = ThreadPool::new(1);
    let listens = listening(&pool);
    let (tell, told) = channel();
    pool.submit(|| ()).on_done(move |_| tell.send(listens.wait_timeout(TEST_TIMEOUT)).unwrap());
    let last = pool.submit(|| ());
    assert_eq!(counts(pool.shutdown_with(ShutdownPolicy::kill())), (1, 2, 0));
    assert!(told.recv().unwrap() && last.result().unwrap_err().is_cancelled());
}

#[test]
fn a_breakdown_fails_what_waits_for_the_first_reason() {
    let scheduler = Owned::new(Config::new("breaks", 1), |_: &Arc<str>| InPlace::new(None));
    let (later, waits) = Future::of_job_at(scheduler.delay(), || ());
    let when = Instant::now() + HOUR;
    assert!(scheduler.push_at(when, Priority::Normal, later).is_ok());
    for reason in ["no paper", "no ink"] {
        scheduler.break_down(JobError::Broken(Broken::new(reason)));
    }
    assert!(waits.result_timeout(TEST_TIMEOUT).unwrap().unwrap_err().to_string().ends_with("no paper"));
    let (job, _refused) = Future::of_job_at(scheduler.queue(), || ());
    let refused = scheduler.push(Priority::Normal, job).map_err(|(_, reason)| reason);
    assert_eq!((refused, scheduler.is_open()), (Err(Rejection::Broken), false));
}

/// They are sent ahead to a worker that runs them itself.
#[test]
fn jobs_that_a_worker_has_in_hand_are_reported_as_running() {
    let scheduler = Owned::new(Config::new("ahead", 1), |_: &Arc<str>| InPlace::new(None));
    let shared = scheduler.shared().expect("nobody has forked");
    let mut state = shared.lock();
    state.lanes.extra = 3;
    state.extra_is_revoked();
    let (looked, progress) = (shared.look(&state), shared.progress(&state));
    state.lanes.extra = 0;
    assert_eq!((looked.queued, looked.running), (2, 0));
    assert_eq!((progress.queued, progress.running), (0, 2), "a cancelled one does not run");
}
