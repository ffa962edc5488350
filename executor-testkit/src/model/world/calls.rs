//! Calls: what they wait for, and what they answer.

use std::collections::BTreeSet;

use executor_core::ShutdownStep;

use super::super::op::{Delay, JobNumber, Policy};
use super::super::shape::Ability;
use super::{End, Life, World};

/// A call that was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    /// It waits.
    Waits(Until),
    /// It has returned.
    Returned(Answer),
}

/// The condition that a call waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Until {
    /// A shutdown: until every accepted job has its outcome.
    AllEnded,
    /// A shutdown with a policy: until it has done with the jobs as that says. It tells what became of those that there were.
    Step(Policy, BTreeSet<JobNumber>),
    /// Until its time is up, which it is.
    Late(BTreeSet<JobNumber>),
    /// Until every accepted job has its outcome, which it tells.
    Report(BTreeSet<JobNumber>),
    /// For nothing: it is about to tell how far the jobs have come.
    ReportNow(BTreeSet<JobNumber>),
    /// Until nothing is queued, delayed or running.
    Idle,
    /// Until this job has its outcome.
    Job(JobNumber),
    /// Until this job, which the call runs, has its outcome.
    Ran(JobNumber),
    /// A submit: until this job has a place, or has run here, or is refused.
    Place(JobNumber),
}

/// The answer of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// Nothing: it is done.
    Done,
    /// True or false, as `cancel` and `abort` do.
    Said(bool),
    /// How the jobs ended at a shutdown.
    Report { completed: usize, failed: usize, cancelled: usize, still_running: usize },
    /// It was not called: there was no future to call it on.
    Skipped,
}

impl Call {
    pub(super) fn ended(answer: Answer) -> Self {
        Self::Returned(answer)
    }

    pub(super) fn until(until: Until) -> Self {
        Self::Waits(until)
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self, Self::Waits(_))
    }
}

impl World {
    /// The call's answer, if the call may return now.
    pub(super) fn answer_to(&self, until: &Until) -> Option<Answer> {
        match until {
            Until::AllEnded | Until::Idle => self.is_idle().then_some(Answer::Done),
            Until::Report(had) => self.is_idle().then(|| self.report(had)),
            Until::ReportNow(had) => Some(self.report(had)),
            Until::Step(..) | Until::Late(_) => None,
            Until::Job(job) => matches!(self.life(*job), Some(Life::Ended(_))).then_some(Answer::Done),
            Until::Ran(job) => matches!(self.life(*job), Some(Life::Ended(_))).then_some(Answer::Said(true)),
            Until::Place(job) => self.life(*job).is_none_or(Life::is_submitted).then_some(Answer::Done),
        }
    }

    /// The next step of a shutdown with a policy. Jobs may start and end between them.
    pub(super) fn go_on(&self, at: usize, until: &Until) -> Vec<Self> {
        if !matches!(until, Until::Step(..) | Until::Late(_)) {
            return Vec::new();
        }
        let is_manual = self.shape.has(Ability::Manual);
        let mut world = self.clone();
        let until = match until {
            Until::Step(Policy::DrainNow, had) if is_manual => return self.drain_what_is_due(at, had),
            Until::Step(policy, had) => {
                world.take_step(policy.step());
                let is_late = policy.is_at_once() && !is_manual;
                if is_late { Until::Late(had.clone()) } else { Until::Report(had.clone()) }
            }
            Until::Late(had) => {
                world.take_step(ShutdownStep::Kill);
                Until::ReportNow(had.clone())
            }
            other => other.clone(),
        };
        world.calls.insert(at, Call::Waits(until));
        vec![world]
    }

    /// Jobs take none of a manual executor's time: what is queued runs, and so do those first ones that are due by now. The others are late.
    fn drain_what_is_due(&self, at: usize, had: &BTreeSet<JobNumber>) -> Vec<Self> {
        let delayed = |delay| self.owed().filter(move |&job| self.life(job) == Some(Life::Delayed(delay)));
        let (soon, never): (Vec<_>, Vec<_>) = (delayed(Delay::Soon).collect(), delayed(Delay::Never).collect());
        let due = |soon_due: usize, never_due: usize| {
            let mut world = self.clone();
            let is_due = soon[..soon_due].iter().chain(&never[..never_due]);
            let is_late = soon[soon_due..].iter().chain(&never[never_due..]);
            is_due.for_each(|&job| world.enqueue(job));
            is_late.for_each(|&job| world.end(job, End::Cancelled));
            world.calls.insert(at, Call::until(Until::Report(had.clone())));
            world
        };
        let most = if self.is_later { never.len() } else { 0 };
        (0..=soon.len()).flat_map(|soon| (0..=most).map(move |never| (soon, never))).map(|(s, n)| due(s, n)).collect()
    }

    fn take_step(&mut self, step: ShutdownStep) {
        let owed: Vec<_> = self.owed().collect();
        for job in owed {
            match self.life(job) {
                Some(Life::Queued | Life::Delayed(_)) if step >= ShutdownStep::CancelPending => {
                    self.end(job, End::Cancelled);
                }
                Some(Life::Running) if step >= ShutdownStep::Kill && self.shape.has(Ability::Processes) => {
                    self.end(job, End::Cancelled);
                }
                _ => {}
            }
        }
    }

    fn report(&self, had: &BTreeSet<JobNumber>) -> Answer {
        let count = |is_it: fn(Life) -> bool| had.iter().filter(|&&job| self.life(job).is_some_and(is_it)).count();
        Answer::Report {
            completed: count(|life| matches!(life, Life::Ended(End::Returned))),
            failed: count(|life| matches!(life, Life::Ended(End::Panicked | End::Crashed))),
            cancelled: count(|life| matches!(life, Life::Ended(End::Cancelled | End::Refused(_)))),
            still_running: count(Life::runs),
        }
    }
}
