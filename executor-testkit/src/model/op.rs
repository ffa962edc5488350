//! The operations of a script, as data that prints as the code that makes it.

use std::fmt;

use executor_core::ShutdownStep;
use serde::{Deserialize, Serialize};

/// The number of a job in a script.
pub type JobNumber = u32;

/// The action of a job once it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Act {
    /// Returns its number.
    Return,
    /// Panics, without the panic hook's noise.
    Panic,
    /// Kills the process that it runs in. For pools of processes.
    Crash,
    /// Submits this job, which returns its number, and returns without waiting.
    Submit(JobNumber),
    /// Submits this job, which returns its number, waits for it, and returns.
    SubmitAndWait(JobNumber),
}

impl Act {
    /// Holds the job before this action, until the script [opens](super::Script::open) the job.
    pub fn held(self) -> Work {
        Work { act: self, is_held: true }
    }

    /// The job that it submits.
    pub(crate) fn child(self) -> Option<JobNumber> {
        match self {
            Self::Submit(child) | Self::SubmitAndWait(child) => Some(child),
            _ => None,
        }
    }
}

/// The action of a job, and whether the job is held first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Work {
    pub(crate) act: Act,
    pub(crate) is_held: bool,
}

impl From<Act> for Work {
    fn from(act: Act) -> Self {
        Self { act, is_held: false }
    }
}

/// When a delayed job is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delay {
    /// A millisecond later.
    Soon,
    /// Not while the script runs.
    Never,
}

/// A shutdown policy of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Runs all accepted jobs.
    Drain,
    /// Cancels the jobs that have not started.
    CancelPending,
    /// Cancels the jobs that have not started, and stops those that run.
    Kill,
    /// Drains with a limit of zero: queued jobs are cancelled at once, running jobs are stopped.
    DrainNow,
    /// Cancels the jobs that have not started, and stops those that run after a limit of zero.
    CancelPendingNow,
}

impl Policy {
    pub(crate) const ALL: [Self; 5] =
        [Self::Drain, Self::CancelPending, Self::Kill, Self::DrainNow, Self::CancelPendingNow];

    /// The first step of the shutdown.
    pub(crate) fn step(self) -> ShutdownStep {
        match self {
            Self::Drain | Self::DrainNow => ShutdownStep::Drain,
            Self::CancelPending | Self::CancelPendingNow => ShutdownStep::CancelPending,
            Self::Kill => ShutdownStep::Kill,
        }
    }

    /// Whether it waits for nothing.
    pub(crate) fn is_at_once(self) -> bool {
        matches!(self, Self::DrainNow | Self::CancelPendingNow)
    }
}

/// One thing that is done to an executor, or several at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Submit(JobNumber, Work),
    TrySubmit(JobNumber, Work),
    SubmitAfter(JobNumber, Delay, Work),
    Open(JobNumber),
    Wait(JobNumber),
    CallBack(JobNumber),
    DropFuture(JobNumber),
    Cancel(JobNumber),
    Abort(JobNumber),
    Kill(JobNumber),
    WaitIdle,
    Shutdown(bool),
    ShutdownWith(Policy),
    DropPool,
    DropHandle,
    RunNext,
    Advance,
    Race(Vec<Op>),
}

impl Op {
    /// The job that it hands over, what that does, and so what that hands over in turn.
    pub(crate) fn submitted(&self) -> Option<(JobNumber, Work)> {
        match *self {
            Self::Submit(job, work) | Self::TrySubmit(job, work) | Self::SubmitAfter(job, _, work) => Some((job, work)),
            _ => None,
        }
    }

    /// The job, known from before, that it is about.
    pub(crate) fn target(&self) -> Option<JobNumber> {
        match *self {
            Self::Open(job)
            | Self::Wait(job)
            | Self::CallBack(job)
            | Self::DropFuture(job)
            | Self::Cancel(job)
            | Self::Abort(job)
            | Self::Kill(job) => Some(job),
            _ => None,
        }
    }

    /// The job that it submits, and what that submits, have numbers that are so much higher.
    pub(crate) fn renumber(&mut self, more: JobNumber) {
        let (Self::Submit(job, work) | Self::TrySubmit(job, work) | Self::SubmitAfter(job, _, work)) = self else {
            return;
        };
        *job += more;
        if let Act::Submit(child) | Act::SubmitAndWait(child) = &mut work.act {
            *child += more;
        }
    }

    /// Whether it runs jobs of a manual executor, or moves its clock, on the thread that calls it.
    pub(crate) fn drives(&self) -> bool {
        matches!(
            self,
            Self::Wait(_)
                | Self::WaitIdle
                | Self::Shutdown(true)
                | Self::ShutdownWith(_)
                | Self::DropPool
                | Self::RunNext
                | Self::Advance
        )
    }

    /// The operations that run at the same time: the parts of a race, or this alone.
    pub(crate) fn parts(&self) -> &[Self] {
        match self {
            Self::Race(parts) => parts,
            one => std::slice::from_ref(one),
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Act::{:?}{}", self.act, if self.is_held { ".held()" } else { "" })
    }
}

/// The call that adds it to a [`Script`](super::Script).
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submit(job, work) => write!(f, ".submit({job}, {work})"),
            Self::TrySubmit(job, work) => write!(f, ".try_submit({job}, {work})"),
            Self::SubmitAfter(job, delay, work) => write!(f, ".submit_after({job}, Delay::{delay:?}, {work})"),
            Self::Open(job) => write!(f, ".open({job})"),
            Self::Wait(job) => write!(f, ".wait({job})"),
            Self::CallBack(job) => write!(f, ".on_done({job})"),
            Self::DropFuture(job) => write!(f, ".drop_future({job})"),
            Self::Cancel(job) => write!(f, ".cancel({job})"),
            Self::Abort(job) => write!(f, ".abort({job})"),
            Self::Kill(job) => write!(f, ".kill_worker_of({job})"),
            Self::WaitIdle => f.write_str(".wait_idle()"),
            Self::Shutdown(wait) => write!(f, ".shutdown({wait})"),
            Self::ShutdownWith(policy) => write!(f, ".shutdown_with(Policy::{policy:?})"),
            Self::DropPool => f.write_str(".drop_pool()"),
            Self::DropHandle => f.write_str(".drop_handle()"),
            Self::RunNext => f.write_str(".run_next()"),
            Self::Advance => f.write_str(".advance()"),
            Self::Race(parts) => {
                f.write_str(".race(|race| race")?;
                parts.iter().try_for_each(|part| part.fmt(f))?;
                f.write_str(")")
            }
        }
    }
}
