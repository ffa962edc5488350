//! The specification: what an executor may do, as a machine with several next states where the laws leave a choice.
//!
//! A [`World`] is one state that the executor may be in. An [operation](World::after) leads to all the worlds that may come right after it; from
//! there an executor moves by itself, in [small steps](World::steps): it starts a job, ends one, lets a call return. Where no step is left it is
//! at rest. The driver holds the set of worlds that agree with all that it saw, and a law is broken when there is none.

mod calls;
mod jobs;
mod reach;
mod steps;

use std::collections::BTreeMap;

use executor_core::Rejection;

pub(crate) use calls::{Answer, Call, Until};
pub(crate) use reach::{Worlds, is_soon_raced, raced};

use super::op::{Act, Delay, JobNumber, Op};
use super::shape::{Ability, Full, Shape};

/// A state that an executor may be in.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) shape: Shape,
    pub(crate) jobs: BTreeMap<JobNumber, Job>,
    /// Those that wait for a worker, in the order in which they came.
    pub(crate) queue: Vec<JobNumber>,
    pub(crate) is_open: bool,
    pub(crate) has_pool: bool,
    pub(crate) has_handle: bool,
    /// On a manual executor, so much time has passed that what never was to be due may be.
    pub(crate) is_later: bool,
    /// The calls, by the number of the operation.
    pub(crate) calls: BTreeMap<usize, Call>,
    pub(crate) done: Done,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) act: Act,
    pub(crate) is_held: bool,
    pub(crate) life: Life,
    /// Whether its code has begun.
    pub(crate) ran: bool,
    /// Its submitter: only jobs of one submitter have an order.
    pub(crate) by: Submitter,
    pub(crate) future: Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Submitter {
    Script,
    Job(JobNumber),
    /// A thread that waited for a place, or the timer.
    Own(JobNumber),
}

/// The part of a job that the script holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Hold {
    /// Nothing yet, or it was given back.
    Nothing,
    Future,
    /// Its outcome alone is told: to a call that waits, or a callback.
    Outcome,
    /// No caller is told its outcome.
    Dropped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Life {
    /// Its parent has not submitted it yet.
    NotSubmitted,
    /// Its `submit` waits for a place.
    AwaitingSlot,
    Delayed(Delay),
    Queued,
    /// It had to make room for another, and is about to be told so.
    Displaced,
    Running,
    /// It runs on the thread that submitted it.
    Inline,
    /// It runs, and waits for its child: its worker is free for another.
    Awaiting,
    /// The same on the thread that submitted it.
    InlineAwaiting,
    Ended(End),
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Returned,
    Panicked,
    Crashed,
    Cancelled,
    Refused(Rejection),
    /// An end that no script can cause.
    Strange,
}

/// How many jobs came to which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Done {
    pub(crate) completed: u64,
    pub(crate) panicked: u64,
    pub(crate) cancelled: u64,
    pub(crate) crashed: u64,
    pub(crate) failed: u64,
}

impl Life {
    /// Whether its code has begun, and not come to its end.
    pub(crate) fn runs(self) -> bool {
        matches!(self, Self::Running | Self::Inline | Self::Awaiting | Self::InlineAwaiting)
    }

    /// Whether its `submit` has returned.
    fn is_submitted(self) -> bool {
        !matches!(self, Self::AwaitingSlot | Self::Inline | Self::InlineAwaiting)
    }
}

impl World {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            shape,
            jobs: BTreeMap::new(),
            queue: Vec::new(),
            is_open: true,
            has_pool: true,
            has_handle: shape.has(Ability::Handle),
            is_later: false,
            calls: BTreeMap::new(),
            done: Done::default(),
        }
    }

    pub(crate) fn life(&self, job: JobNumber) -> Option<Life> {
        self.jobs.get(&job).map(|job| job.life)
    }

    /// Whether the executor was given the job, and owes it an outcome.
    pub(crate) fn is_owed(&self, job: JobNumber) -> bool {
        matches!(self.life(job), Some(Life::Delayed(_) | Life::Queued | Life::Displaced))
            || self.life(job).is_some_and(Life::runs)
    }

    pub(crate) fn owed(&self) -> impl Iterator<Item = JobNumber> {
        self.jobs.keys().copied().filter(|&job| self.is_owed(job))
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.owed().next().is_none()
    }

    pub(crate) fn count(&self, is_it: impl Fn(Life) -> bool) -> usize {
        self.jobs.values().filter(|job| is_it(job.life)).count()
    }

    /// Whether the script has the future of the job, or something else to reach it by: not before its `submit` has returned.
    pub(crate) fn is_known(&self, job: JobNumber) -> bool {
        self.jobs.get(&job).is_some_and(|job| job.future != Hold::Nothing && job.life.is_submitted())
    }

    /// Those calls are done with, and matter no more.
    pub(crate) fn forget(&mut self, has_answered: impl Fn(usize) -> bool) {
        self.calls.retain(|&at, call| call.is_waiting() || !has_answered(at));
    }

    pub(crate) fn is_full(&self) -> Option<Full> {
        self.shape.full_at(self.queue.len())
    }

    /// All worlds that may come right after `op`, the operation of number `at`. `before` is the world when it was called: what others do at the
    /// same time is not known to it.
    pub(crate) fn after(mut self, at: usize, op: &Op, before: &Self) -> Vec<Self> {
        let target = op.target().filter(|&job| before.is_known(job));
        let call = match op {
            Op::Submit(..) | Op::TrySubmit(..) | Op::SubmitAfter(..) => return self.submit(at, op),
            // Lets the job go on, even if it does not wait yet.
            Op::Open(job) => {
                if let Some(job) = self.jobs.get_mut(job) {
                    job.is_held = false;
                }
                Call::ended(Answer::Done)
            }
            Op::RunNext => return self.run_next(at),
            Op::Advance => {
                self.all_due();
                Call::ended(Answer::Done)
            }
            Op::WaitIdle => Call::until(Until::Idle),
            Op::Shutdown(wait) => {
                self.close();
                if *wait { Call::until(Until::AllEnded) } else { Call::ended(Answer::Done) }
            }
            Op::DropPool => {
                self.close();
                self.has_pool = false;
                Call::until(Until::AllEnded)
            }
            Op::DropHandle => {
                self.has_handle = false;
                Call::ended(Answer::Done)
            }
            Op::ShutdownWith(policy) => {
                let had = self.owed().collect();
                self.close();
                Call::until(Until::Step(*policy, had))
            }
            Op::Race(_) => unreachable!("a race is taken apart first"),
            Op::Wait(_) | Op::CallBack(_) | Op::DropFuture(_) | Op::Cancel(_) | Op::Abort(_) | Op::Kill(_) => {
                match target {
                    Some(job) => self.act_on(job, op),
                    None => Call::ended(Answer::Skipped),
                }
            }
        };
        self.calls.insert(at, call);
        vec![self]
    }

    fn act_on(&mut self, job: JobNumber, op: &Op) -> Call {
        let hold = |this: &mut Self, hold| this.jobs.get_mut(&job).expect("it is known").future = hold;
        match op {
            Op::Wait(_) => {
                hold(self, Hold::Outcome);
                return Call::until(Until::Job(job));
            }
            Op::CallBack(_) => hold(self, Hold::Outcome),
            Op::DropFuture(_) => hold(self, Hold::Dropped),
            Op::Cancel(_) => return Call::ended(self.cancel(job)),
            Op::Abort(_) => return Call::ended(self.abort(job)),
            Op::Kill(_) => return Call::ended(self.kill(job)),
            _ => unreachable!("it is about no job"),
        }
        Call::ended(Answer::Done)
    }

    /// Takes no more jobs: those that wait for a place are refused.
    fn close(&mut self) {
        self.is_open = false;
        let knocking: Vec<_> =
            self.jobs.iter().filter(|(_, job)| job.life == Life::AwaitingSlot).map(|(&number, _)| number).collect();
        for job in knocking {
            self.refuse(job, Rejection::Shutdown);
        }
    }
}
