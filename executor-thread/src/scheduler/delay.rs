//! Jobs and alarms that wait for their time. The thread of the [timer](super::timer) waits for the earliest of them.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

use executor_core::Priority;

use super::dead::Dead;
use super::queued::{Alarm, Queued};

/// Up to this many entries, the dead are kept until their time.
const SMALL: usize = 1024;

/// Jobs and alarms by time. Those of the same time are in the order in which they came.
pub(crate) struct Delayed<J> {
    heap: BinaryHeap<Reverse<Timed<J>>>,
    count: u64,
    /// How many of them are jobs.
    jobs: usize,
    dead: Dead,
    /// How many of the jobs are fleeting. Their dead are counted in `dead`, too.
    fleeting: usize,
    fleeting_dead: Dead,
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

/// Entries that were taken out, to be dropped outside the lock.
pub(crate) struct Removed<J>(#[expect(dead_code, reason = "it is held to be dropped")] Vec<Timed<J>>);

impl<J: Queued> Delayed<J> {
    pub(crate) fn push_job(&mut self, when: Instant, priority: Priority, job: J, fleeting: bool) {
        self.jobs += 1;
        self.fleeting += usize::from(fleeting);
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

    /// The same, with `more` jobs that have their queue id here.
    pub(super) fn alive_with(&self, more: usize) -> usize {
        self.dead.alive_of(self.jobs + more)
    }

    /// Jobs that wait for their time and that a shutdown would wait for, too.
    pub(super) fn awaited(&self) -> usize {
        self.alive().saturating_sub(self.fleeting_dead.alive_of(self.fleeting))
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(timed)| timed.when)
    }

    pub(crate) fn pop(&mut self) -> Option<Due<J>> {
        let Reverse(Timed { what, fleeting, .. }) = self.heap.pop()?;
        match &what {
            Due::Job(..) => {
                self.jobs -= 1;
                self.fleeting -= usize::from(fleeting);
            }
            Due::Alarm(alarm) => self.silent = self.silent.saturating_sub(usize::from(alarm.is_off())),
        }
        Some(what)
    }

    /// The next, if it is an alarm whose time has come by `now`.
    pub(super) fn pop_alarm(&mut self, now: Instant) -> Option<Box<dyn Alarm>> {
        let Reverse(next) = self.heap.peek()?;
        if next.when > now || matches!(next.what, Due::Job(..)) {
            return None;
        }
        match self.pop()? {
            Due::Alarm(alarm) => Some(alarm),
            Due::Job(..) => None,
        }
    }

    /// A job was cancelled. Returns the dead when they have become the most, or, if it `is_closing`, when no other job is left.
    pub(crate) fn died(&mut self, is_closing: bool) -> Removed<J> {
        self.dead.died();
        self.sweep_if(is_closing && self.has_only_dead())
    }

    /// The same for one that a shutdown would cancel.
    pub(super) fn fleeting_died(&mut self, is_closing: bool) -> Removed<J> {
        self.fleeting_dead.died();
        self.died(is_closing)
    }

    /// Returns the dead if no other job is left: a shutdown that waits for the last one need not wait for their time. They are not taken
    /// out one by one as they die, because each time would look at all entries.
    pub(crate) fn take_last_dead(&mut self) -> Removed<J> {
        self.sweep_if(self.has_only_dead())
    }

    fn has_only_dead(&self) -> bool {
        self.jobs > 0 && self.alive() == 0
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

    /// Takes out the jobs that were cancelled, and the alarms that were called off.
    pub(crate) fn take_dead(&mut self) -> Removed<J> {
        // Does not rely on the counts: a thread that cancels a job may wait for the lock before it reports the death.
        let dead = self.take(|timed| timed.what.is_dead());
        self.silent = 0;
        Removed(dead)
    }

    /// Takes out the jobs that a shutdown cancels, to be failed outside the lock.
    pub(super) fn take_fleeting(&mut self) -> Vec<J> {
        if self.fleeting == 0 {
            return Vec::new();
        }
        let fleeting = self.take(|timed| timed.fleeting && matches!(timed.what, Due::Job(..)));
        fleeting.into_iter().filter_map(|timed| timed.what.into_job()).collect()
    }

    fn take(&mut self, is_meant: impl Fn(&Timed<J>) -> bool) -> Vec<Timed<J>> {
        let (meant, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.heap).into_iter().partition(|Reverse(timed)| is_meant(timed));
        self.heap = others.into();
        let meant: Vec<_> = meant.into_iter().map(|Reverse(timed)| timed).collect();
        let jobs = meant.iter().filter(|timed| matches!(timed.what, Due::Job(..)));
        let (count, fleeting) = (jobs.clone().count(), jobs.filter(|timed| timed.fleeting).count());
        self.jobs -= count;
        self.fleeting -= fleeting;
        // Each is dead, or dies now.
        self.removed_dead(count);
        self.fleeting_dead.removed(fleeting);
        meant
    }

    /// All other jobs, to be failed outside the lock. The alarms stay: jobs that run may have some.
    pub(crate) fn take_awaited(&mut self) -> Vec<J> {
        let awaited = self.take(|timed| !timed.fleeting && matches!(timed.what, Due::Job(..)));
        awaited.into_iter().filter_map(|timed| timed.what.into_job()).collect()
    }

    /// How many have been taken out dead whose death was not told yet.
    pub(crate) fn untold(&self) -> usize {
        self.dead.untold()
    }

    /// Jobs that were taken out were alive, and tell another queue id of their end.
    pub(super) fn moved(&mut self, n: usize) {
        self.dead.moved(n);
    }

    /// The same for fleeting jobs.
    pub(super) fn moved_fleeting(&mut self, n: usize) {
        self.fleeting_dead.moved(n);
        self.moved(n);
    }

    /// Jobs that were taken out were dead already.
    pub(crate) fn removed_dead(&mut self, n: usize) {
        self.dead.removed(n);
    }

    /// A fleeting job that was taken out, or is not put in, was dead already.
    pub(super) fn removed_dead_fleeting(&mut self) {
        self.fleeting_dead.removed(1);
        self.removed_dead(1);
    }
}

impl<J> Default for Delayed<J> {
    fn default() -> Self {
        let (dead, fleeting_dead) = Default::default();
        Self { heap: BinaryHeap::new(), count: 0, jobs: 0, dead, fleeting: 0, fleeting_dead, silent: 0 }
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
