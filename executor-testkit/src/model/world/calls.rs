//! Calls: what they wait for, and what they answer.

use std::collections::BTreeSet;

use executor_core::ShutdownStep;

use super::super::op::{JobNumber, Policy};
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

/// What a call waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Until {
    /// A shutdown: until every accepted job has its outcome.
    AllEnded,
    /// The same, and it tells what became of those that there were.
    Report(BTreeSet<JobNumber>),
    /// Until nothing is queued, delayed or running.
    Idle,
    /// Until this job has its outcome.
    Job(JobNumber),
    /// Until this job, which the call runs, has its outcome.
    Ran(JobNumber),
    /// A submit: until this job has a place, or has run here, or is refused.
    Place(JobNumber),
}

/// What a call answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// Nothing: it is done.
    Done,
    /// True or false, as `cancel` and `abort` do.
    Said(bool),
    /// What became of the jobs at a shutdown.
    Report { completed: usize, cancelled: usize, still_running: usize },
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
    /// What the call answers, if it may return now.
    pub(super) fn answer_to(&self, until: &Until) -> Option<Answer> {
        match until {
            Until::AllEnded | Until::Idle => self.is_idle().then_some(Answer::Done),
            Until::Report(had) => self.is_idle().then(|| self.report(had)),
            Until::Job(job) => matches!(self.life(*job), Some(Life::Ended(_))).then_some(Answer::Done),
            Until::Ran(job) => matches!(self.life(*job), Some(Life::Ended(_))).then_some(Answer::Said(true)),
            Until::Place(job) => {
                (!matches!(self.life(*job), Some(Life::Knocking | Life::Inline))).then_some(Answer::Done)
            }
        }
    }

    /// Closes, and does with the jobs as the policy says.
    pub(super) fn shut_down_with(&mut self, policy: Policy) -> Call {
        let had: BTreeSet<_> = self.owed().collect();
        self.close();
        self.take_step(policy.step());
        if policy == Policy::DrainNow && self.shape.has(Ability::Manual) {
            // Jobs take none of its time: what is queued runs, and what is not due is late.
            let late: Vec<_> = had.iter().copied().filter(|&job| !self.queue.contains(&job)).collect();
            for job in late {
                self.end(job, End::Cancelled);
            }
            return Call::until(Until::Report(had));
        }
        if !policy.is_at_once() {
            return Call::until(Until::Report(had));
        }
        if !self.is_idle() {
            self.take_step(ShutdownStep::Kill);
        }
        Call::ended(self.report(&had))
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
            completed: count(|life| matches!(life, Life::Ended(end) if end != End::Cancelled)),
            cancelled: count(|life| life == Life::Ended(End::Cancelled)),
            still_running: count(|life| matches!(life, Life::Running | Life::Awaiting)),
        }
    }
}
