//! Shuts it down: takes no more jobs, and runs, cancels or stops those that there are.

use executor_core::cell::QueuedControl;
use executor_core::{JobError, ShutdownPolicy, ShutdownReport, ShutdownStep};

use super::clock::Event;
use super::lanes::Job;
use super::shared::Shared;

impl Shared {
    pub(super) fn close(&self) {
        self.lock().is_open = false;
        self.notify();
    }

    pub(super) fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        let mut state = self.lock();
        state.is_open = false;
        let before = self.look(&state);
        let deadline = policy.limit().map(|limit| state.clock.after(limit));
        // If the executor runs by itself, this thread keeps the time.
        let stop =
            deadline.filter(|_| !state.threads.are_wanted).map(|deadline| state.clock.set(deadline, Event::Stop));
        drop(state);
        match policy.step() {
            ShutdownStep::Drain => {}
            ShutdownStep::CancelPending => self.cancel_pending(),
            ShutdownStep::Kill => self.stop(),
        }
        self.notify();
        if self.has_own_thread() && !self.is_inside() {
            if !self.wait_for_threads(deadline) {
                self.stop();
            }
        } else {
            self.drain();
        }
        let mut state = self.lock();
        stop.inspect(|&stop| state.clock.cancel(stop));
        ShutdownReport::between(&before, &self.look(&state))
    }

    /// Asks what runs to stop, and cancels what does not run. The queue is emptied first, so that no job starts because another one stops.
    pub(super) fn stop(&self) {
        let pending = self.take_pending();
        self.set_stopped();
        self.cancel(pending);
    }

    fn cancel_pending(&self) {
        self.cancel(self.take_pending());
    }

    /// Takes the waiting jobs, so that no thread can start them any more.
    fn take_pending(&self) -> Vec<Job> {
        let (mut jobs, mut tombstones) = (Vec::new(), Vec::new());
        let mut state = self.lock();
        while let Some(job) = state.lanes.take(self.taken(), &mut tombstones) {
            jobs.push(job);
        }
        for waiting in state.clock.take_delayed() {
            if QueuedControl::move_to(&*waiting.job, self.taken()) {
                jobs.push(waiting.job);
            } else {
                state.clock.removed_tombstone();
                tombstones.push(waiting.job);
            }
        }
        state.ending += jobs.len();
        drop(state);
        drop(tombstones);
        jobs
    }

    fn cancel(&self, jobs: Vec<Job>) {
        let count = jobs.len();
        for job in jobs {
            self.call_back(QueuedControl::withdraw(job, JobError::cancelled()));
        }
        self.lock().taken_have_ended(count);
        self.notify();
    }
}
