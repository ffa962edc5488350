//! The life of a job: the steps from each state to the next, and the questions about it.
//!
//! All of it runs under the lock of the cell, so no code of a user's may run here: each step returns what is to be dropped.

use std::mem::replace;
use std::sync::Arc;

use super::{Abort, Dispatch, NameFn};
use crate::error::{JobError, JobName};
use crate::status::{JobId, Status};
use crate::sync::ThreadId;

/// Where a job is in its life, and what it holds there.
pub(super) struct Stage<P, O, T> {
    state: State<P, O, T>,
    end: End,
    /// The future is gone: the outcome will not be taken.
    is_detached: bool,
}

enum State<P, O, T> {
    Queued(P),
    /// That thread drops the payload; the outcome follows.
    Withdrawn(ThreadId),
    Running(Option<Arc<dyn Abort>>),
    /// A queue elsewhere has the payload, and may start it. The name is for the job's error, since the payload is not here.
    Dispatched(Arc<dyn Dispatch>, Option<JobName>),
    Ended(Result<O, JobError>),
    Opened(Result<T, JobError>),
    Taken,
}

/// The kind of an outcome, kept after the outcome was taken.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Other,
    /// Cancelled before it started: only then is `cancel` true.
    NeverStarted,
    Aborted,
}

/// `Queued` to `Running`.
#[must_use = "the payload is lost if it is not run"]
pub(super) enum Claim<P> {
    Claimed(P),
    Refused(Option<Arc<dyn Abort>>),
}

/// `Queued` to `Dispatched`.
#[must_use = "the payload is lost if it is not run"]
pub(super) enum Handover<P> {
    Given(P),
    Refused(Arc<dyn Dispatch>),
}

/// `Dispatched` to `Queued`.
#[must_use = "what is in it is to be dropped outside of the lock"]
pub(super) enum Return<P> {
    Back(Arc<dyn Dispatch>),
    Refused(P),
}

/// `Queued` or `Dispatched` to `Withdrawn`: what the job held.
#[must_use = "the outcome is to follow"]
pub(super) enum Withdrawal<P> {
    Queued(P),
    Dispatched(Arc<dyn Dispatch>, Option<JobName>),
}

/// `Running` or `Dispatched` to `Ended`.
#[must_use = "the end is to be published"]
pub(super) enum Finish<P, O, T> {
    Ended(Leftovers<P, O, T>),
    TooLate(Result<O, JobError>),
}

/// `Ended` or `Opened` to `Taken`.
#[must_use = "the outcome is lost if it is not used"]
pub(super) enum Take<O, T> {
    Raw(Result<O, JobError>),
    Opened(Result<T, JobError>),
    Nothing,
}

/// The way to abort a job that has not ended.
#[must_use = "asked for to be called"]
pub(super) enum Stopper {
    /// It looks by itself whether it should stop.
    Asked,
    Abort(Arc<dyn Abort>),
    Dispatch(Arc<dyn Dispatch>),
    TooLate,
}

/// Values that an end leaves to be dropped: the state before it, and the outcome if the future is gone.
#[must_use = "what is in it is to be dropped outside of the lock"]
pub(super) struct Leftovers<P, O, T> {
    _before: State<P, O, T>,
    _unwanted: Option<Result<O, JobError>>,
}

impl<P, O, T> Stage<P, O, T> {
    pub(super) fn queued(payload: P) -> Self {
        Self { state: State::Queued(payload), end: End::Other, is_detached: false }
    }

    /// Of a job that ended without a queue.
    pub(super) fn ended(outcome: Result<T, JobError>) -> Self {
        let end = if matches!(outcome, Err(JobError::Cancelled(_))) { End::NeverStarted } else { End::Other };
        Self { state: State::Opened(outcome), end, is_detached: false }
    }

    pub(super) fn claim(&mut self, abort: Option<Arc<dyn Abort>>) -> Claim<P> {
        if self.is_waiting() { Claim::Claimed(self.leave_queue(State::Running(abort))) } else { Claim::Refused(abort) }
    }

    pub(super) fn dispatch(&mut self, dispatch: Arc<dyn Dispatch>, name_fn: NameFn<P>) -> Handover<P> {
        if let State::Queued(payload) = &self.state {
            let name = name_fn(Some(payload));
            Handover::Given(self.leave_queue(State::Dispatched(dispatch, name)))
        } else {
            Handover::Refused(dispatch)
        }
    }

    pub(super) fn take_back(&mut self, id: JobId, payload: P) -> Return<P> {
        if self.is_revoked(id) {
            Return::Back(self.end_dispatch(State::Queued(payload)).0)
        } else {
            Return::Refused(payload)
        }
    }

    /// Ends the job before it starts, on the thread `by`; [`conclude`](Self::conclude) is to follow. `None` if it has started, or ended.
    pub(super) fn withdraw(&mut self, id: JobId, by: ThreadId, is_cancel: bool) -> Option<Withdrawal<P>> {
        let withdrawal = if self.is_waiting() {
            Withdrawal::Queued(self.leave_queue(State::Withdrawn(by)))
        } else if self.is_revoked(id) {
            let (dispatch, name) = self.end_dispatch(State::Withdrawn(by));
            Withdrawal::Dispatched(dispatch, name)
        } else {
            return None;
        };
        if is_cancel {
            self.end = End::NeverStarted;
        }
        Some(withdrawal)
    }

    /// Sets the outcome of a withdrawn job.
    pub(super) fn conclude(&mut self, error: JobError) -> Leftovers<P, O, T> {
        assert!(matches!(self.state, State::Withdrawn(_)), "only the thread that withdrew a job concludes it, once");
        self.set_outcome(Err(error))
    }

    pub(super) fn finish(&mut self, mut outcome: Result<O, JobError>, name_fn: NameFn<P>) -> Finish<P, O, T> {
        match (&mut self.state, &mut outcome) {
            (State::Running(_), Err(error)) => error.add_name(|| name_fn(None)),
            (State::Dispatched(_, name), Err(error)) => error.add_name(|| name.take()),
            (State::Running(_) | State::Dispatched(..), Ok(_)) => {}
            _ => return Finish::TooLate(outcome),
        }
        Finish::Ended(self.set_outcome(outcome))
    }

    pub(super) fn take(&mut self) -> Take<O, T> {
        if !matches!(self.state, State::Ended(_) | State::Opened(_)) {
            return Take::Nothing;
        }
        match replace(&mut self.state, State::Taken) {
            State::Ended(raw) => Take::Raw(raw),
            State::Opened(outcome) => Take::Opened(outcome),
            _ => unreachable!("only an outcome is taken"),
        }
    }

    /// Puts an outcome that was taken back, decoded: `Taken` to `Opened`.
    pub(super) fn put_back(&mut self, outcome: Result<T, JobError>) {
        assert!(matches!(self.state, State::Taken), "only an outcome that was taken is put back");
        self.state = State::Opened(outcome);
    }

    /// The future is gone. Takes the outcome, if the job has one.
    pub(super) fn detach(&mut self) -> Take<O, T> {
        self.is_detached = true;
        self.take()
    }

    /// The payload of a job that waits.
    pub(super) fn payload(&mut self) -> Option<&mut P> {
        if let State::Queued(payload) = &mut self.state { Some(payload) } else { None }
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Queued(_))
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended(_) | State::Opened(_) | State::Taken)
    }

    /// Whether another thread than `me` drops the payload, and the outcome is to follow.
    pub(super) fn is_withdrawn_by_other(&self, me: ThreadId) -> bool {
        matches!(self.state, State::Withdrawn(by) if by != me)
    }

    /// Whether the job was cancelled before it started.
    pub(super) fn never_starts(&self) -> bool {
        self.end == End::NeverStarted
    }

    pub(super) fn status(&self, id: JobId) -> Status {
        match (&self.state, self.end) {
            (State::Queued(_) | State::Withdrawn(_), _) => Status::Queued,
            (State::Running(_), _) => Status::Running,
            (State::Dispatched(dispatch, _), _) => {
                if dispatch.has_started(id) {
                    Status::Running
                } else {
                    Status::Queued
                }
            }
            (_, End::Other) => Status::Done,
            (_, End::NeverStarted | End::Aborted) => Status::Cancelled,
        }
    }

    pub(super) fn stopper(&self) -> Stopper {
        match &self.state {
            State::Running(None) => Stopper::Asked,
            State::Running(Some(abort)) => Stopper::Abort(Arc::clone(abort)),
            State::Dispatched(dispatch, _) => Stopper::Dispatch(Arc::clone(dispatch)),
            _ => Stopper::TooLate,
        }
    }

    fn leave_queue(&mut self, next: State<P, O, T>) -> P {
        match replace(&mut self.state, next) {
            State::Queued(payload) => payload,
            _ => unreachable!("only a job that waits leaves its queue"),
        }
    }

    /// Whether the job was dispatched, and never starts there: then the dispatch is over.
    fn is_revoked(&self, id: JobId) -> bool {
        matches!(&self.state, State::Dispatched(dispatch, _) if dispatch.revoke(id))
    }

    fn end_dispatch(&mut self, next: State<P, O, T>) -> (Arc<dyn Dispatch>, Option<JobName>) {
        match replace(&mut self.state, next) {
            State::Dispatched(dispatch, name) => (dispatch, name),
            _ => unreachable!("only a dispatched job has a dispatch"),
        }
    }

    fn set_outcome(&mut self, outcome: Result<O, JobError>) -> Leftovers<P, O, T> {
        assert!(!self.has_ended(), "a job ends once");
        if self.end == End::Other && matches!(outcome, Err(JobError::Cancelled(_))) {
            self.end = End::Aborted;
        }
        let (state, unwanted) =
            if self.is_detached { (State::Taken, Some(outcome)) } else { (State::Ended(outcome), None) };
        Leftovers { _before: replace(&mut self.state, state), _unwanted: unwanted }
    }
}
