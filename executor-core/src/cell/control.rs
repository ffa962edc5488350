//! Cancels, aborts and queries a job, for threads that do not run it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Cell;
use super::stage::{Stopper, Withdrawal};
use crate::control::{Control, QueuedControl};
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
    fn withdraw_and(&self, error: JobError, dispose: impl FnOnce(P)) -> Option<Signal> {
        let is_cancel = error.is_cancelled();
        let mut inner = self.inner.lock();
        let withdrawal = inner.stage.withdraw(self.id, thread_id(), is_cancel)?;
        if is_cancel {
            // Release: see `stop_requested`.
            self.stop.store(true, Ordering::Release);
        }
        let leaving = Leaving::begin(inner.home);
        drop(inner);
        // Its home is told before the end can be seen: by then, its place in a bounded queue is free.
        match withdrawal {
            Withdrawal::Queued(payload) => {
                dispose(payload);
                leaving.left();
            }
            Withdrawal::Lent(lease) => {
                drop_quietly(lease);
                leaving.revoked();
            }
        }
        let ending = registry::ending(Err(&error), None);
        let mut inner = self.inner.lock();
        let leftovers = inner.stage.conclude(error);
        registry::count(inner.home, ending, false);
        let signal = self.publish(inner, leftovers);
        leaving.ended();
        Some(signal)
    }
}

impl<P: Send + 'static, O: Send + 'static, T: Send + 'static> Control for Cell<P, O, T> {
    fn id(&self) -> JobId {
        self.id
    }

    fn status(&self) -> Status {
        self.inner.lock().stage.status(self.id)
    }

    fn cancel(&self) -> bool {
        if let Some(signal) = self.withdraw_with(JobError::Cancelled) {
            self.tell(signal);
            return true;
        }
        let mut inner = self.inner.lock();
        // Another thread may be dropping the payload: true must mean that it is gone. But a payload's own drop may
        // cancel its job, and must not wait for itself.
        while inner.stage.is_withdrawn_by_other(thread_id()) {
            inner = self.ended.wait(inner);
        }
        inner.stage.never_starts()
    }

    fn abort(&self) -> bool {
        if self.cancel() {
            return true;
        }
        // Release: see `stop_requested`.
        self.stop.store(true, Ordering::Release);
        let stopper = self.inner.lock().stage.stopper();
        match stopper {
            Stopper::Asked => true,
            Stopper::TooLate => false,
            Stopper::Abort(abort) => abort.abort(self.id),
            Stopper::Lease(lease) => {
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

    fn stop_requested(&self) -> bool {
        // Acquire: a job that sees it sees what was done before the cancel or abort, such as the reason for it.
        self.stop.load(Ordering::Acquire)
    }

    fn queued(self: Arc<Self>) -> Arc<dyn QueuedControl> {
        self
    }
}

impl<P: Send + 'static, O: Send + 'static, T: Send + 'static> QueuedControl for Cell<P, O, T> {
    fn withdraw(self: Arc<Self>, error: JobError) -> Option<Notify> {
        let signal = self.withdraw_with(error)?;
        Some(Notify::new(self, signal))
    }

    fn expire(self: Arc<Self>, error: JobError) -> Option<(Notify, Captures)> {
        let mut captures = Captures::default();
        let signal = self.withdraw_and(error, |payload| captures = Captures::new(payload))?;
        Some((Notify::new(self, signal), captures))
    }

    fn is_waiting(&self) -> bool {
        self.inner.lock().stage.is_waiting()
    }

    fn move_to(&self, home: HomeId) -> bool {
        let mut inner = self.inner.lock();
        let is_waiting = inner.stage.is_waiting();
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
}
