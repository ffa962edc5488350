//! The life of a job: the steps from each state to the next, and the questions about it.
//!
//! All of it runs under the lock of the cell, so no code of a user's may run here: each step returns what is to be dropped.

use std::mem::replace;
use std::sync::Arc;

use super::facts::{End, Facts};
use super::{Abort, Dispatch};
use crate::error::{JobError, JobName};
use crate::queue_id::QueueId;
use crate::status::{JobId, Status};
use crate::sync::ThreadId;

/// Where a job is in its life, and what it holds there.
///
/// Every waiting job has one, so it is small: the facts fill the room behind the tag, and what is larger than a pointer is boxed.
pub(super) struct Stage<P, O, T>(State<P, O, T>);

enum State<P, O, T> {
    Queued(Facts, P),
    /// That thread drops the payload; the outcome follows.
    Withdrawn(Facts, ThreadId),
    Running(Facts, BoxedAbort),
    /// A queue elsewhere has the payload, and may start it.
    Dispatched(Facts, Box<Dispatched>),
    Done(Facts, O),
    /// The same, decoded.
    Opened(Facts, T),
    Failed(Facts, Box<JobError>),
    Taken(Facts),
}

/// How to abort a job that runs. `None`: it looks by itself.
pub(super) type BoxedAbort = Option<Box<Arc<dyn Abort>>>;

/// The dispatch of a job, and the name for its error, since the payload is not here.
pub(super) struct Dispatched {
    dispatch: Arc<dyn Dispatch>,
    name: Option<JobName>,
}

impl Dispatched {
    pub(super) fn to(dispatch: Arc<dyn Dispatch>) -> Self {
        Self { dispatch, name: None }
    }

    /// The job's name, and the dispatch, to be dropped.
    pub(super) fn into_parts(self) -> (Arc<dyn Dispatch>, Option<JobName>) {
        (self.dispatch, self.name)
    }
}

/// `Queued` to `Running`.
#[must_use = "the payload is lost if it is not run"]
pub(super) enum Claim<P> {
    Claimed(P),
    Refused(BoxedAbort),
}

/// `Queued` to `Dispatched`.
#[must_use = "the payload is lost if it is not run"]
pub(super) enum Handover<P> {
    Given(P),
    Refused(Box<Dispatched>),
}

/// `Dispatched` to `Queued`.
#[must_use = "what is in it is to be dropped outside of the lock"]
pub(super) enum Return<P> {
    Back(Dispatched),
    Refused(P),
}

/// `Queued` or `Dispatched` to `Withdrawn`: what the job held.
#[must_use = "the outcome is to follow"]
pub(super) enum Withdrawal<P> {
    Queued(P),
    Dispatched(Dispatched),
}

/// `Running` or `Dispatched` to an outcome.
#[must_use = "the end is to be published"]
pub(super) enum Finish<P, O, T> {
    Ended(Leftovers<P, O, T>),
    TooLate(Result<O, JobError>),
}

/// An outcome to `Taken`.
#[must_use = "the outcome is lost if it is not used"]
pub(super) enum Take<O, T> {
    Raw(O),
    Opened(T),
    Failed(Box<JobError>),
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
    before: State<P, O, T>,
    unwanted: Option<Result<O, JobError>>,
}

impl<P, O, T> Leftovers<P, O, T> {
    /// Whether dropping it runs no code of a user's.
    pub(super) fn are_plain(&self) -> bool {
        matches!((&self.before, &self.unwanted), (State::Running(_, None), None))
    }
}

impl<P, O, T> State<P, O, T> {
    fn facts(&self) -> Facts {
        match *self {
            Self::Queued(facts, _)
            | Self::Withdrawn(facts, _)
            | Self::Running(facts, _)
            | Self::Dispatched(facts, _)
            | Self::Done(facts, _)
            | Self::Opened(facts, _)
            | Self::Failed(facts, _)
            | Self::Taken(facts) => facts,
        }
    }

    fn facts_mut(&mut self) -> &mut Facts {
        match self {
            Self::Queued(facts, _)
            | Self::Withdrawn(facts, _)
            | Self::Running(facts, _)
            | Self::Dispatched(facts, _)
            | Self::Done(facts, _)
            | Self::Opened(facts, _)
            | Self::Failed(facts, _)
            | Self::Taken(facts) => facts,
        }
    }
}

impl<P, O, T> Stage<P, O, T> {
    pub(super) fn queued(payload: P) -> Self {
        Self(State::Queued(Facts::default(), payload))
    }

    /// Whose queue the job waits in, or has waited in last.
    pub(super) fn queue_id(&self) -> Option<QueueId> {
        self.0.facts().queue_id()
    }

    pub(super) fn set_queue_id(&mut self, queue_id: QueueId) {
        self.0.facts_mut().set_queue_id(queue_id);
    }

    /// Whether the job's times are measured.
    pub(super) fn is_measured(&self) -> bool {
        self.0.facts().is_measured()
    }

    pub(super) fn set_measured(&mut self) {
        self.0.facts_mut().set_measured();
    }

    #[inline]
    pub(super) fn claim(&mut self, abort: BoxedAbort) -> Claim<P> {
        let State::Queued(facts, _) = self.0 else { return Claim::Refused(abort) };
        match replace(&mut self.0, State::Running(facts, abort)) {
            State::Queued(_, payload) => Claim::Claimed(payload),
            _ => unreachable!("it was queued"),
        }
    }

    pub(super) fn dispatch(
        &mut self,
        mut dispatched: Box<Dispatched>,
        name: impl FnOnce(&P) -> Option<JobName>,
    ) -> Handover<P> {
        if let State::Queued(_, payload) = &self.0 {
            dispatched.name = name(payload);
            Handover::Given(self.leave_queue(|facts| State::Dispatched(facts, dispatched)))
        } else {
            Handover::Refused(dispatched)
        }
    }

    pub(super) fn take_back(&mut self, id: JobId, payload: P) -> Return<P> {
        if self.is_revoked(id) {
            Return::Back(self.end_dispatch(|facts| State::Queued(facts, payload)))
        } else {
            Return::Refused(payload)
        }
    }

    /// Ends the job before it starts, on the thread `by`; [`conclude`](Self::conclude) is to follow. `None` if it has started, or ended.
    pub(super) fn withdraw(&mut self, id: JobId, by: ThreadId, is_cancel: bool) -> Option<Withdrawal<P>> {
        let withdrawn = |facts| State::Withdrawn(facts, by);
        let withdrawal = if self.is_waiting() {
            Withdrawal::Queued(self.leave_queue(withdrawn))
        } else if self.is_revoked(id) {
            Withdrawal::Dispatched(self.end_dispatch(withdrawn))
        } else {
            return None;
        };
        if is_cancel {
            self.0.facts_mut().set_end(End::NeverStarted);
        }
        Some(withdrawal)
    }

    /// Sets the outcome of a withdrawn job.
    pub(super) fn conclude(&mut self, error: JobError) -> Leftovers<P, O, T> {
        assert!(matches!(self.0, State::Withdrawn(..)), "only the thread that withdrew a job concludes it, once");
        self.set_outcome(Err(error))
    }

    /// The usual end: a job that runs has a result, and somebody may ask for it. Nothing is left to be dropped, so the stage is changed
    /// where it is. Returns the result otherwise.
    #[inline]
    pub(super) fn finish_plainly(&mut self, raw: O) -> Result<(), O> {
        match self.0 {
            State::Running(facts, None) if !facts.is_detached() => {
                self.0 = State::Done(facts, raw);
                Ok(())
            }
            _ => Err(raw),
        }
    }

    /// `name` is of a job whose payload is not here.
    pub(super) fn finish(
        &mut self,
        mut outcome: Result<O, JobError>,
        name: impl FnOnce() -> Option<JobName>,
    ) -> Finish<P, O, T> {
        match (&mut self.0, &mut outcome) {
            (State::Running(..), Err(error)) => error.add_name(name),
            (State::Dispatched(_, dispatched), Err(error)) => error.add_name(|| dispatched.name.take()),
            (State::Running(..) | State::Dispatched(..), Ok(_)) => {}
            _ => return Finish::TooLate(outcome),
        }
        Finish::Ended(self.set_outcome(outcome))
    }

    #[inline]
    pub(super) fn take(&mut self) -> Take<O, T> {
        if !self.has_ended() {
            return Take::Nothing;
        }
        let taken = State::Taken(self.0.facts());
        match replace(&mut self.0, taken) {
            State::Done(_, raw) => Take::Raw(raw),
            State::Opened(_, value) => Take::Opened(value),
            State::Failed(_, error) => Take::Failed(error),
            _ => Take::Nothing,
        }
    }

    /// Puts an outcome that was taken back, decoded.
    pub(super) fn put_back(&mut self, outcome: Result<T, Box<JobError>>) {
        assert!(matches!(self.0, State::Taken(_)), "only an outcome that was taken is put back");
        let facts = self.0.facts();
        self.0 = match outcome {
            Ok(value) => State::Opened(facts, value),
            Err(error) => State::Failed(facts, error),
        };
    }

    /// The future is gone. Takes the outcome, if the job has one.
    pub(super) fn detach(&mut self) -> Take<O, T> {
        self.0.facts_mut().set_detached();
        self.take()
    }

    /// The payload of a job that waits.
    pub(super) fn payload(&mut self) -> Option<&mut P> {
        if let State::Queued(_, payload) = &mut self.0 { Some(payload) } else { None }
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.0, State::Queued(..))
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.0, State::Done(..) | State::Opened(..) | State::Failed(..) | State::Taken(_))
    }

    /// Whether another thread than `me` drops the payload, and the outcome is to follow.
    pub(super) fn is_withdrawn_by_other(&self, me: ThreadId) -> bool {
        matches!(self.0, State::Withdrawn(_, by) if by != me)
    }

    /// Whether the job was cancelled before it started.
    pub(super) fn never_starts(&self) -> bool {
        self.0.facts().end() == End::NeverStarted
    }

    pub(super) fn status(&self, id: JobId) -> Status {
        match &self.0 {
            State::Queued(..) | State::Withdrawn(..) => Status::Queued,
            State::Running(..) => Status::Running,
            State::Dispatched(_, dispatched) => {
                if dispatched.dispatch.has_started(id) {
                    Status::Running
                } else {
                    Status::Queued
                }
            }
            ended if ended.facts().end() == End::Other => Status::Done,
            _ => Status::Cancelled,
        }
    }

    pub(super) fn stopper(&self) -> Stopper {
        match &self.0 {
            State::Running(_, None) => Stopper::Asked,
            State::Running(_, Some(abort)) => Stopper::Abort(Arc::clone(abort)),
            State::Dispatched(_, dispatched) => Stopper::Dispatch(Arc::clone(&dispatched.dispatch)),
            _ => Stopper::TooLate,
        }
    }

    #[inline]
    fn leave_queue(&mut self, next: impl FnOnce(Facts) -> State<P, O, T>) -> P {
        match self.replace(next) {
            State::Queued(_, payload) => payload,
            _ => unreachable!("only a job that waits leaves its queue"),
        }
    }

    /// Whether the job was dispatched, and never starts there: then the dispatch is over.
    fn is_revoked(&self, id: JobId) -> bool {
        matches!(&self.0, State::Dispatched(_, dispatched) if dispatched.dispatch.revoke(id))
    }

    fn end_dispatch(&mut self, next: impl FnOnce(Facts) -> State<P, O, T>) -> Dispatched {
        match self.replace(next) {
            State::Dispatched(_, dispatched) => *dispatched,
            _ => unreachable!("only a dispatched job has a dispatch"),
        }
    }

    #[inline]
    fn replace(&mut self, next: impl FnOnce(Facts) -> State<P, O, T>) -> State<P, O, T> {
        let next = next(self.0.facts());
        replace(&mut self.0, next)
    }

    fn set_outcome(&mut self, outcome: Result<O, JobError>) -> Leftovers<P, O, T> {
        assert!(!self.has_ended(), "a job ends once");
        let facts = self.0.facts_mut();
        if facts.end() == End::Other && matches!(outcome, Err(JobError::Cancelled(_))) {
            facts.set_end(End::Aborted);
        }
        let facts = *facts;
        let (state, unwanted) = match outcome {
            outcome if facts.is_detached() => (State::Taken(facts), Some(outcome)),
            Ok(raw) => (State::Done(facts, raw), None),
            Err(error) => (State::Failed(facts, Box::new(error)), None),
        };
        Leftovers { before: replace(&mut self.0, state), unwanted }
    }
}
