//! What a runner can ask of its scheduler while it runs a job: for more jobs, or to have some back.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use executor_core::cell::Notify;
use executor_core::{JobError, Priority};

use super::members::Own;
use super::queued::{Alarm, Queued};
use super::runner::Runner;
use super::shared::Shared;
use super::state::State;
use super::sync::{self, MutexGuard};

/// More jobs than the one that a runner was given, and what else it may ask of its scheduler.
pub struct Batch<'a, J> {
    scheduler: &'a dyn Asked<J>,
    own: &'a mut Own<J>,
}

impl<'a, J> Batch<'a, J> {
    pub(super) fn new(scheduler: &'a dyn Asked<J>, own: &'a mut Own<J>) -> Self {
        Self { scheduler, own }
    }

    /// Another job, if one waits and every worker is busy. Never blocks. Whoever takes it brings it to its outcome, or
    /// [gives it back](Batch::give_back).
    pub fn take(&mut self) -> Option<J> {
        self.scheduler.take_extra(self.own)
    }

    /// Says that a job taken here had ended before it could be claimed.
    pub fn was_dead(&mut self) {
        self.scheduler.was_dead(self.own);
    }

    /// Says that the runner has `n` jobs in hand, and has brought the others to their outcome. One of them runs, the rest count as waiting.
    pub fn holds(&mut self, n: usize) {
        self.scheduler.holds(self.own, n);
    }

    /// Puts a job that nobody has claimed, the one that `run` was given or one taken here, back at the front of its lane, and wakes
    /// another worker for it if one may take it. Give several back in reverse order to keep their order. `run` then returns true: the
    /// job is its matter no more.
    ///
    /// It waits as before: a cancel frees its place, a shutdown waits for it, and a bounded queue takes it, full or not. Where
    /// the scheduler [broke down](super::Scheduler::break_down) meanwhile, it ends with that error, and where a shutdown kills, as
    /// cancelled. A job that was cancelled meanwhile is dropped.
    pub fn give_back(&mut self, job: J, priority: Priority) {
        self.scheduler.give_back(self.own, job, priority);
    }

    /// Gives back the job that `run` was given, as [`give_back`](Batch::give_back) does, because this worker cannot run any now, such as for a
    /// shortage. The worker ends, and leaves the job to the others. For a while none is started in its place, but by
    /// [`prestart`](super::Scheduler::prestart) or [`broadcast`](super::Scheduler::broadcast). `run` then returns true.
    ///
    /// # Errors
    ///
    /// The job, if there is no other worker that could take it.
    pub fn retire(&mut self, job: J, priority: Priority) -> Result<(), J> {
        self.scheduler.retire(self.own, job, priority)
    }

    /// Whether another worker is idle, or could be started: jobs that this runner keeps waiting would run at once if they were given back.
    /// Never blocks.
    pub fn is_wanted(&self) -> bool {
        self.scheduler.is_wanted()
    }

    /// As [`Scheduler::push_alarm`](super::Scheduler::push_alarm).
    pub fn push_alarm(&self, when: Instant, alarm: Box<dyn Alarm>) {
        self.scheduler.push_alarm(when, alarm);
    }

    /// As [`Scheduler::called_off`](super::Scheduler::called_off).
    pub fn called_off(&self) {
        self.scheduler.called_off();
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

/// From a worker that could not run its jobs until another one is started: a try costs a thread, and what a runner does in vain.
const SHORTAGE: Duration = Duration::from_millis(100);

/// What waits may be more than the workers that live have had since.
struct ShortageEnds<R: Runner>(Weak<Shared<R>>);

impl<R: Runner + 'static> Alarm for ShortageEnds<R> {
    fn ring(self: Box<Self>) -> Option<Notify> {
        let shared = self.0.upgrade()?;
        let wake = shared.lock().wake();
        shared.perform(wake);
        None
    }

    fn is_off(&self) -> bool {
        false
    }
}

/// A scheduler, whatever its runner.
pub(super) trait Asked<J> {
    fn take_extra(&self, own: &mut Own<J>) -> Option<J>;
    fn was_dead(&self, own: &mut Own<J>);
    fn holds(&self, own: &mut Own<J>, n: usize);
    fn give_back(&self, own: &mut Own<J>, job: J, priority: Priority);
    fn retire(&self, own: &mut Own<J>, job: J, priority: Priority) -> Result<(), J>;
    fn is_wanted(&self) -> bool;
    fn push_alarm(&self, when: Instant, alarm: Box<dyn Alarm>);
    fn called_off(&self);
    fn call_back(&self, notify: Notify);
    fn break_down(&self, error: JobError);
}

impl<R: Runner + 'static> Asked<R::Job> for Arc<Shared<R>> {
    fn take_extra(&self, own: &mut Own<R::Job>) -> Option<R::Job> {
        let mut dead = Vec::new();
        let mut state = self.lock();
        let job = loop {
            match state.take_extra(own) {
                Some(job) if !self.gives_up_its_place(&job) => {
                    state.lanes.removed_dead(1);
                    state.forget_extra(own, 1);
                    dead.push(job);
                }
                job => break job,
            }
        };
        let free = job.is_some().then(|| state.waiters.one());
        drop(state);
        drop(dead);
        if let Some(free) = free {
            self.tell_of_room(free);
        }
        job
    }

    fn was_dead(&self, own: &mut Own<R::Job>) {
        let mut state = self.lock();
        state.forget_extra(own, 1);
        if self.config.capacity.is_none() {
            state.lanes.removed_dead(1);
        }
    }

    fn holds(&self, own: &mut Own<R::Job>, n: usize) {
        let ended = own.extra.saturating_sub(n.saturating_sub(1));
        if ended > 0 {
            self.lock().forget_extra(own, ended);
        }
    }

    fn give_back(&self, own: &mut Own<R::Job>, job: R::Job, priority: Priority) {
        Shared::give_back(self, Some(own), job, priority);
    }

    fn retire(&self, own: &mut Own<R::Job>, job: R::Job, priority: Priority) -> Result<(), R::Job> {
        let now = sync::now();
        let until = now.checked_add(SHORTAGE);
        let Some(is_news) = self.lock().retire(own, now, until) else { return Err(job) };
        Shared::give_back(self, Some(own), job, priority);
        if let Some(until) = until.filter(|_| is_news) {
            Shared::push_alarm(self, until, Box::new(ShortageEnds(self.this.clone())));
        }
        Ok(())
    }

    fn is_wanted(&self) -> bool {
        self.lock().is_wanted()
    }

    fn push_alarm(&self, when: Instant, alarm: Box<dyn Alarm>) {
        Shared::push_alarm(self, when, alarm);
    }

    fn called_off(&self) {
        self.fell_silent();
    }

    fn call_back(&self, notify: Notify) {
        Shared::call_back(self, notify);
    }

    fn break_down(&self, error: JobError) {
        Shared::break_down(self, error);
    }
}

impl<R: Runner + 'static> Shared<R> {
    /// The worker has brought all that it took to its outcome.
    pub(super) fn settle_extra(&self, own: &mut Own<R::Job>) {
        if own.extra > 0 {
            self.lock().forget_extra(own, usize::MAX);
        }
    }

    /// Queues a job again that a worker took, before all others of its priority.
    pub(super) fn give_back(&self, own: Option<&mut Own<R::Job>>, job: R::Job, priority: Priority) {
        let mut state = self.lock();
        if let Some(own) = own {
            state.forget_extra(own, 1);
        }
        let error = if state.is_killed { state.ends_with.clone() } else { state.broken.clone() };
        if let Some(error) = error {
            self.end_queued(state, job, error);
        } else if job.move_to(self.queue.id()) {
            state.give_back(priority, job);
            self.has_queued(state, priority);
        } else {
            self.count_out(&mut state, &job);
            drop(state);
            drop(job);
        }
    }

    /// A job that comes into the queue when all that waited there was ended ends as that did.
    pub(super) fn end_queued(&self, mut state: MutexGuard<'_, State<R::Job>>, job: R::Job, error: JobError) {
        self.count_out(&mut state, &job);
        drop(state);
        if let Some(notify) = job.fail(error) {
            self.call_back(notify);
        }
    }

    /// The job is dead, or about to be, and in no queue: its home is told of an entry that is not there.
    fn count_out(&self, state: &mut State<R::Job>, job: &R::Job) {
        let home = job.home();
        if home == Some(self.queue.id()) {
            state.lanes.removed_dead(1);
        } else if home == Some(self.delay.id()) {
            state.delayed.removed_dead(1);
        }
    }
}
