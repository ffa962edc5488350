//! Cancels, aborts and queries a job, for threads that do not run it.

use std::sync::Arc;
use std::time::Instant;

use super::stage::{Stopper, Withdrawal};
use super::{Cell, Kind};
use crate::control::{Control, QueuedControl};
use crate::error::{JobError, Refused, Rejection};
use crate::job_counters::Moment;
use crate::notify::{Captures, Notify, Signal};
use crate::observe::job::JobDescription;
use crate::panics::drop_catching;
use crate::queue_id::QueueId;
use crate::registry::{self, Departure};
use crate::status::{JobId, Status};
use crate::sync::thread_id;

impl<P: 'static, O: 'static, T, K: Kind<P, O, T>> Cell<P, O, T, K> {
    /// Ends a job that has not started. A queued payload is dropped before any thread can see the end. If the job was
    /// dispatched, the other side drops the payload, perhaps later.
    fn withdraw_with(&self, error: JobError) -> Option<Signal> {
        self.withdraw_and(error, |payload, _| drop_catching(payload), &mut Captures::default())
    }

    /// The same, and `dispose` is given the payload before anyone can see the end. A pointer, so that this is compiled once.
    fn withdraw_and(
        &self,
        mut error: JobError,
        dispose: fn(P, &mut Captures),
        captures: &mut Captures,
    ) -> Option<Signal> {
        let is_cancel = error.is_cancelled();
        let mut inner = self.inner.lock();
        let withdrawal = inner.stage.withdraw(self.word.id(), thread_id(), is_cancel)?;
        if is_cancel {
            self.word.request_stop();
        }
        let departure = Departure::begin(inner.stage.queue_id());
        drop(inner);
        // Its queue is told before the end can be seen: by then, its place in a bounded queue is free.
        match withdrawal {
            Withdrawal::Queued(payload) => {
                error.add_name(|| self.kind.name(Some(&payload)));
                dispose(payload, captures);
                departure.on_removed();
            }
            Withdrawal::Dispatched(dispatched) => {
                let (dispatch, name) = dispatched.into_parts();
                error.add_name(|| name);
                drop_catching(dispatch);
                departure.on_revoked();
            }
        }
        let ending = registry::ending(Err(&error), None);
        let mut inner = self.inner.lock();
        let leftovers = inner.stage.conclude(error);
        registry::count(inner.stage.queue_id(), ending, false);
        let signal = self.publish(inner, leftovers).wake();
        departure.on_finished();
        Some(signal)
    }
}

impl<P, O, T, K> Control for Cell<P, O, T, K>
where
    P: Send + 'static,
    O: Send + 'static,
    T: Send + 'static,
    K: Kind<P, O, T> + 'static,
{
    fn id(&self) -> JobId {
        self.word.id()
    }

    fn status(&self) -> Status {
        self.inner.lock().stage.status(self.word.id())
    }

    fn is_done(&self) -> bool {
        if cfg!(loom) {
            // Loom asserts that it can order all stores of a word, which "sometimes fails" where the word is read this often.
            return self.inner.lock().stage.has_ended();
        }
        self.word.has_ended()
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
            let sleepers = inner.extra().sleepers.get_or_insert_default().clone();
            inner = sleepers.wait(inner);
        }
        inner.stage.never_starts()
    }

    fn abort(&self) -> bool {
        if self.cancel() {
            return true;
        }
        let stopper = {
            let inner = self.inner.lock();
            self.word.request_stop();
            inner.stage.stopper()
        };
        match stopper {
            Stopper::Asked => true,
            Stopper::TooLate => false,
            Stopper::Abort(abort) => abort.abort(self.word.id()),
            Stopper::Dispatch(dispatch) => {
                let is_aborted = dispatch.abort(self.word.id());
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
        self.word.stop_requested()
    }

    fn queued(self: Arc<Self>) -> Arc<dyn QueuedControl> {
        self
    }
}

impl<P, O, T, K> QueuedControl for Cell<P, O, T, K>
where
    P: Send + 'static,
    O: Send + 'static,
    T: Send + 'static,
    K: Kind<P, O, T> + 'static,
{
    fn withdraw(self: Arc<Self>, error: JobError) -> Option<Notify> {
        let signal = self.withdraw_with(error)?;
        Some(Notify::new(self, signal))
    }

    fn expire(self: Arc<Self>, error: JobError) -> Option<(Notify, Captures)> {
        let mut captures = Captures::default();
        let keep = |payload, captures: &mut Captures| *captures = Captures::new(payload);
        let signal = self.withdraw_and(error, keep, &mut captures)?;
        Some((Notify::new(self, signal), captures))
    }

    fn refused(&self, reason: Rejection) -> Refused {
        let name = self.with_payload(|payload| self.kind.name(Some(payload)));
        Refused::new(reason, name.unwrap_or_else(|| self.kind.name(None)))
    }

    fn is_waiting(&self) -> bool {
        self.inner.lock().stage.is_waiting()
    }

    fn move_to(&self, queue_id: QueueId) -> bool {
        let mut inner = self.inner.lock();
        let is_waiting = inner.stage.is_waiting();
        if is_waiting {
            inner.stage.set_queue_id(queue_id);
        }
        is_waiting
    }

    fn queue_id(&self) -> Option<QueueId> {
        self.inner.lock().stage.queue_id()
    }

    fn mark_enqueued(&self, when: Instant) {
        let mut inner = self.inner.lock();
        inner.stage.set_measured();
        *self.since_mut(&mut inner) = Moment::at(when);
    }

    fn queued_at(&self) -> Option<Instant> {
        let mut inner = self.inner.lock();
        if inner.stage.is_measured() { self.since_mut(&mut inner).instant() } else { None }
    }

    fn describe(&self) -> Option<JobDescription> {
        self.with_payload(|payload| self.kind.describe(payload)).flatten()
    }
}
