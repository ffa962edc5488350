//! The ends: of everything that was accepted, and of the scheduler.

use std::time::{Duration, Instant};

use executor_core::cell::Notify;
use executor_core::current;
use executor_core::current::activity::ActivityKind;
use executor_core::registry;
use executor_core::{Future, JobError, ShutdownPolicy, ShutdownReport, ShutdownStep, Stats, promise};

use super::identity::is_thread_of;
use super::queued::Queued;
use super::runner::Runner;
use super::shared::Shared;
use super::state::State;
use super::supply::RayonThreads;
use super::sync::{self, Ordering};

/// From the call of every [`Stop`](super::Stop) until their jobs have ended, in a shutdown with a time limit.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// Jobs that waited, and are to be ended: no thread can start them.
struct Pending<J> {
    alive: Vec<J>,
    tombstones: Vec<J>,
}

impl<J> Pending<J> {
    fn none() -> Self {
        Self { alive: Vec::new(), tombstones: Vec::new() }
    }
}

impl<R: Runner + 'static> Shared<R> {
    /// Whether a wait for the scheduler would wait for this thread: the thread is one of its own, or drops what a cancelled job of it had
    /// captured. Two such threads would wait for each other.
    pub(super) fn is_inside(&self) -> bool {
        let queues = [&self.queue, &self.delay, &self.cancel_on_shutdown, &self.taken, &self.never_due];
        is_thread_of(self.identity())
            || self.is_on_rayon()
            || queues.iter().any(|queue| registry::departing(queue.id()) > 0)
    }

    /// Whether this thread is one of the rayon pool that runs the jobs, whatever code it runs.
    pub(super) fn is_on_rayon(&self) -> bool {
        self.rayon.as_ref().is_some_and(RayonThreads::is_here)
    }

    /// Blocks until nothing is queued, delayed or running, until `deadline` at most. Returns whether that is so. Does not wait where
    /// the thread would wait for itself.
    pub(super) fn wait_idle(&self, deadline: Option<Instant>) -> bool {
        if self.is_inside() {
            return false;
        }
        let _blocked = current::block_in(ActivityKind::WaitForIdle(self.pool_name()), deadline);
        let mut state = self.lock();
        state.wait_for_idle += 1;
        while !state.is_idle() && state.wait(&self.idle, deadline) {}
        state.wait_for_idle -= 1;
        state.is_idle()
    }

    /// A shutdown as `policy` says. Where it would wait for itself, it waits for nothing.
    pub(super) fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        let deadline = policy.limit().map(|limit| sync::now().checked_add(limit));
        let (step, mut pending) = (policy.step(), Pending::none());
        let before = {
            let mut state = self.lock();
            state.close();
            let before = self.progress(&state);
            if step >= ShutdownStep::CancelPending {
                pending = self.take_pending(&mut state, &JobError::cancelled());
            }
            state.is_killed |= step >= ShutdownStep::Kill;
            before
        };
        self.take_step(step, pending);
        if !self.is_inside() {
            let mut is_gone = self.wait_gone(deadline.flatten());
            if !is_gone {
                let mut state = self.lock();
                state.is_killed = true;
                let pending = self.take_pending(&mut state, &JobError::cancelled());
                drop(state);
                self.take_step(ShutdownStep::Kill, pending);
                // Jobs that ignored the request to stop are about to end, where runners gave a way to stop them.
                let can_stop = self.stops.lock().has_any();
                is_gone = can_stop && self.wait_gone(Instant::now().checked_add(STOP_LIMIT));
            }
            if is_gone {
                self.join_all();
            }
        }
        ShutdownReport::between(&before, &self.progress(&self.lock()))
    }

    /// The statistics for a report: all jobs that a worker has in hand count as running, because only the worker can end them.
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

    /// Completes those futures, if the scheduler is gone. They run code of their owners, so no lock is held.
    pub(super) fn tell_closed(&self) {
        let mut state = self.lock();
        if state.is_open || !state.is_gone() {
            return;
        }
        let closed = std::mem::take(&mut state.closed);
        let released = state.supply.release();
        drop(state);
        // The threads of a rayon pool end with its last owner. This does not wait for them, so one of them can do it.
        #[cfg_attr(not(feature = "rayon"), expect(clippy::drop_non_drop, reason = "only rayon's threads are held"))]
        drop(released);
        for promise in closed {
            promise.complete(());
        }
    }

    /// Stops the running jobs, if `step` says so, and ends those that waited. Jobs that a worker has and has not begun end before those that
    /// run, so that none begins because another one has heard of the stop. Code of users runs last.
    fn take_step(&self, step: ShutdownStep, pending: Pending<R::Job>) {
        if step >= ShutdownStep::Kill {
            let stops = self.stops.lock().begin();
            for stop in &stops {
                stop.revoke();
            }
            // Relaxed: see `is_stopping` of the host.
            self.is_stopping.store(true, Ordering::Relaxed);
            for stop in stops {
                stop.stop();
            }
        }
        self.end_pending(pending, &JobError::cancelled(), drop);
        // Wakes the workers that slept because something was left to do.
        self.shutdown(false);
    }

    /// Takes the jobs that have not started, under the lock: from then on no thread starts them, not even one that waits for them. Jobs that
    /// still come into the queue end with `error`, too.
    fn take_pending(&self, state: &mut State<R::Job>, error: &JobError) -> Pending<R::Job> {
        if state.ends_with.is_none() {
            state.ends_with = Some(error.clone());
        }
        let (taken, never_due) = (self.taken.id(), self.never_due.id());
        let (alive, tombstones) = state.take_pending(|job| job.move_to(taken), |run| run.move_to(never_due));
        Pending { alive, tombstones }
    }

    /// Ends the jobs that were taken. This runs code of their owners, so no lock is held.
    fn end_pending(&self, pending: Pending<R::Job>, error: &JobError, tell: impl Fn(Notify)) {
        drop(pending.tombstones);
        for job in pending.alive {
            let is_taken = job.queue_id() == Some(self.taken.id());
            let notify = job.fail(error.clone());
            self.end(|state| state.displaced_ended(is_taken));
            notify.into_iter().for_each(&tell);
        }
    }

    /// Closes the scheduler, and fails everything that waits, for the first reason that there was.
    pub(super) fn break_down(&self, error: JobError) {
        let mut state = self.lock();
        state.close();
        // A clone, for what an error holds may be a user's: none is dropped here.
        let error = state.broken.get_or_insert_with(|| error.clone()).clone();
        let pending = self.take_pending(&mut state, &error);
        drop(state);
        self.end_pending(pending, &error, |notify| self.call_back(notify));
        self.shutdown(false);
    }

    /// Blocks until the last thread has run its hooks and drops, and is about to end, until `deadline` at most. Returns whether that is so.
    pub(super) fn wait_gone(&self, deadline: Option<Instant>) -> bool {
        let _blocked = current::block_in(ActivityKind::WaitForShutdown(self.pool_name()), deadline);
        let mut state = self.lock();
        while !state.is_gone() && state.wait(&self.gone, deadline) {}
        state.is_gone()
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod cancels;
#[cfg(all(test, not(loom), not(shuttle)))]
mod stopped;
#[cfg(all(test, not(loom), not(shuttle)))]
mod tests;
