//! Puts jobs into the queue, which may be bounded, or lets them wait for their time.

use std::time::Duration;

use executor_core::cell::QueuedControl;
use executor_core::current::activity::{ActivityKind, PoolName};
use executor_core::{JobError, Priority, Rejection, WhenFull, current};

use super::clock::Event;
use super::lanes::{Job, Waiting};
use super::shared::Shared;
use super::state::State;

type Pushed = Result<(), (Job, Rejection)>;

impl Shared {
    /// Queues a job when `delay` is over, or refuses it.
    pub(super) fn push_after(&self, delay: Duration, priority: Priority, job: Job) -> Pushed {
        let mut state = self.lock();
        if !state.is_open {
            return Err((job, Rejection::Shutdown));
        }
        let due = state.clock.after(delay);
        state.clock.set(due, Event::Queue(Waiting::new(job, priority)));
        drop(state);
        self.notify();
        Ok(())
    }

    /// Queues a job, or refuses it. If the queue is full, does as that says; unless `may_wait`, without running anything.
    pub(super) fn push(&self, priority: Priority, job: Job, may_wait: bool) -> Pushed {
        let mut job = job;
        loop {
            if self.bound.when_full() == WhenFull::DropOldest {
                return self.push_over_oldest(priority, job);
            }
            job = match self.push_if_not_full(priority, job) {
                Err((job, Rejection::Full)) => job,
                pushed => return pushed,
            };
            match self.bound.when_full() {
                WhenFull::DropNewest if may_wait => return Err((job, Rejection::Dropped)),
                WhenFull::CallerRuns if may_wait => return self.run_here(priority, job),
                // The jobs in the queue may wait for the one that runs here.
                WhenFull::Block if may_wait && self.is_inside() => return self.run_here(priority, job),
                WhenFull::Block if may_wait => self.wait_for_slot(),
                _ => return Err((job, Rejection::Full)),
            }
        }
    }

    fn push_if_not_full(&self, priority: Priority, job: Job) -> Pushed {
        let mut state = self.lock();
        if !state.is_open {
            return Err((job, Rejection::Shutdown));
        }
        if self.is_full(&state) {
            return Err((job, Rejection::Full));
        }
        state.lanes.push(Waiting::new(job, priority));
        drop(state);
        self.notify();
        Ok(())
    }

    /// Runs the job on this thread, or queues it above the bound where jobs are nested too deep.
    fn run_here(&self, priority: Priority, job: Job) -> Pushed {
        let mut state = self.lock();
        if !state.is_open {
            return Err((job, Rejection::Shutdown));
        }
        state.running += 1;
        drop(state);
        if current::nested(|| self.run(job.clone())).is_none() {
            let mut state = self.lock();
            state.running -= 1;
            state.lanes.push(Waiting::new(job, priority));
            drop(state);
            self.notify();
        }
        Ok(())
    }

    fn is_full(&self, state: &State) -> bool {
        self.bound.capacity().is_some_and(|most| state.lanes.taken_slots() >= most.max(1))
    }

    /// Takes the oldest jobs out of a full queue, so that this one fits.
    fn push_over_oldest(&self, priority: Priority, job: Job) -> Pushed {
        let (mut oldest, mut tombstones) = (Vec::new(), Vec::new());
        let mut state = self.lock();
        if !state.is_open {
            return Err((job, Rejection::Shutdown));
        }
        while self.is_full(&state) && state.lanes.take_oldest(self.taken(), &mut oldest, &mut tombstones) {}
        state.lanes.push(Waiting::new(job, priority));
        state.ending += oldest.len();
        drop(state);
        drop(tombstones);
        for job in oldest {
            let notify = QueuedControl::withdraw(job, JobError::rejected(Rejection::Dropped));
            self.lock().taken_have_ended(1);
            drop(notify);
        }
        self.notify();
        Ok(())
    }

    /// Frees a slot, on a thread that drives the executor; on another thread, waits until one is free.
    fn wait_for_slot(&self) {
        let is_driven_here = self.is_driven_here() && !self.has_own_thread();
        if is_driven_here && self.run_one(None) {
            return;
        }
        let _blocked = current::block_in(
            ActivityKind::WaitForSlot(PoolName { name: self.name.clone(), queue_id: self.queue() }),
            None,
        );
        let mut state = self.lock();
        while state.is_open && self.is_full(&state) {
            self.changed.wait(&mut state);
        }
    }
}
