//! The scheduler's side of a runner's batch.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use executor_core::cell::{Captures, Notify};
use executor_core::{JobError, JobId, Priority};

use super::batch::Asked;
use super::queued::{Queued, TimerEvent};
use super::runner::Runner;
use super::shared::Shared;
use super::state::State;
use super::sync;
use super::workers::WorkerLocal;

/// From a worker that could not run its jobs until another one is started: a try costs a thread, and what a runner does in vain.
const SHORTAGE: Duration = Duration::from_millis(100);

/// More jobs may wait than the workers that live have had since.
struct ShortageEnds<R: Runner>(Weak<Shared<R>>);

impl<R: Runner + 'static> TimerEvent for ShortageEnds<R> {
    fn fire(self: Box<Self>) -> Option<(Notify, Captures)> {
        let shared = self.0.upgrade()?;
        let wake = shared.lock().wake();
        shared.perform(wake);
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

impl<R: Runner + 'static> Asked<R::Job> for Arc<Shared<R>> {
    fn take_extra(&self, local: &mut WorkerLocal<R::Job>) -> Option<R::Job> {
        let mut tombstones = Vec::new();
        let mut state = self.lock();
        let job = loop {
            match state.take_extra(local) {
                Some(job) if !self.releases_slot(&job) => {
                    state.lanes.removed_tombstones(1);
                    state.forget_extra(local, 1);
                    tombstones.push(job);
                }
                job => break job,
            }
        };
        let free = job.is_some().then(|| state.waiters.one());
        drop(state);
        drop(tombstones);
        if let Some(free) = free {
            self.notify_slot(free);
        }
        job
    }

    fn had_ended(&self, local: &mut WorkerLocal<R::Job>) {
        let mut state = self.lock();
        state.forget_extra(local, 1);
        self.taken_had_ended(&mut state);
    }

    fn holds(&self, local: &mut WorkerLocal<R::Job>, n: usize) {
        let ended = local.extra.saturating_sub(n.saturating_sub(1));
        if ended > 0 {
            self.lock().forget_extra(local, ended);
        }
    }

    fn give_back(&self, local: Option<&mut WorkerLocal<R::Job>>, job: R::Job, priority: Priority) {
        Shared::give_back(self, local, job, priority);
    }

    fn retire(&self, local: &mut WorkerLocal<R::Job>, job: R::Job, priority: Priority) -> Result<(), R::Job> {
        let now = sync::now();
        let until = now.checked_add(SHORTAGE);
        let Some(is_news) = self.lock().retire(local, now, until) else { return Err(job) };
        Shared::give_back(self, Some(local), job, priority);
        if let Some(until) = until.filter(|_| is_news) {
            Shared::push_timer(self, until, Box::new(ShortageEnds(self.this.clone())));
        }
        Ok(())
    }

    fn is_wanted(&self) -> bool {
        self.lock().is_wanted()
    }

    fn is_waited_for(&self, id: JobId) -> bool {
        self.lendable.is_waited_for(id)
    }

    fn push_timer(&self, when: Instant, timer: Box<dyn TimerEvent>) {
        Shared::push_timer(self, when, timer);
    }

    fn cancel_timer(&self) {
        self.cancelled();
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
    pub(super) fn settle_extra(&self, local: &mut WorkerLocal<R::Job>) {
        if local.extra > 0 {
            self.lock().forget_extra(local, usize::MAX);
        }
    }

    /// Queues a job again that a worker took, before all others of its priority.
    pub(super) fn give_back(&self, local: Option<&mut WorkerLocal<R::Job>>, job: R::Job, priority: Priority) {
        let mut state = self.lock();
        if let Some(local) = local {
            state.forget_extra(local, 1);
        }
        let error = if state.is_killed { state.ends_with.clone() } else { state.broken.clone() };
        if let Some(error) = error {
            self.count_out(&mut state, &job);
            drop(state);
            self.fail(job, error);
        } else if job.move_to(self.queue.id()) {
            state.give_back(priority, job);
            let wake = self.has_queued(&mut state, priority, None);
            drop(state);
            self.perform(wake);
        } else {
            self.count_out(&mut state, &job);
            drop(state);
            drop(job);
        }
    }

    /// A job that comes into the queue when all that waited there was ended ends as that did.
    pub(super) fn fail(&self, job: R::Job, error: JobError) {
        if let Some(notify) = job.fail(error) {
            self.call_back(notify);
        }
    }

    /// The job has ended, or about to be, and in no queue: the report of its end counted an entry that is not there.
    pub(super) fn count_out(&self, state: &mut State<R::Job>, job: &R::Job) {
        let queue_id = job.queue_id();
        if queue_id == Some(self.queue.id()) {
            state.lanes.removed_tombstones(1);
        } else if queue_id == Some(self.delay.id()) {
            state.delayed.removed_tombstones(1);
        } else if queue_id == Some(self.taken.id()) {
            state.taken.removed(1);
        }
    }
}
