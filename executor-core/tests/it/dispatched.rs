//! Jobs that are dispatched to a queue elsewhere, which says what the test wants.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use executor_core::cell::{Abort, Cell, Dispatch, QueuedControl, Task};
use executor_core::{Future, JobId, Status};

/// Says of its job what it is told to say.
#[derive(Default)]
struct Dispatched {
    has_started: AtomicBool,
    asked_of: Mutex<Vec<JobId>>,
}

impl Abort for Dispatched {
    fn abort(&self, id: JobId) -> bool {
        self.asked_of.lock().unwrap().push(id);
        self.has_started.load(Ordering::SeqCst)
    }
}

impl Dispatch for Dispatched {
    fn revoke(&self, id: JobId) -> bool {
        self.asked_of.lock().unwrap().push(id);
        !self.has_started.load(Ordering::SeqCst)
    }

    fn has_started(&self, _: JobId) -> bool {
        self.has_started.load(Ordering::SeqCst)
    }
}

type JobCell = Arc<Cell<&'static str, u32, u32>>;

fn dispatched() -> (JobCell, Future<u32>, Arc<Dispatched>) {
    let cell: JobCell = Arc::new(Cell::queued("a parcel", Ok));
    let dispatch = Arc::new(Dispatched::default());
    assert_eq!(cell.dispatch(dispatch.clone()), Some("a parcel"));
    (cell.clone(), Future::of(cell), dispatch)
}

#[test]
fn a_dispatched_job_waits_until_it_has_started_there() {
    let (cell, future, dispatch) = dispatched();
    assert_eq!(future.status(), Status::Queued);
    assert!(!future.is_running() && !cell.is_waiting());
    assert!(cell.dispatch(dispatch.clone()).is_none() && cell.claim(None).is_none(), "it is not here");
    dispatch.has_started.store(true, Ordering::SeqCst);
    assert_eq!(future.status(), Status::Running);
    assert!(future.is_running());
    cell.finish(Ok(7)).fire();
    assert!(!future.is_running());
    assert_eq!(future.result().unwrap(), 7);
}

#[test]
fn a_dispatched_job_that_has_not_started_is_taken_back_and_waits_again() {
    let (cell, future, dispatch) = dispatched();
    assert_eq!(cell.take_back("the same"), Ok(()));
    assert_eq!(*dispatch.asked_of.lock().unwrap(), [future.id()]);
    assert!(cell.is_waiting());
    assert_eq!(cell.claim(None), Some("the same"));
    assert_eq!(cell.take_back("not dispatched"), Err("not dispatched"));
}

#[test]
fn a_dispatched_job_that_has_started_is_not_taken_back() {
    let (cell, future, dispatch) = dispatched();
    dispatch.has_started.store(true, Ordering::SeqCst);
    assert_eq!(cell.take_back("late"), Err("late"));
    assert!(future.is_running());
    assert!(!future.cancel() && future.is_running());
}

#[test]
fn a_dispatched_job_that_has_not_started_is_cancelled() {
    let (cell, future, _dispatch) = dispatched();
    assert!(future.cancel() && future.is_cancelled());
    assert_eq!(cell.take_back("late"), Err("late"));
}

#[test]
fn a_dispatched_job_that_has_started_is_aborted_at_once() {
    let (cell, future, dispatch) = dispatched();
    dispatch.has_started.store(true, Ordering::SeqCst);
    assert!(future.abort() && future.is_cancelled());
    assert!(!cell.finish(Ok(7)).is_callback());
    assert!(!future.cancel(), "it had started");
    assert!(future.result().unwrap_err().is_cancelled());
}
