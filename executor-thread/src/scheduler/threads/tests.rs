//! Which threads start, and which do not: on pools whose hooks count them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use executor_core::{Event, Future, JobOptions, current};

use super::super::handle::Scheduler;
use super::super::runner::Runner;
use super::no_thread;
use crate::builder::ThreadPoolBuilder;
use crate::pool::ThreadPool;

/// A test that hangs fails before this is over.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A pool of `threads`, and how many it has started.
fn counted(
    threads: usize,
    build: impl FnOnce(ThreadPoolBuilder) -> ThreadPoolBuilder,
) -> (ThreadPool, Arc<AtomicUsize>) {
    let started = Arc::new(AtomicUsize::new(0));
    let count = started.clone();
    let builder = ThreadPool::builder().threads(threads).on_thread_start(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    (build(builder).build().unwrap(), started)
}

/// A job that runs until its gate is dropped, and does not say that it waits.
fn held(pool: &ThreadPool) -> (Sender<()>, Future<bool>) {
    let (open, gate) = channel::<()>();
    let (begin, has_begun) = channel();
    let future = pool.submit(move || {
        begin.send(()).unwrap_or_default();
        gate.recv().is_err()
    });
    has_begun.recv_timeout(TEST_TIMEOUT).expect("it begins");
    (open, future)
}

fn within<T>(future: Future<T>) -> T {
    future.result_timeout(TEST_TIMEOUT).unwrap_or_else(|_| panic!("it hangs")).unwrap()
}

/// The jobs in a worker's local queue are stolen while it is in a long one; then nothing is left to do for anybody.
#[test]
fn a_long_job_whose_batch_was_stolen_starts_no_threads() {
    for keep_alive in [Duration::ZERO, Duration::MAX] {
        let (pool, started) = counted(2, |builder| builder.keep_alive(keep_alive));
        let gates = [held(&pool), held(&pool)];
        let (open, gate) = channel::<()>();
        let long = pool.submit(move || gate.recv().is_err());
        let others: Vec<_> = (0..200).map(|n| pool.submit(move || n)).collect();
        drop(gates);
        assert!(others.into_iter().map(within).eq(0..200));
        let before = started.load(Ordering::SeqCst);
        // Each job that comes finds a worker; without any, one starts. None starts because of the long one.
        for n in 0..50 {
            assert_eq!(within(pool.submit(move || n)), n);
        }
        pool.shutdown(false);
        assert!(!pool.handle().0.scheduler.has_work_for_another());
        let more = started.load(Ordering::SeqCst) - before;
        assert!(more <= if keep_alive.is_zero() { 50 } else { 0 }, "{more} threads were started");
        drop(open);
        assert!(within(long));
        pool.shutdown(true);
    }
}

#[test]
fn refused_jobs_start_no_thread() {
    for waits in [true, false] {
        let (pool, _) = counted(1, |builder| builder);
        let view = pool.with(JobOptions::new().start_by(Duration::from_secs(3600)));
        let running = held(&pool);
        if waits {
            drop(running.0);
            assert!(within(running.1));
        }
        pool.shutdown(waits);
        assert!(view.submit(|| ()).result().is_err());
        assert!(view.try_submit(|| ()).is_err());
        assert!(view.submit_after(Duration::ZERO, || ()).result().is_err());
        view.execute(|| ());
        assert_eq!(pool.handle().0.scheduler.living_threads(), usize::from(!waits));
    }
}

#[test]
fn a_job_that_waits_inside_of_a_guard_blocks_once() {
    let (pool, started) = counted(1, |builder| builder.keep_alive(Duration::MAX));
    let event = Arc::new(Event::new());
    let there = event.clone();
    let waits = pool.submit(move || {
        let _blocked = current::block();
        there.wait();
        // Its guard is held still.
        drop(current::block());
    });
    // Its spare runs these, and sleeps between them.
    for n in 0..20 {
        assert_eq!(within(pool.submit(move || n)), n);
    }
    within(pool.submit(move || event.set()));
    within(waits);
    assert_eq!(within(pool.submit(|| 7)), 7);
    pool.shutdown(true);
    assert!(started.load(Ordering::SeqCst) <= 2, "one, and one for the one that waits");
}

#[test]
fn a_guard_that_a_job_forgets_ends_with_it() {
    let (pool, started) = counted(1, |builder| builder.keep_alive(Duration::MAX));
    for n in 0..20 {
        within(pool.submit(|| std::mem::forget(current::block())));
        assert_eq!(within(pool.submit(move || n)), n);
        assert!(pool.wait_idle_timeout(TEST_TIMEOUT));
    }
    pool.shutdown(true);
    let started = started.load(Ordering::SeqCst);
    assert!(started <= 2, "{started} threads");
}

impl<R: Runner + 'static> Scheduler<R> {
    fn living_threads(&self) -> usize {
        self.shared().map_or(0, |shared| shared.threads.lock().living.len())
    }

    fn has_work_for_another(&self) -> bool {
        self.shared().is_ok_and(|shared| shared.lock().workers.has_local_jobs())
    }
}

#[test]
fn refused_threads_name_sandboxes() {
    let text = |error: i32| no_thread(&std::io::Error::from_raw_os_error(error)).to_string();
    let (eperm, eagain) = (1, 11);
    assert!(text(eperm).contains("allow clone3(2)"), "{}", text(eperm));
    assert!(text(eagain).contains("raise the thread limit"), "{}", text(eagain));
}
