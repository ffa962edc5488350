//! The requests that a runner can make of its scheduler while it runs a job: more jobs, or to give some back.

use std::fmt;
use std::time::Instant;

use executor_core::cell::Notify;
use executor_core::{JobError, Priority};

use super::queued::TimerEvent;
use super::workers::WorkerLocal;

/// More jobs than the one that a runner was given, and what else it may ask of its scheduler.
pub struct Batch<'a, J> {
    scheduler: &'a dyn Asked<J>,
    /// `None` where the runner has one job only.
    local: Option<&'a mut WorkerLocal<J>>,
}

impl<'a, J> Batch<'a, J> {
    pub(super) fn new(scheduler: &'a dyn Asked<J>, local: Option<&'a mut WorkerLocal<J>>) -> Self {
        Self { scheduler, local }
    }

    /// Another job, if one waits and every worker is busy. Never blocks. The runner brings it to its outcome, or
    /// [gives it back](Batch::give_back).
    pub fn take(&mut self) -> Option<J> {
        self.scheduler.take_extra(self.local.as_deref_mut()?)
    }

    /// Says that a job taken here had ended before it could be claimed.
    pub fn had_ended(&mut self) {
        if let Some(local) = &mut self.local {
            self.scheduler.had_ended(local);
        }
    }

    /// Says that the runner has `n` jobs in hand, and has brought the others to their outcome. One of them runs, the rest count as waiting.
    pub fn holds(&mut self, n: usize) {
        if let Some(local) = &mut self.local {
            self.scheduler.holds(local, n);
        }
    }

    /// Puts a job that no thread has claimed, the one that `run` was given or one taken here, back at the front of its lane, and wakes
    /// another worker for it if one may take it. Give several back in reverse order to keep their order. `run` then returns true: the
    /// job is its matter no more.
    ///
    /// It waits as before: a cancel frees its slot, a shutdown waits for it, and a bounded queue takes it, full or not. Where
    /// the scheduler [broke down](super::Scheduler::break_down) meanwhile, it ends with that error, and where a shutdown kills, as
    /// cancelled. A job that was cancelled meanwhile is dropped.
    pub fn give_back(&mut self, job: J, priority: Priority) {
        self.scheduler.give_back(self.local.as_deref_mut(), job, priority);
    }

    /// Gives back the job that `run` was given, as [`give_back`](Batch::give_back) does, because this worker cannot run any now, such as for a
    /// shortage. The worker ends, and leaves the job to the others. For a while none is started in its place, but by
    /// [`prestart`](super::Scheduler::prestart) or [`broadcast`](super::Scheduler::broadcast). `run` then returns true.
    ///
    /// # Errors
    ///
    /// The job, if there is no other worker that could take it.
    pub fn retire(&mut self, job: J, priority: Priority) -> Result<(), J> {
        match &mut self.local {
            Some(local) => self.scheduler.retire(local, job, priority),
            None => Err(job),
        }
    }

    /// Whether another worker is idle, or could be started: jobs that this runner keeps waiting would run at once if they were given back.
    /// Never blocks.
    pub fn is_wanted(&self) -> bool {
        self.scheduler.is_wanted()
    }

    /// As [`Scheduler::push_timer`](super::Scheduler::push_timer).
    pub fn push_timer(&self, when: Instant, timer: Box<dyn TimerEvent>) {
        self.scheduler.push_timer(when, timer);
    }

    /// As [`Scheduler::cancel_timer`](super::Scheduler::cancel_timer).
    pub fn cancel_timer(&self) {
        self.scheduler.cancel_timer();
    }

    /// As [`Scheduler::call_back`](super::Scheduler::call_back).
    pub fn call_back(&self, notify: Notify) {
        self.scheduler.call_back(notify);
    }

    /// As [`Scheduler::break_down`](super::Scheduler::break_down).
    pub fn break_down(&self, error: JobError) {
        self.scheduler.break_down(error);
    }
}

impl<J> fmt::Debug for Batch<'_, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}

/// A scheduler, whatever its runner.
pub(super) trait Asked<J> {
    fn take_extra(&self, local: &mut WorkerLocal<J>) -> Option<J>;
    fn had_ended(&self, local: &mut WorkerLocal<J>);
    fn holds(&self, local: &mut WorkerLocal<J>, n: usize);
    fn give_back(&self, local: Option<&mut WorkerLocal<J>>, job: J, priority: Priority);
    fn retire(&self, local: &mut WorkerLocal<J>, job: J, priority: Priority) -> Result<(), J>;
    fn is_wanted(&self) -> bool;
    fn push_timer(&self, when: Instant, timer: Box<dyn TimerEvent>);
    fn cancel_timer(&self);
    fn call_back(&self, notify: Notify);
    fn break_down(&self, error: JobError);
}
