//! The timer: the one thread of a scheduler that waits until jobs and alarms are due. All limits and delays wait for it, so it runs no code
//! of a user that may take long.

use std::iter;

use super::delay::Due;
use super::identity;
use super::queued::{Alarm, Queued};
use super::runner::Runner;
use super::shared::Shared;
use super::state::State;
use super::sync::{self, MutexGuard, Unparker};

impl<R: Runner + 'static> Shared<R> {
    /// The body of the timer's thread: queues each job when its time has come, and rings each alarm. Ends with the
    /// shutdown, after the last job, and after the last worker, whose job may have an alarm.
    pub(super) fn keep_time(&self) {
        identity::enter(self.identity(), None);
        let mut state = self.lock();
        loop {
            match state.delayed.next() {
                _ if state.needs_no_timer() => return self.end_timer(state),
                None => self.due.wait(&mut state),
                Some(when) if when <= sync::now() => {
                    let now = sync::now();
                    let alarms: Vec<_> = iter::from_fn(|| state.delayed.pop_alarm(now)).collect();
                    let job = if alarms.is_empty() { state.delayed.pop() } else { None };
                    let last_dead = (!state.is_open).then(|| state.delayed.take_last_dead());
                    state.is_moving = true;
                    drop(state);
                    drop(last_dead);
                    self.ring(alarms);
                    let dead = job.and_then(|job| self.queue_what_is_due(job));
                    state = self.lock();
                    state.is_moving = false;
                    if let Some(dead) = dead {
                        if dead.home() == Some(self.fleeting.id()) {
                            state.delayed.removed_dead_fleeting();
                        } else {
                            state.delayed.removed_dead(1);
                        }
                        self.has_fewer_delayed(state);
                        drop(dead);
                        state = self.lock();
                    }
                    // The job that it has just moved may have been the last one.
                    self.tell_if_idle(&state);
                }
                Some(when) => {
                    self.due.wait_until(&mut state, Some(when));
                }
            }
        }
    }

    /// A job that was waited for will not come: with it, everything may be over.
    pub(super) fn has_fewer_delayed(&self, mut state: MutexGuard<'_, State<R::Job>>) {
        self.tell_if_idle(&state);
        if state.needs_no_timer() {
            self.due.notify_all();
        }
        let sleepers = if state.is_over() { state.wake_all() } else { Vec::new() };
        drop(state);
        sleepers.iter().for_each(Unparker::unpark);
    }

    fn ring(&self, mut alarms: Vec<Box<dyn Alarm>>) {
        for alarm in &mut alarms {
            alarm.begin();
        }
        for alarm in alarms {
            if let Some((notify, captures)) = alarm.ring() {
                self.call_back(notify);
                self.drop_aside(captures);
            }
        }
    }

    /// Returns a job that had been cancelled, to be dropped outside the lock.
    fn queue_what_is_due(&self, due: Due<R::Job>) -> Option<R::Job> {
        match due {
            Due::Job(priority, job) if job.move_to(self.queue.id()) => {
                let state = self.lock();
                match &state.ends_with {
                    None => self.enqueue(state, priority, job),
                    Some(error) => {
                        let error = error.clone();
                        self.end_queued(state, job, error);
                    }
                }
                None
            }
            Due::Job(_, dead) => Some(dead),
            Due::Alarm(_) => None,
        }
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests;
