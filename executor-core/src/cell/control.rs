//! What can be done to a job by others than those who run it.

use std::sync::Arc;

use super::stage::{End, Stage};
use super::{Cell, Control, Inner, Signal};
use crate::JobError;
use crate::home::{HomeId, Leaving};
use crate::panics::drop_quietly;
use crate::status::{JobId, Status};
use crate::sync::{MutexGuard, Ordering, thread_id};

impl<P, O, T> Cell<P, O, T> {
    /// Ends a job that has not started. The payload is dropped before anyone can see the end, so that a true from
    /// here means that nothing of the job is left.
    fn withdraw_with(&self, error: JobError) -> bool {
        let mut inner = self.inner.lock();
        if let Stage::Lent(lease) = &inner.stage {
            return lease.revoke(self.id) && self.withdraw_lent(inner, error);
        }
        let me = thread_id();
        let was = std::mem::replace(&mut inner.stage, Stage::Withdrawn(me));
        let Stage::Queued(payload) = was else {
            inner.stage = was;
            return false;
        };
        if error.is_cancelled() {
            inner.end = End::NeverStarted;
        }
        let home = Leaving::begin(inner.home.take());
        drop(inner);
        drop_quietly(payload);
        // Before the end can be seen: by then, its place in a bounded queue is free.
        home.left();
        let inner = self.inner.lock();
        let signal = self.publish(inner, Err(error));
        home.ended();
        self.tell(signal);
        true
    }

    /// Whoever it was lent to has dropped the payload, or will.
    fn withdraw_lent(&self, mut inner: MutexGuard<'_, Inner<P, O, T>>, error: JobError) -> bool {
        if error.is_cancelled() {
            inner.end = End::NeverStarted;
        }
        let signal = self.publish(inner, Err(error));
        self.tell(signal);
        true
    }

    fn end_here(&self, outcome: Result<O, JobError>) -> bool {
        let signal = self.end(outcome);
        let has_ended = signal.is_some();
        self.tell(signal.unwrap_or(Signal::Nobody));
        has_ended
    }
}

impl<P: Send, O: Send, T: Send> Control for Cell<P, O, T> {
    fn is_waiting(&self) -> bool {
        matches!(self.inner.lock().stage, Stage::Queued(_))
    }

    fn move_to(&self, home: HomeId) -> bool {
        let mut inner = self.inner.lock();
        inner.home = Some(home);
        matches!(inner.stage, Stage::Queued(_))
    }

    fn id(&self) -> JobId {
        self.id
    }

    fn status(&self) -> Status {
        let inner = self.inner.lock();
        match (&inner.stage, inner.end) {
            (Stage::Queued(_) | Stage::Withdrawn(_), _) => Status::Queued,
            (Stage::Running(_), _) => Status::Running,
            (Stage::Lent(lease), _) => {
                if lease.has_started(self.id) {
                    Status::Running
                } else {
                    Status::Queued
                }
            }
            (_, End::Other) => Status::Done,
            (_, End::NeverStarted | End::Aborted) => Status::Cancelled,
        }
    }

    fn cancel(&self) -> bool {
        if self.withdraw_with(JobError::Cancelled) {
            return true;
        }
        let mut inner = self.inner.lock();
        // Another thread may be dropping the payload: true must mean that it is gone. But a payload's own drop may
        // cancel its job, and must not wait for itself.
        while let Stage::Withdrawn(who) = inner.stage
            && who != thread_id()
        {
            inner = self.ended.wait(inner);
        }
        inner.end == End::NeverStarted
    }

    fn abort(&self) -> bool {
        if self.cancel() {
            return true;
        }
        // Relaxed: the flag carries no data; the job only looks whether it is set.
        self.stop.store(true, Ordering::Relaxed);
        let lease = match &self.inner.lock().stage {
            Stage::Running(None) => return true,
            Stage::Running(Some(abort)) => Ok(Arc::clone(abort)),
            Stage::Lent(lease) => Err(Arc::clone(lease)),
            _ => return false,
        };
        match lease {
            Ok(abort) => abort.abort(self.id),
            Err(lease) => {
                let is_aborted = lease.abort(self.id);
                if is_aborted {
                    // At once: whoever it was lent to may take a while to hear of it.
                    self.end_here(Err(JobError::Cancelled));
                }
                is_aborted
            }
        }
    }

    fn fail(&self, error: JobError) -> bool {
        if self.withdraw_with(error.clone()) {
            return true;
        }
        self.end_here(Err(error))
    }

    fn withdraw(&self, error: JobError) -> bool {
        self.withdraw_with(error)
    }

    fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
