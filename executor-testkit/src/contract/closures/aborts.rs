//! A job that runs is asked to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use executor_core::{ClosureExecutor, current};

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

pub fn an_aborted_job_is_asked_to_stop<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let (started, starts) = mpsc::channel();
    let future = pool.submit(job_that_stops_when_asked(started, Arc::default()));
    starts.recv().unwrap();
    assert!(future.abort());
    assert_eq!(future.result().unwrap(), 7, "it ends as it likes");
}

pub fn a_guard_asks_a_running_job_to_stop_when_it_is_dropped<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let (started, starts) = mpsc::channel();
    let asked = Arc::new(AtomicBool::new(false));
    let guard = pool.submit(job_that_stops_when_asked(started, asked.clone())).abort_on_drop();
    starts.recv().unwrap();
    drop(guard);
    pool.shutdown(true);
    assert!(asked.load(Ordering::SeqCst));
}
