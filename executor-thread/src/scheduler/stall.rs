//! Watches for jobs that run for long, and for a queue that does not move.
//!
//! A timer event is set when a job comes into the queue, and again as long as jobs wait or run: so an idle pool is not looked at. The
//! event only looks. The report is made, and the user's function called, on a thread of its own.

use std::sync::Weak;

use executor_core::Priority;
use executor_core::cell::{Captures, Notify};
use executor_core::dump::{OnStall, Stall};
use executor_core::panics::{catch, drop_catching};

use super::callback_queue::{Errand, Purpose};
use super::queued::{Queued, TimerEvent};
use super::runner::Runner;
use super::shared::Shared;
use super::stall_watch::{Found, Seen};
use super::state::{State, Wake};
use super::sync;

/// Looks whether something stalls.
struct Look<R: Runner + 'static>(Weak<Shared<R>>);

impl<R: Runner + 'static> TimerEvent for Look<R> {
    fn fire(self: Box<Self>) -> Option<(Notify, Captures)> {
        if let Some(shared) = self.0.upgrade() {
            shared.look_for_stalls();
        }
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

impl<R: Runner + 'static> Shared<R> {
    /// The setting by which the next job sets the timer event. `None` if the job sets none.
    fn missing_watch(&self, state: &State<R::Job>) -> Option<&OnStall> {
        self.config.on_stall.as_ref().filter(|_| !state.is_watched)
    }

    /// Whether the next job sets the timer event.
    pub(super) fn wants_watch(&self, state: &State<R::Job>) -> bool {
        self.missing_watch(state).is_some()
    }

    /// Queues a job of a measured pool, and sets the timer event if there is none.
    pub(super) fn enqueue_measured(&self, state: &mut State<R::Job>, priority: Priority, job: R::Job) -> Wake<R::Job> {
        self.begins_to_wait(&job);
        let id = job.lendable_id();
        state.lanes.push(priority, job);
        let wake = self.has_queued(state, priority, id);
        self.watch(state, wake)
    }

    /// A job has come. Sets the timer event that looks for stalls, if such an event is wanted and there is none.
    pub(super) fn watch(&self, state: &mut State<R::Job>, wake: Wake<R::Job>) -> Wake<R::Job> {
        let Some(on_stall) = self.missing_watch(state) else { return wake };
        state.is_watched = true;
        self.stall_watch.lock().begin(sync::now(), on_stall.limit);
        let Some(when) = sync::now().checked_add(on_stall.limit) else { return wake };
        state.delayed.push_timer(when, Box::new(Look(self.this.clone())));
        Wake::Watched { starts_timer: state.needs_new_timer(), then: Box::new(wake) }
    }

    fn look_for_stalls(&self) {
        let Some(on_stall) = &self.config.on_stall else { return };
        let running = self.counters.running();
        let mut state = self.lock();
        let stats = self.look(&state);
        if stats.queued + stats.running == 0 {
            state.is_watched = false;
            return;
        }
        // A worker that has a job, and has not started it, may be stuck before that.
        let is_waiting = stats.queued > 0 || state.running() > running.len();
        let ended = stats.done() - stats.cancelled;
        let started = ended.wrapping_add(running.len() as u64);
        let seen = Seen { now: sync::now(), running: &running, started, is_waiting };
        let (found, next) = self.stall_watch.lock().look(&seen, on_stall.limit);
        state.delayed.push_timer(next, Box::new(Look(self.this.clone())));
        // One that waits for its turn will tell of everything.
        let is_told = !state.stalls.queue.is_empty();
        drop(state);
        if !found.is_empty() && !is_told {
            self.tell_of(found, on_stall.clone());
        }
    }

    fn tell_of(&self, found: Found, OnStall { limit, handler, .. }: OnStall) {
        let Some(shared) = self.this.upgrade() else { return };
        self.send(
            Purpose::Stalls,
            Errand::Report(Box::new(move || {
                let Found { jobs, queue } = found;
                let stall = Stall::new(limit, jobs, queue, shared.dump());
                drop(shared);
                drop_catching(catch(|| handler(&stall)));
                drop_catching(stall);
            })),
        );
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use executor_core::Future;
    use executor_core::dump::OnStall;

    use super::super::config::Config;
    use super::super::inbox::Put;
    use super::super::owned::Owned;
    use crate::runner::InPlace;

    /// The thread that holds the lock of the state finds the job when it releases the lock. The submitter has not looked.
    #[test]
    fn job_that_comes_while_the_watch_ends_is_watched() {
        let on_stall = Some(OnStall::new(Duration::from_secs(3600), |_| ()));
        let config = Config { on_stall, ..Config::new("watched", 1).with_measure(true) };
        let scheduler = Owned::new(config, |_| InPlace::new(None));
        let shared = scheduler.shared().unwrap();
        let (tell, started) = mpsc::channel();
        let (end, wait) = mpsc::channel::<()>();
        let (blocker, blocked) = Future::of_job_at(scheduler.queue(), move || {
            tell.send(()).unwrap();
            wait.recv().is_err()
        });
        assert!(shared.put(blocker).is_none());
        started.recv().unwrap();
        let (cell, future) = Future::of_job_at(scheduler.queue(), || 7);
        {
            let mut state = shared.lock();
            assert!(std::mem::take(&mut state.is_watched));
            assert!(matches!(shared.inbox.put(cell), Put::Left), "the worker is busy, and jobs are watched");
        }
        assert!(shared.lock().is_watched);
        drop(end);
        assert!(blocked.result().unwrap());
        assert_eq!(future.result().unwrap(), 7);
    }
}
