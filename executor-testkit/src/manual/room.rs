//! A queue that is bounded, and what becomes of a job that finds it full.

use executor_core::cell::QueuedControl;
use executor_core::{JobError, Priority, Rejection, WhenFull, current};

use super::lanes::{Job, Waiting};
use super::shared::{Shared, State};

type Pushed = Result<(), (Job, Rejection)>;

impl Shared {
    /// Queues a job, or refuses it. Where the queue is full, does as it says; unless `may_wait`, without running anything.
    pub(super) fn push(&self, priority: Priority, job: Job, may_wait: bool) -> Pushed {
        let mut job = job;
        loop {
            if self.bound.when_full() == WhenFull::DropOldest {
                return self.push_over_oldest(priority, job);
            }
            job = match self.push_if_room(priority, job) {
                Err((job, Rejection::Full)) => job,
                pushed => return pushed,
            };
            match self.bound.when_full() {
                WhenFull::DropNewest if may_wait => return Err((job, Rejection::Dropped)),
                WhenFull::CallerRuns if may_wait => return self.run_here(priority, job),
                // Those that wait could be waiting for it.
                WhenFull::Block if may_wait && self.is_inside() => return self.run_here(priority, job),
                WhenFull::Block if may_wait => self.wait_for_room(),
                _ => return Err((job, Rejection::Full)),
            }
        }
    }

    fn push_if_room(&self, priority: Priority, job: Job) -> Pushed {
        let mut state = self.lock();
        if !state.is_open {
            return Err((job, Rejection::Shutdown));
        }
        if self.is_full(&state) {
            return Err((job, Rejection::Full));
        }
        state.lanes.push(Waiting::new(job, priority));
        drop(state);
        self.changed.notify_all();
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
            self.changed.notify_all();
        }
        Ok(())
    }

    fn is_full(&self, state: &State) -> bool {
        self.bound.capacity().is_some_and(|most| state.lanes.placed() >= most.max(1))
    }

    /// Takes the oldest jobs out of a full queue to make room.
    fn push_over_oldest(&self, priority: Priority, job: Job) -> Pushed {
        let (mut oldest, mut dead) = (Vec::new(), Vec::new());
        let mut state = self.lock();
        if !state.is_open {
            return Err((job, Rejection::Shutdown));
        }
        while self.is_full(&state) && state.lanes.take_oldest(self.away(), &mut oldest, &mut dead) {}
        state.lanes.push(Waiting::new(job, priority));
        state.ending += oldest.len();
        drop(state);
        drop(dead);
        for job in oldest {
            let notify = QueuedControl::withdraw(job, JobError::Rejected(Rejection::Dropped));
            self.lock().ending -= 1;
            drop(notify);
        }
        self.changed.notify_all();
        Ok(())
    }

    /// A thread that drives the executor makes room; another one waits until somebody has.
    fn wait_for_room(&self) {
        let is_driven_here = self.is_driven_here() && !self.has_own_thread();
        if is_driven_here && self.run_one(None) {
            return;
        }
        let _blocked = current::block();
        let mut state = self.lock();
        while state.is_open && self.is_full(&state) {
            self.changed.wait(&mut state);
        }
    }
}
