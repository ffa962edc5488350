//! The timer: the one thread of a scheduler that waits until jobs and timer events are due. All limits and delays wait for it, so it runs no code
//! of a user that may take long.

use std::iter;

use super::delay::Due;
use super::identity;
use super::queued::{Queued, TimerEvent};
use super::runner::Runner;
use super::shared::Shared;
use super::state::State;
use super::sync::{self, Unparker};

impl<R: Runner + 'static> Shared<R> {
    /// The body of the timer's thread: queues each job when its time has come, and fires each timer event. Ends with the
    /// shutdown, after the last job, and after the last worker, whose job may have a timer event.
    pub(super) fn keep_time(&self) {
        identity::enter(self.identity(), None);
        let mut state = self.lock();
        loop {
            match state.delayed.next() {
                _ if state.needs_no_timer() => break,
                None => {
                    state.wait(&self.due, None);
                }
                Some(when) if when <= sync::now() => {
                    let now = sync::now();
                    let timers: Vec<_> = iter::from_fn(|| state.delayed.pop_timer(now)).collect();
                    let job = if timers.is_empty() { state.delayed.pop() } else { None };
                    let last_tombstones = (!state.is_open).then(|| state.delayed.take_last_tombstones());
                    state.is_moving = true;
                    drop(state);
                    drop(last_tombstones);
                    self.fire(timers);
                    let tombstone = job.and_then(|job| self.queue_what_is_due(job));
                    state = self.lock();
                    state.is_moving = false;
                    if let Some(tombstone) = tombstone {
                        if tombstone.queue_id() == Some(self.cancel_on_shutdown.id()) {
                            state.delayed.removed_cancel_on_shutdown_tombstone();
                        } else {
                            state.delayed.removed_tombstones(1);
                        }
                        let sleepers = self.has_fewer_delayed(&mut state);
                        drop(state);
                        sleepers.iter().for_each(Unparker::unpark);
                        drop(tombstone);
                        state = self.lock();
                    }
                    // The job that it has just moved may have been the last one.
                    self.tell_if_idle(&state);
                }
                Some(when) => {
                    state.wait(&self.due, Some(when));
                }
            }
        }
        drop(state);
        self.end_timer(|_| ());
    }

    /// Ends the timer, whose thread ends or could not be started, after `change`. Idle workers look whether they are to end, too.
    pub(super) fn end_timer<T>(&self, change: impl FnOnce(&mut State<R::Job>) -> T) -> T {
        let (changed, sleepers) = self.end(|state| {
            let changed = change(state);
            state.has_timer = false;
            (changed, state.wake_if_over())
        });
        sleepers.iter().for_each(Unparker::unpark);
        changed
    }

    /// A job that was waited for will not come: with it, everything may be over.
    #[must_use = "those workers are counted as awake, and sleep"]
    pub(super) fn has_fewer_delayed(&self, state: &mut State<R::Job>) -> Vec<Unparker> {
        self.tell_if_idle(state);
        if state.needs_no_timer() {
            self.due.notify_all();
        }
        state.wake_if_over()
    }

    fn fire(&self, mut timers: Vec<Box<dyn TimerEvent>>) {
        for timer in &mut timers {
            timer.begin();
        }
        for timer in timers {
            if let Some((notify, captures)) = timer.fire() {
                self.call_back(notify);
                self.drop_aside(captures);
            }
        }
    }

    /// Returns a job that had been cancelled, to be dropped outside the lock.
    fn queue_what_is_due(&self, due: Due<R::Job>) -> Option<R::Job> {
        match due {
            Due::Job(priority, job) if job.move_to(self.queue.id()) => {
                let mut state = self.lock();
                if let Some(error) = state.ends_with.clone() {
                    self.count_out(&mut state, &job);
                    drop(state);
                    self.fail(job, error);
                } else {
                    let wake = self.enqueue(&mut state, priority, job);
                    drop(state);
                    self.perform(wake);
                }
                None
            }
            Due::Job(_, tombstone) => Some(tombstone),
            Due::Timer(_) => None,
        }
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests;
