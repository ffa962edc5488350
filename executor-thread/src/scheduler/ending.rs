//! The ends: of everything that was accepted, and of the scheduler.

use std::time::{Duration, Instant};

use executor_core::current;
use executor_core::home;
use executor_core::{Future, JobError, ShutdownPolicy, ShutdownReport, ShutdownStep, Stats, promise};

use super::shared::Shared;
use super::state::State;
use super::sync::{self, Ordering};
use super::worker::is_thread_of;
use super::{Queued, Runner};

/// From the call of every [`Stop`](super::Stop) until their jobs have ended, in a shutdown with a time limit.
const STOP_LIMIT: Duration = Duration::from_secs(1);

impl<R: Runner + 'static> Shared<R> {
    /// Blocks until nothing is queued, delayed or running, until `deadline` at most. Says whether it came to that. Not on a
    /// thread of this very scheduler, whose own job runs.
    pub(super) fn wait_idle(&self, deadline: Option<Instant>) -> bool {
        if is_thread_of(self) {
            return false;
        }
        let _blocked = current::block();
        let mut state = self.lock();
        state.wait_for_idle += 1;
        while !state.is_idle() && self.idle.wait_until(&mut state, deadline) {}
        state.wait_for_idle -= 1;
        state.is_idle()
    }

    /// A shutdown as `policy` says. On a worker of this very scheduler it waits for nothing.
    pub(super) fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        let deadline = policy.limit().map(|limit| sync::now().checked_add(limit));
        let before = {
            let mut state = self.lock();
            state.is_open = false;
            self.progress(&state)
        };
        self.shutdown(false);
        self.take_step(policy.step());
        if !is_thread_of(self) {
            let mut is_gone = self.wait_gone(deadline.flatten());
            if !is_gone {
                self.take_step(ShutdownStep::Kill);
                // What does not listen is about to end, where it can be made to.
                let can_stop = self.stops.lock().has_any();
                is_gone = can_stop && self.wait_gone(Instant::now().checked_add(STOP_LIMIT));
            }
            if is_gone {
                self.join_all();
            }
        }
        ShutdownReport::between(&before, &self.progress(&self.lock()))
    }

    /// What it is doing, where all that a worker has in hand runs: it is the worker's matter alone.
    fn progress(&self, state: &State<R::Job>) -> Stats {
        let mut stats = self.look(state);
        stats.queued -= state.living_extra();
        stats.running += state.living_extra();
        stats
    }

    /// A future that ends when the scheduler is shut down and its last thread is about to end.
    pub(super) fn closed(&self) -> Future<()> {
        let (promise, future) = promise();
        self.lock().closed.push(promise);
        self.tell_closed();
        future
    }

    /// Ends those futures, if it has come to that. They run code of their owners', so no lock is held.
    pub(super) fn tell_closed(&self) {
        let mut state = self.lock();
        if state.is_open || !state.is_gone(0) {
            return;
        }
        let closed = std::mem::take(&mut state.closed);
        drop(state);
        for promise in closed {
            promise.complete(());
        }
    }

    fn take_step(&self, step: ShutdownStep) {
        if step >= ShutdownStep::Kill {
            // Relaxed: see `is_stopping` of the host.
            self.is_stopping.store(true, Ordering::Relaxed);
        }
        if step >= ShutdownStep::CancelPending {
            self.cancel_pending();
        }
        if step >= ShutdownStep::Kill {
            let stops = self.stops.lock().begin();
            for stop in stops {
                stop.stop();
            }
        }
    }

    /// Cancels what has not started.
    fn cancel_pending(&self) {
        let pending = self.lock().take_pending();
        for job in pending {
            drop(job.fail(JobError::Cancelled));
        }
        // Those who slept because something was left to do.
        self.shutdown(false);
    }

    /// Closes the scheduler, and fails everything that waits, for the first reason that there was.
    pub(super) fn break_down(&self, error: JobError) {
        let mut state = self.lock();
        state.is_open = false;
        // A clone, for what an error holds may be a user's: none is dropped here.
        let error = state.broken.get_or_insert_with(|| error.clone()).clone();
        let pending = state.take_pending();
        drop(state);
        for notify in pending.into_iter().filter_map(|job| job.fail(error.clone())) {
            self.call_back(notify);
        }
        self.shutdown(false);
    }

    /// Blocks until the last thread is about to end, until `deadline` at most. Says whether it came to that.
    pub(super) fn wait_gone(&self, deadline: Option<Instant>) -> bool {
        let _blocked = current::block();
        let own = [&self.queue, &self.delay, &self.taken].map(|home| home::leaving(home.id())).iter().sum();
        let mut state = self.lock();
        while !state.is_gone(own) && self.gone.wait_until(&mut state, deadline) {}
        state.is_gone(own)
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod stopped;
#[cfg(all(test, not(loom), not(shuttle)))]
mod tests;
