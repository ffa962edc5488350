//! The requests of a runner to its scheduler: to take more jobs, or to give some back.

use std::fmt;
use std::time::Instant;

use executor_core::cell::Notify;
use executor_core::{JobError, JobId, Priority};

use super::queued::TimerEvent;
use super::workers::WorkerLocal;

/// The access of a runner to its scheduler: to take more jobs, to give some back, and to set timers.
pub struct Batch<'a, J> {
    scheduler: &'a dyn Asked<J>,
    /// `None` where the runner has one job only.
    local: Option<&'a mut WorkerLocal<J>>,
}

impl<'a, J> Batch<'a, J> {
    pub(super) fn new(scheduler: &'a dyn Asked<J>, local: Option<&'a mut WorkerLocal<J>>) -> Self {
        Self { scheduler, local }
    }

    /// Takes another job, if one is queued and every worker is busy. Never blocks. The runner must bring the job to its outcome, or
    /// [give it back](Batch::give_back).
    pub fn take(&mut self) -> Option<J> {
        self.scheduler.take_extra(self.local.as_deref_mut()?)
    }

    /// Reports that a job taken here had ended before it could be claimed.
    pub fn had_ended(&mut self) {
        if let Some(local) = &mut self.local {
            self.scheduler.had_ended(local);
        }
    }

    /// Reports that the runner has `n` unfinished jobs: one counts as running, the others as queued.
    pub fn holds(&mut self, n: usize) {
        if let Some(local) = &mut self.local {
            self.scheduler.holds(local, n);
        }
    }

    /// Puts an unclaimed job back at the front of the queue of its priority, and wakes another worker for it. The job is that of `run`, or
    /// one taken here. To keep the order of several jobs, give them back in reverse order. Afterwards, `run` returns true.
    ///
    /// The job is queued even if the queue is full. If the scheduler [broke down](super::Scheduler::break_down) meanwhile, the job ends with
    /// that error; if a shutdown kills, as cancelled. A job that was cancelled meanwhile is dropped.
    pub fn give_back(&mut self, job: J, priority: Priority) {
        self.scheduler.give_back(self.local.as_deref_mut(), job, priority);
    }

    /// Gives the job of `run` back, like [`give_back`](Batch::give_back), and ends this worker: it cannot run jobs now, for lack of memory,
    /// say. Other workers run the job. For a while, only [`prestart`](super::Scheduler::prestart) and
    /// [`broadcast`](super::Scheduler::broadcast) start a worker in its place. Afterwards, `run` returns true.
    ///
    /// # Errors
    ///
    /// The job, if no other worker could run it.
    pub fn retire(&mut self, job: J, priority: Priority) -> Result<(), J> {
        match &mut self.local {
            Some(local) => self.scheduler.retire(local, job, priority),
            None => Err(job),
        }
    }

    /// Returns whether another worker is idle or could be started. If so, jobs that wait in this runner would run at once if they were given
    /// back. Never blocks.
    pub fn is_wanted(&self) -> bool {
        self.scheduler.is_wanted()
    }

    /// Returns whether a thread or a task waits for the job `id`, as far as is known without a lock: it is the last for which a wait began, or this
    /// thread itself waits for it.
    pub fn is_waited_for(&self, id: JobId) -> bool {
        self.local.is_none() || self.scheduler.is_waited_for(id)
    }

    /// Sets a timer; see [`Scheduler::push_timer`](super::Scheduler::push_timer).
    pub fn push_timer(&self, when: Instant, timer: Box<dyn TimerEvent>) {
        self.scheduler.push_timer(when, timer);
    }

    /// Reports that a timer was cancelled; see [`Scheduler::cancel_timer`](super::Scheduler::cancel_timer).
    pub fn cancel_timer(&self) {
        self.scheduler.cancel_timer();
    }

    /// Fires a notification; see [`Scheduler::call_back`](super::Scheduler::call_back).
    pub fn call_back(&self, notify: Notify) {
        self.scheduler.call_back(notify);
    }

    /// Breaks the scheduler; see [`Scheduler::break_down`](super::Scheduler::break_down).
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
    fn is_waited_for(&self, id: JobId) -> bool;
    fn push_timer(&self, when: Instant, timer: Box<dyn TimerEvent>);
    fn cancel_timer(&self);
    fn call_back(&self, notify: Notify);
    fn break_down(&self, error: JobError);
}
