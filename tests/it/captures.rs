//! What a job captured goes with the job: when it is cancelled, when it ends, and when it is refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use executor::{ClosureExecutor, Executor, Future, JobError, ThreadPool, current};

use crate::support::gate::block;
use crate::support::kinds::on_every_closure_executor;

on_every_closure_executor![
    what_a_cancelled_job_captured_is_gone_when_cancel_returns,
    what_a_job_captured_is_gone_when_its_result_is_there,
    what_a_refused_job_captured_is_gone,
    the_result_of_a_dropped_future_is_dropped,
    an_aborted_job_is_asked_to_stop,
    a_guard_asks_a_running_job_to_stop_when_it_is_dropped,
];

fn what_a_cancelled_job_captured_is_gone_when_cancel_returns<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let hold = block(&pool);
    let token = Arc::new(());
    let submit_with = |token: &Arc<()>| {
        let token = token.clone();
        pool.submit(move || drop(token))
    };
    let futures: Vec<_> = (0..20).map(|_| submit_with(&token)).collect();
    assert_eq!(Arc::strong_count(&token), 21);
    for (n, future) in futures.iter().enumerate() {
        assert!(future.cancel());
        assert_eq!(Arc::strong_count(&token), 20 - n);
    }
    drop(hold);
}

fn what_a_job_captured_is_gone_when_its_result_is_there<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    for _ in 0..200 {
        let token = Arc::new(());
        let captured = token.clone();
        pool.submit(move || assert_eq!(Arc::strong_count(&captured), 2)).result().unwrap();
        assert_eq!(Arc::strong_count(&token), 1);
    }
}

fn what_a_refused_job_captured_is_gone<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    pool.shutdown(true);
    let token = Arc::new(());
    let captured = token.clone();
    let future = pool.submit(move || drop(captured));
    assert_eq!(Arc::strong_count(&token), 1);
    assert!(matches!(future.result(), Err(JobError::Rejected(_))));
}

fn the_result_of_a_dropped_future_is_dropped<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let token = Arc::new(());
    for _ in 0..100 {
        let captured = token.clone();
        drop(pool.submit(move || captured));
    }
    pool.shutdown(true);
    assert_eq!(Arc::strong_count(&token), 1);
}

fn job_that_stops_when_asked(started: mpsc::Sender<()>, asked: Arc<AtomicBool>) -> impl FnOnce() -> u32 + Send {
    move || {
        started.send(()).unwrap();
        while !current::stop_requested() {
            std::thread::yield_now();
        }
        asked.store(true, Ordering::SeqCst);
        7
    }
}

fn an_aborted_job_is_asked_to_stop<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let (started, starts) = mpsc::channel();
    let future = pool.submit(job_that_stops_when_asked(started, Arc::default()));
    starts.recv().unwrap();
    assert!(future.abort());
    assert_eq!(future.result().unwrap(), 7, "it ends as it likes");
}

fn a_guard_asks_a_running_job_to_stop_when_it_is_dropped<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let (started, starts) = mpsc::channel();
    let asked = Arc::new(AtomicBool::new(false));
    let guard = pool.submit(job_that_stops_when_asked(started, asked.clone())).abort_on_drop();
    starts.recv().unwrap();
    drop(guard);
    pool.shutdown(true);
    assert!(asked.load(Ordering::SeqCst));
}

#[test]
fn a_refused_job_comes_back_unharmed() {
    let pool = ThreadPool::new(1);
    pool.shutdown(false);
    let token = Arc::new(());
    let captured = token.clone();
    let rejected = pool.try_submit(move || Arc::strong_count(&captured)).unwrap_err();
    assert_eq!(Arc::strong_count(&token), 2);
    assert_eq!(rejected.into_job()(), 2);
    let boxed: Box<dyn Executor<fn() -> u32>> = Box::new(pool);
    let future: Future<u32> = boxed.submit(|| 1);
    assert!(future.result().is_err());
}
