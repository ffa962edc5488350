//! What waits for its time: jobs, and alarms. One thread waits with them, for a scheduler that needs it.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::iter;
use std::time::Instant;

use executor_core::Priority;

use super::dead::Dead;
use super::shared::Shared;
use super::state::State;
use super::sync::{MutexGuard, Unparker};
use super::{Alarm, Queued, Runner, sync, worker};

/// So few dead are kept until their time.
const SMALL: usize = 1024;

/// Jobs and alarms by time. Those of the same time are in the order in which they came.
pub(crate) struct Delayed<J> {
    heap: BinaryHeap<Reverse<Timed<J>>>,
    count: u64,
    /// How many of them are jobs.
    jobs: usize,
    dead: Dead,
    /// Alarms that were called off, and are in it still.
    silent: usize,
}

struct Timed<J> {
    when: Instant,
    number: u64,
    /// Whether a shutdown cancels it.
    fleeting: bool,
    what: Due<J>,
}

pub(crate) enum Due<J> {
    Job(Priority, J),
    Alarm(Box<dyn Alarm>),
}

impl<J: Queued> Due<J> {
    fn into_job(self) -> Option<J> {
        match self {
            Self::Job(_, job) => Some(job),
            Self::Alarm(_) => None,
        }
    }

    fn is_dead(&self) -> bool {
        match self {
            Self::Job(_, job) => !job.is_waiting(),
            Self::Alarm(alarm) => alarm.is_off(),
        }
    }
}

/// What was taken out, to be dropped outside the lock.
pub(crate) struct Removed<J>(#[expect(dead_code, reason = "it is held to be dropped")] Vec<Timed<J>>);

impl<J: Queued> Delayed<J> {
    pub(crate) fn push_job(&mut self, when: Instant, priority: Priority, job: J, fleeting: bool) {
        self.jobs += 1;
        self.push(when, Due::Job(priority, job), fleeting);
    }

    pub(super) fn push_alarm(&mut self, when: Instant, alarm: Box<dyn Alarm>) {
        self.push(when, Due::Alarm(alarm), true);
    }

    fn push(&mut self, when: Instant, what: Due<J>, fleeting: bool) {
        self.heap.push(Reverse(Timed { when, number: self.count, fleeting, what }));
        self.count += 1;
    }

    /// Whether no job waits for its time.
    pub(crate) fn is_empty(&self) -> bool {
        self.jobs == 0
    }

    /// Jobs that wait for their time.
    pub(crate) fn alive(&self) -> usize {
        self.dead.alive_of(self.jobs)
    }

    /// The same, with `more` jobs that have their home here.
    pub(super) fn alive_with(&self, more: usize) -> usize {
        self.dead.alive_of(self.jobs + more)
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(timed)| timed.when)
    }

    pub(crate) fn pop(&mut self) -> Option<Due<J>> {
        let Reverse(Timed { what, .. }) = self.heap.pop()?;
        match &what {
            Due::Job(..) => self.jobs -= 1,
            Due::Alarm(alarm) => self.silent = self.silent.saturating_sub(usize::from(alarm.is_off())),
        }
        Some(what)
    }

    /// The next, if it is an alarm whose time has come by `now`.
    fn pop_alarm(&mut self, now: Instant) -> Option<Box<dyn Alarm>> {
        let Reverse(next) = self.heap.peek()?;
        if next.when > now || matches!(next.what, Due::Job(..)) {
            return None;
        }
        match self.pop()? {
            Due::Alarm(alarm) => Some(alarm),
            Due::Job(..) => None,
        }
    }

    /// A job was cancelled. Returns the dead when they have become the most, or at once if somebody `waits` for the end.
    pub(crate) fn died(&mut self, waits: bool) -> Removed<J> {
        self.dead.died();
        self.sweep_if(waits)
    }

    /// An alarm was called off. Returns the dead when they have become the most.
    pub(super) fn fell_silent(&mut self) -> Removed<J> {
        self.silent += 1;
        self.sweep_if(false)
    }

    fn sweep_if(&mut self, must: bool) -> Removed<J> {
        let dead = self.silent + self.dead.count();
        let are_most = self.heap.len() > SMALL && dead > self.heap.len() / 2;
        if are_most || must { self.take_dead() } else { Removed(Vec::new()) }
    }

    /// Takes out what was cancelled or called off.
    pub(crate) fn take_dead(&mut self) -> Removed<J> {
        let dead = self.take(|timed| timed.what.is_dead());
        self.silent = 0;
        Removed(dead)
    }

    /// Takes out the jobs that a shutdown cancels, to be failed outside the lock.
    pub(super) fn take_fleeting(&mut self) -> Vec<J> {
        let fleeting = self.take(|timed| timed.fleeting && matches!(timed.what, Due::Job(..)));
        fleeting.into_iter().filter_map(|timed| timed.what.into_job()).collect()
    }

    fn take(&mut self, is_meant: impl Fn(&Timed<J>) -> bool) -> Vec<Timed<J>> {
        let (meant, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.heap).into_iter().partition(|Reverse(timed)| is_meant(timed));
        self.heap = others.into();
        let meant: Vec<_> = meant.into_iter().map(|Reverse(timed)| timed).collect();
        let jobs = meant.iter().filter(|timed| matches!(timed.what, Due::Job(..))).count();
        self.jobs -= jobs;
        // Each is dead, or dies now.
        self.removed_dead(jobs);
        meant
    }

    /// All jobs, to be failed outside the lock. The alarms stay: jobs that run may have some.
    pub(crate) fn take_jobs(&mut self) -> Vec<J> {
        self.take(|timed| matches!(timed.what, Due::Job(..)))
            .into_iter()
            .filter_map(|timed| timed.what.into_job())
            .collect()
    }

    /// How many have been taken out dead whose death was not told yet.
    pub(crate) fn untold(&self) -> usize {
        self.dead.untold()
    }

    /// Jobs that were taken out were alive, and tell another home of their end.
    pub(super) fn moved(&mut self, n: usize) {
        self.dead.moved(n);
    }

    /// Jobs that were taken out were dead already.
    pub(crate) fn removed_dead(&mut self, n: usize) {
        self.dead.removed(n);
    }
}

impl<J> Default for Delayed<J> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), count: 0, jobs: 0, dead: Dead::default(), silent: 0 }
    }
}

impl<R: Runner + 'static> Shared<R> {
    /// The body of the timer's thread: queues each job when its time has come, and rings each alarm. Ends with the
    /// shutdown, after the last job, and after the last worker, whose job may have an alarm.
    pub(super) fn keep_time(&self) {
        worker::enter(self);
        let mut state = self.lock();
        loop {
            match state.delayed.next() {
                _ if state.needs_no_timer() => return self.end_timer(state),
                None => self.due.wait(&mut state),
                Some(when) if when <= sync::now() => {
                    let now = sync::now();
                    let alarms: Vec<_> = iter::from_fn(|| state.delayed.pop_alarm(now)).collect();
                    let job = if alarms.is_empty() { state.delayed.pop() } else { None };
                    state.is_moving = true;
                    drop(state);
                    self.ring(alarms);
                    let was_dead = job.is_some_and(|job| self.queue_what_is_due(job));
                    state = self.lock();
                    state.is_moving = false;
                    state.delayed.removed_dead(usize::from(was_dead));
                    if was_dead {
                        self.has_fewer_delayed(state);
                        state = self.lock();
                    }
                    // What it had in its hand may have been all that there was.
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
            if let Some(notify) = alarm.ring() {
                self.call_back(notify);
            }
        }
    }

    /// Says whether it was a job that had been cancelled. That is dropped here, outside the lock.
    fn queue_what_is_due(&self, due: Due<R::Job>) -> bool {
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
                false
            }
            Due::Job(..) => true,
            Due::Alarm(_) => false,
        }
    }
}

impl<J> Timed<J> {
    fn key(&self) -> (Instant, u64) {
        (self.when, self.number)
    }
}

impl<J> PartialEq for Timed<J> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<J> Eq for Timed<J> {}

impl<J> PartialOrd for Timed<J> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<J> Ord for Timed<J> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod heap;
#[cfg(all(test, not(loom), not(shuttle)))]
mod tests;
