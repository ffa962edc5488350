//! Cancels, aborts and queries a job, for threads that do not run it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Cell;
use super::stage::{End, Stage};
use crate::control::Control;
use crate::error::JobError;
use crate::home::HomeId;
use crate::notify::{Captures, Notify, Signal};
use crate::panics::drop_quietly;
use crate::registry::{self, Leaving};
use crate::status::{JobId, Status};
use crate::sync::{Ordering, thread_id};
use crate::tally::Moment;

impl<P, O, T> Cell<P, O, T> {
    /// Ends a job that has not started. A queued payload is dropped before any thread can see the end. If the job was
    /// lent, the borrower drops the payload, perhaps later.
    fn withdraw_with(&self, error: JobError) -> Option<Signal> {
        self.withdraw_and(error, drop_quietly)
    }

    /// The same, and `dispose` is given the payload before anyone can see the end.
    fn withdraw_and(&self, error: JobError, dispose: impl FnOnce(Stage<P, O, T>)) -> Option<Signal> {
        let mut inner = self.inner.lock();
        let is_lent = match &inner.stage {
            Stage::Queued(_) => false,
            Stage::Lent(lease) if lease.revoke(self.id) => true,
            _ => return None,
        };
        let payload = std::mem::replace(&mut inner.stage, Stage::Withdrawn(thread_id()));
        if error.is_cancelled() {
            inner.end = End::NeverStarted;
            // Release: see `stop_requested`.
            self.stop.store(true, Ordering::Release);
        }
        let home = Leaving::begin(inner.home);
        drop(inner);
        dispose(payload);
        // Before the end can be seen: by then, its place in a bounded queue is free.
        if is_lent {
            home.revoked();
        } else {
            home.left();
        }
        let inner = self.inner.lock();
        let signal = self.publish(inner, Err(error), None);
        home.ended();
        Some(signal)
    }
}

impl<P: Send + 'static, O: Send + 'static, T: Send + 'static> Control for Cell<P, O, T> {
    fn is_waiting(&self) -> bool {
        matches!(self.inner.lock().stage, Stage::Queued(_))
    }

    fn move_to(&self, home: HomeId) -> bool {
        let mut inner = self.inner.lock();
        let is_waiting = matches!(inner.stage, Stage::Queued(_));
        if is_waiting {
            inner.home = Some(home);
        }
        is_waiting
    }

    fn home(&self) -> Option<HomeId> {
        self.inner.lock().home
    }

    fn waits_since(&self, when: Instant) {
        self.inner.lock().since = Moment::at(when);
    }

    fn took(&self, begun: Instant, ran: Duration) {
        let inner = self.inner.lock();
        let (home, since) = (inner.home, inner.since);
        drop(inner);
        if let (Some(home), Some(waited)) = (home, since.until(begun)) {
            registry::record(home, waited, ran);
        }
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
        if let Some(signal) = self.withdraw_with(JobError::Cancelled) {
            self.tell(signal);
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
        // Release: see `stop_requested`.
        self.stop.store(true, Ordering::Release);
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
                // Ended here, because the borrower may learn of the abort only later.
                if is_aborted && let Some(signal) = self.end(Err(JobError::Cancelled)) {
                    self.tell(signal);
                }
                is_aborted
            }
        }
    }

    fn fail(self: Arc<Self>, error: JobError) -> Option<Notify> {
        let signal = self.withdraw_with(error.clone()).or_else(|| self.end(Err(error)))?;
        Some(Notify::new(self, signal))
    }

    fn withdraw(self: Arc<Self>, error: JobError) -> Option<Notify> {
        let signal = self.withdraw_with(error)?;
        Some(Notify::new(self, signal))
    }

    fn expire(self: Arc<Self>, error: JobError) -> Option<(Notify, Captures)> {
        let mut captures = Captures::default();
        let signal = self.withdraw_and(error, |stage| {
            if let Stage::Queued(payload) = stage {
                captures = Captures::new(payload);
            }
        })?;
        Some((Notify::new(self, signal), captures))
    }

    fn stop_requested(&self) -> bool {
        // Acquire: a job that sees it sees what was done before the cancel or abort, such as the reason for it.
        self.stop.load(Ordering::Acquire)
    }
}
