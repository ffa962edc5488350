//! A queue that is bounded, and what becomes of a job that finds it full.

use executor_core::cell::Control;
use executor_core::tally::Aside;
use executor_core::{JobError, Priority, Rejection, WhenFull, current};

use super::lanes::{Job, Waiting};
use super::shared::Shared;

type Pushed = Result<(), (Job, Rejection)>;

impl Shared {
    /// Queues a job, or refuses it. Where the queue is full, does as it says; unless `may_wait`, without running anything.
    pub(super) fn push(&self, priority: Priority, job: Job, may_wait: bool) -> Pushed {
        let mut job = job;
        loop {
            job = match self.push_if_room(priority, job) {
                Err((job, Rejection::Full)) => job,
                pushed => return pushed,
            };
            match self.bound.when_full() {
                WhenFull::DropOldest => self.drop_oldest(),
                WhenFull::DropNewest if may_wait => return Err((job, Rejection::Dropped)),
                WhenFull::CallerRuns if may_wait => {
                    self.run_here(priority, job);
                    return Ok(());
                }
                // Those that wait could be waiting for it.
                WhenFull::Block if may_wait && self.is_inside() => {
                    self.run_here(priority, job);
                    return Ok(());
                }
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
        if self.bound.capacity().is_some_and(|most| state.lanes.alive() >= most.max(1)) {
            return Err((job, Rejection::Full));
        }
        state.lanes.push(Waiting::new(job, priority));
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Runs the job on this thread, or queues it above the bound where jobs are nested too deep.
    fn run_here(&self, priority: Priority, job: Job) {
        let did_run = current::nested(|| {
            let _aside = Aside::enter(Some(self.queue()));
            job.clone().run()
        });
        if did_run.is_none() {
            self.lock().lanes.push(Waiting::new(job, priority));
            self.changed.notify_all();
        }
    }

    fn drop_oldest(&self) {
        let mut dead = Vec::new();
        let oldest = self.lock().lanes.take_oldest(self.away(), &mut dead);
        drop(dead);
        if let Some(oldest) = oldest {
            drop(Control::withdraw(oldest, JobError::Rejected(Rejection::Dropped)));
        }
    }

    /// A thread that drives the executor makes room; another one waits until somebody has.
    fn wait_for_room(&self) {
        let is_driven_here = self.is_driven_here() && !self.has_own_thread();
        if is_driven_here && self.run_one(None) {
            return;
        }
        let _blocked = current::block();
        let mut state = self.lock();
        while state.is_open && self.bound.capacity().is_some_and(|most| state.lanes.alive() >= most.max(1)) {
            self.changed.wait(&mut state);
        }
    }
}
