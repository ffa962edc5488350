//! A dispatched job, in every order of who starts it, cancels it, aborts it and takes it back.

use std::sync::Arc;

use loom::model;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::super::{Abort, Dispatch, Task};
use super::{JobCell, job};
use crate::error::JobError;
use crate::future::Future;
use crate::status::{JobId, Status};

/// A job's state word, as a process pool keeps it in memory shared with the worker.
pub(super) struct Word(AtomicUsize);

pub(super) const SENT: usize = 0;
pub(super) const STARTED: usize = 1;
pub(super) const DONE: usize = 2;
const REVOKED: usize = 3;
const ABORTED: usize = 4;

impl Word {
    pub(super) fn sent() -> Self {
        Self(AtomicUsize::new(SENT))
    }

    pub(super) fn change(&self, from: usize, to: usize) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Abort for Word {
    fn abort(&self, _: JobId) -> bool {
        self.change(STARTED, ABORTED)
    }
}

impl Dispatch for Word {
    fn revoke(&self, _: JobId) -> bool {
        self.change(SENT, REVOKED)
    }

    fn has_started(&self, _: JobId) -> bool {
        ![SENT, REVOKED].contains(&self.0.load(Ordering::Acquire))
    }
}

fn dispatched() -> (JobCell<u32>, Future<u32>, Arc<Word>) {
    let (cell, future, _) = job();
    let word = Arc::new(Word::sent());
    assert!(cell.dispatch(word.clone()).is_some());
    assert_eq!(future.status(), Status::Queued, "it has not started");
    (cell, future, word)
}

#[test]
fn a_start_or_a_cancel_wins() {
    model(|| {
        let (cell, future, word) = dispatched();
        let worker = thread::spawn(move || {
            let starts = word.change(SENT, STARTED);
            if starts {
                assert!(word.change(STARTED, DONE));
                cell.finish(Ok(7)).fire();
            }
            starts
        });
        let cancelled = future.cancel();
        if cancelled {
            assert_eq!(future.status(), Status::Cancelled, "at once, whatever the worker does");
        }
        let started = worker.join().unwrap();
        assert_ne!(started, cancelled);
        assert_eq!(future.cancel(), cancelled, "a later cancel says the same");
        match future.result() {
            Ok(7) => assert!(started),
            Err(JobError::Cancelled(_)) => assert!(cancelled),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_job_that_is_taken_back_waits_again_or_was_cancelled() {
    model(|| {
        let (cell, future, _gone) = job();
        let word = Arc::new(Word::sent());
        let payload = cell.dispatch(word).unwrap();
        let canceller = future.canceller();
        let other = thread::spawn(move || canceller.cancel());
        let is_back = cell.take_back(payload).is_ok();
        if is_back && let Some(payload) = cell.claim(None) {
            drop(payload);
            cell.clone().finish(Ok(7)).fire();
        }
        let cancelled = other.join().unwrap();
        assert!(is_back || cancelled, "it has not started, so one of them has it");
        match future.result() {
            Ok(7) => assert!(is_back && !cancelled),
            Err(JobError::Cancelled(_)) => assert!(cancelled),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn an_abort_or_the_result_wins() {
    model(|| {
        let (cell, future, word) = dispatched();
        let worker = thread::spawn(move || {
            if !word.change(SENT, STARTED) {
                return;
            }
            if word.change(STARTED, DONE) {
                cell.finish(Ok(7)).fire();
            } else {
                // It dies, and its parent says what it thinks of that.
                cell.finish(Err(JobError::cancelled())).fire();
            }
        });
        let aborted = future.abort();
        if aborted {
            assert_eq!(future.status(), Status::Cancelled);
        }
        worker.join().unwrap();
        match future.result() {
            Ok(7) => assert!(!aborted),
            Err(JobError::Cancelled(_)) => assert!(aborted),
            other => panic!("{other:?}"),
        }
    });
}
