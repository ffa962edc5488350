//! Cancels, aborts and queries a job, for threads that do not run it.

use std::sync::Arc;
use std::time::Instant;

use super::Cell;
use super::stage::{Stopper, Withdrawal};
use crate::control::{Control, QueuedControl};
use crate::error::{JobError, Refused, Rejection};
use crate::job_counters::Moment;
use crate::notify::{Captures, Notify, Signal};
use crate::observe::job::JobDescription;
use crate::panics::drop_catching;
use crate::queue_id::QueueId;
use crate::registry::{self, Departure};
use crate::status::{JobId, Status};
use crate::sync::{Ordering, thread_id};

impl<P: 'static, O: 'static, T> Cell<P, O, T> {
    /// Ends a job that has not started. A queued payload is dropped before any thread can see the end. If the job was
    /// dispatched, the other side drops the payload, perhaps later.
    fn withdraw_with(&self, error: JobError) -> Option<Signal> {
        self.withdraw_and(error, drop_catching)
    }

    /// The same, and `dispose` is given the payload before anyone can see the end.
    fn withdraw_and(&self, mut error: JobError, dispose: impl FnOnce(P)) -> Option<Signal> {
        let is_cancel = error.is_cancelled();
        let mut inner = self.inner.lock();
        let withdrawal = inner.stage.withdraw(self.id, thread_id(), is_cancel)?;
        if is_cancel {
            // Release: see `stop_requested`.
            self.stop.store(true, Ordering::Release);
        }
        let departure = Departure::begin(inner.queue_id);
        drop(inner);
        // Its queue is told before the end can be seen: by then, its place in a bounded queue is free.
        match withdrawal {
            Withdrawal::Queued(payload) => {
                error.add_name(|| (self.kind.name_fn)(Some(&payload)));
                dispose(payload);
                departure.on_removed();
            }
            Withdrawal::Dispatched(dispatch, name) => {
                error.add_name(|| name);
                drop_catching(dispatch);
                departure.on_revoked();
            }
        }
        let ending = registry::ending(Err(&error), None);
        let mut inner = self.inner.lock();
        let leftovers = inner.stage.conclude(error);
        registry::count(inner.queue_id, ending, false);
        let signal = self.publish(inner, leftovers);
        departure.on_finished();
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
        if let Some(signal) = self.withdraw_with(JobError::cancelled()) {
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
            Stopper::Dispatch(dispatch) => {
                let is_aborted = dispatch.abort(self.id);
                // Ended here, because the other side may learn of the abort only later.
                if is_aborted {
                    if let Some(signal) = self.end(Err(JobError::cancelled())) {
                        self.tell(signal);
                    }
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

    fn refused(&self, reason: Rejection) -> Refused {
        let name = self.with_payload(|payload| (self.kind.name_fn)(Some(payload)));
        Refused::new(reason, name.unwrap_or_else(|| (self.kind.name_fn)(None)))
    }

    fn is_waiting(&self) -> bool {
        self.inner.lock().stage.is_waiting()
    }

    fn move_to(&self, queue_id: QueueId) -> bool {
        let mut inner = self.inner.lock();
        let is_waiting = inner.stage.is_waiting();
        if is_waiting {
            inner.queue_id = Some(queue_id);
        }
        is_waiting
    }

    fn queue_id(&self) -> Option<QueueId> {
        self.inner.lock().queue_id
    }

    fn mark_enqueued(&self, when: Instant) {
        self.inner.lock().since = Moment::at(when);
    }

    fn queued_at(&self) -> Option<Instant> {
        self.inner.lock().since.instant()
    }

    fn describe(&self) -> Option<JobDescription> {
        self.with_payload(|payload| (self.kind.describe)(payload)).flatten()
    }
}
