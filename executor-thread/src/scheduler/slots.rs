//! Slots in a bounded queue: the threads and tasks that wait for one, and the notifications when one is free.
//!
//! When a slot is free, one waiting thread and one waiting task are told. The first to come takes it; the other waits on, a task at its
//! position. A task that was told and is dropped tells the next.

use std::task::{Poll, Waker};
use std::time::Instant;

use executor_core::current::activity::ActivityKind;
use executor_core::panics::drop_catching;
use executor_core::{JobError, Priority, Rejection, current};

use super::identity;
use super::inbox::Put;
use super::queued::Queued;
use super::runner::Runner;
use super::shared::{Pushed, Shared};
use super::state::State;
use super::waiters::{FreeSlot, WaitToken, wake_tasks};
use super::workers::WorkerLocal;

impl<R: Runner + 'static> Shared<R> {
    pub(super) fn notify_slot(&self, free: FreeSlot) {
        if free.thread {
            self.slot_freed.notify_one();
        }
        wake_tasks(free.task);
    }

    fn is_full(&self, state: &State<R::Job>) -> bool {
        self.config.capacity.is_some_and(|capacity| state.lanes.slots_taken() >= capacity)
    }

    /// A worker has taken the job from its lane. In a bounded queue the job has no slot from now on, so that a cancel does not free the
    /// slot again. False if the job has ended.
    pub(super) fn releases_slot(&self, job: &R::Job) -> bool {
        self.config.capacity.is_none() || job.move_to(self.taken.id())
    }

    /// A job that a worker was given had ended.
    pub(super) fn found_tombstone(&self, local: &WorkerLocal<R::Job>) {
        let mut state = self.lock();
        // The queue id of a job in a mailbox is that of delayed jobs, so that no other worker runs it.
        if local.has_mail { state.delayed.removed_tombstones(1) } else { self.taken_had_ended(&mut state) }
    }

    /// A job that was taken from the lanes had ended. In a bounded queue, it was counted out when it was taken.
    pub(super) fn taken_had_ended(&self, state: &mut State<R::Job>) {
        match self.config.capacity {
            None => state.lanes.removed_tombstones(1),
            Some(_) => state.taken.removed(1),
        }
    }

    pub(super) fn push(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        let refusal = |state: &State<_>| state.refusal().or_else(|| self.is_full(state).then_some(Rejection::Full));
        self.push_unless(refusal, priority, job)
    }

    pub(super) fn push_above(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        self.push_unless(State::refusal, priority, job)
    }

    /// Puts a job of normal priority into the inbox. Returns it if it is to be pushed otherwise.
    #[inline]
    pub(super) fn put(&self, job: R::Job) -> Option<R::Job> {
        // A job that its submitter may run is held in the lanes.
        if !self.inbox.is_used() || job.lendable_id().is_some_and(|id| self.lendable.submit(id)) {
            return Some(job);
        }
        self.begins_to_wait(&job);
        match self.inbox.put(job) {
            Put::Left => None,
            Put::Look => {
                self.look_for_worker();
                None
            }
            Put::Closed(job) => Some(job),
        }
    }

    /// Moves the jobs from the inbox to the lanes, and wakes the worker that they need, if they need one.
    fn look_for_worker(&self) {
        let mut state = self.lock();
        let wake = state.wake();
        let wake = self.watch(&mut state, wake);
        drop(state);
        self.perform(wake);
    }

    fn push_unless(
        &self,
        refusal: impl FnOnce(&State<R::Job>) -> Option<Rejection>,
        priority: Priority,
        job: R::Job,
    ) -> Pushed<R::Job> {
        let mut state = self.lock();
        if let Some(reason) = refusal(&state) {
            return Err((job, reason));
        }
        let wake = self.enqueue(&mut state, priority, job);
        drop(state);
        self.perform(wake);
        Ok(())
    }

    pub(super) fn push_wait(&self, priority: Priority, job: R::Job, deadline: Option<Instant>) -> Pushed<R::Job> {
        // Dropped last: to unblock takes the lock that the state holds.
        let mut blocked = None;
        let mut state = self.lock();
        let mut is_late = false;
        loop {
            if let Some(reason) = state.refusal() {
                return Err((job, reason));
            }
            if !self.is_full(&state) {
                let wake = self.enqueue(&mut state, priority, job);
                drop(state);
                self.perform(wake);
                return Ok(());
            }
            if is_late {
                return Err((job, Rejection::Full));
            }
            if blocked.is_none() {
                drop(state);
                blocked = Some(current::block_in(ActivityKind::WaitForSlot(self.pool_name()), deadline));
                state = self.lock();
                continue;
            }
            state.waiters.threads += 1;
            is_late = !state.wait(&self.slot_freed, deadline);
            state.waiters.threads -= 1;
        }
    }

    /// Takes the oldest jobs out of a full queue to make room.
    pub(super) fn push_over_oldest(&self, priority: Priority, job: R::Job) -> Pushed<R::Job> {
        let mut state = self.lock();
        if let Some(reason) = state.refusal() {
            return Err((job, reason));
        }
        let (mut oldest, mut tombstones) = (Vec::new(), Vec::new());
        while self.is_full(&state) {
            let Some(job) = state.lanes.pop_oldest() else { break };
            if self.releases_slot(&job) {
                oldest.push(job);
            } else {
                state.lanes.removed_tombstones(1);
                tombstones.push(job);
            }
        }
        state.displaced += oldest.len();
        let wake = self.enqueue(&mut state, priority, job);
        drop(state);
        self.perform(wake);
        for job in oldest {
            let notify = job.fail(JobError::rejected(Rejection::Dropped));
            self.end(|state| state.displaced_ended(true));
            drop(notify);
        }
        Ok(())
    }

    pub(super) fn poll_push(
        &self,
        priority: Priority,
        job: &mut Option<R::Job>,
        token: &mut WaitToken,
        waker: &Waker,
    ) -> Poll<Result<(), Rejection>> {
        // A clone, and the drop of the one before, run code of a user's.
        let waker = waker.clone();
        let mut state = self.lock();
        let before = token.0.and_then(|number| state.waiters.tasks.remove(&number));
        let polled = if let Some(reason) = state.refusal() {
            drop(state);
            Poll::Ready(Err(reason))
        } else if self.is_full(&state) {
            let waiters = &mut state.waiters;
            let number = *token.0.get_or_insert_with(|| {
                waiters.tokens += 1;
                waiters.tokens
            });
            waiters.tasks.insert(number, waker);
            drop(state);
            drop_catching(before);
            return Poll::Pending;
        } else {
            let wake = self.enqueue(&mut state, priority, job.take().expect("a job is pushed once"));
            drop(state);
            self.perform(wake);
            Poll::Ready(Ok(()))
        };
        token.0 = None;
        drop_catching(before);
        drop_catching(waker);
        polled
    }

    pub(super) fn give_up(&self, token: WaitToken) {
        let Some(number) = token.0 else { return };
        let mut state = self.lock();
        let waker = state.waiters.tasks.remove(&number);
        // It was told of a slot that it will not take.
        let free = (waker.is_none() && !self.is_full(&state)).then(|| state.waiters.one());
        drop(state);
        drop_catching(waker);
        if let Some(free) = free {
            self.notify_slot(free);
        }
    }

    /// Whether the calling thread is a worker of this scheduler, or a thread that does a part of one of its jobs.
    pub(super) fn is_worker_here(&self) -> bool {
        identity::is_worker_of(self.identity()) || self.is_on_rayon()
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests;
