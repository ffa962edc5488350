//! Jobs and timer events that wait for their time. The thread of the [timer](super::timer) waits for the earliest of them.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

use executor_core::Priority;

use super::queued::{Queued, TimerEvent};
use super::tombstones::Tombstones;

/// Up to this many entries, the tombstones are kept until their time.
const SMALL: usize = 1024;

/// Jobs and timer events by time. Those of the same time are in the order in which they came.
pub(crate) struct Delayed<J> {
    heap: BinaryHeap<Reverse<Timed<J>>>,
    count: u64,
    /// How many of them are jobs.
    jobs: usize,
    tombstones: Tombstones,
    /// How many of the jobs a shutdown cancels. Their tombstones are counted in `tombstones`, too.
    cancel_on_shutdown: usize,
    cancel_on_shutdown_tombstones: Tombstones,
    /// Timer events that were cancelled, and are in it still.
    cancelled_timers: usize,
}

struct Timed<J> {
    when: Instant,
    number: u64,
    /// Whether a shutdown cancels it.
    cancel_on_shutdown: bool,
    what: Due<J>,
}

pub(crate) enum Due<J> {
    Job(Priority, J),
    Timer(Box<dyn TimerEvent>),
}

impl<J: Queued> Due<J> {
    fn into_job(self) -> Option<J> {
        match self {
            Self::Job(_, job) => Some(job),
            Self::Timer(_) => None,
        }
    }

    fn is_tombstone(&self) -> bool {
        match self {
            Self::Job(_, job) => !job.is_waiting(),
            Self::Timer(timer) => timer.is_cancelled(),
        }
    }
}

/// Entries that were taken out, to be dropped outside the lock.
pub(crate) struct Removed<J>(#[expect(dead_code, reason = "it is held to be dropped")] Vec<Timed<J>>);

impl<J: Queued> Delayed<J> {
    pub(crate) fn push_job(&mut self, when: Instant, priority: Priority, job: J, cancel_on_shutdown: bool) {
        self.jobs += 1;
        self.cancel_on_shutdown += usize::from(cancel_on_shutdown);
        self.push(when, Due::Job(priority, job), cancel_on_shutdown);
    }

    pub(super) fn push_timer(&mut self, when: Instant, timer: Box<dyn TimerEvent>) {
        self.push(when, Due::Timer(timer), true);
    }

    fn push(&mut self, when: Instant, what: Due<J>, cancel_on_shutdown: bool) {
        self.heap.push(Reverse(Timed { when, number: self.count, cancel_on_shutdown, what }));
        self.count += 1;
    }

    /// Whether no job waits for its time.
    pub(crate) fn is_empty(&self) -> bool {
        self.jobs == 0
    }

    /// Jobs that wait for their time.
    pub(crate) fn alive(&self) -> usize {
        self.tombstones.alive_of(self.jobs)
    }

    /// The same, with `more` jobs that have their queue id here.
    pub(super) fn alive_with(&self, more: usize) -> usize {
        self.tombstones.alive_of(self.jobs + more)
    }

    /// Jobs that wait for their time and that a shutdown would wait for, too.
    pub(super) fn awaited(&self) -> usize {
        self.alive().saturating_sub(self.cancel_on_shutdown_tombstones.alive_of(self.cancel_on_shutdown))
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(timed)| timed.when)
    }

    /// When the next job is due, whether it was cancelled or not.
    pub(super) fn next_job(&self) -> Option<Instant> {
        let jobs = self.heap.iter().filter(|Reverse(timed)| matches!(timed.what, Due::Job(..)));
        jobs.map(|Reverse(timed)| timed.when).min()
    }

    pub(crate) fn pop(&mut self) -> Option<Due<J>> {
        let Reverse(Timed { what, cancel_on_shutdown, .. }) = self.heap.pop()?;
        match &what {
            Due::Job(..) => {
                self.jobs -= 1;
                self.cancel_on_shutdown -= usize::from(cancel_on_shutdown);
            }
            Due::Timer(timer) => {
                self.cancelled_timers = self.cancelled_timers.saturating_sub(usize::from(timer.is_cancelled()));
            }
        }
        Some(what)
    }

    /// The next, if it is a timer event whose time has come by `now`.
    pub(super) fn pop_timer(&mut self, now: Instant) -> Option<Box<dyn TimerEvent>> {
        let Reverse(next) = self.heap.peek()?;
        if next.when > now || matches!(next.what, Due::Job(..)) {
            return None;
        }
        match self.pop()? {
            Due::Timer(timer) => Some(timer),
            Due::Job(..) => None,
        }
    }

    /// A job was cancelled. Returns the tombstones when they have become the most, or, if it `is_closing`, when no other job is left.
    pub(crate) fn add_tombstone(&mut self, is_closing: bool) -> Removed<J> {
        self.tombstones.add_tombstone();
        self.sweep_if(is_closing && self.has_only_tombstones())
    }

    /// The same for one that a shutdown would cancel.
    pub(super) fn add_cancel_on_shutdown_tombstone(&mut self, is_closing: bool) -> Removed<J> {
        self.cancel_on_shutdown_tombstones.add_tombstone();
        self.add_tombstone(is_closing)
    }

    /// Returns the tombstones if no other job is left: a shutdown that waits for the last one need not wait for their time. They are not taken
    /// out one by one as they end, because each time would look at all entries.
    pub(crate) fn take_last_tombstones(&mut self) -> Removed<J> {
        self.sweep_if(self.has_only_tombstones())
    }

    fn has_only_tombstones(&self) -> bool {
        self.jobs > 0 && self.alive() == 0
    }

    /// A timer event was cancelled. Returns the tombstones when they have become the most.
    pub(super) fn cancelled(&mut self) -> Removed<J> {
        self.cancelled_timers += 1;
        self.sweep_if(false)
    }

    fn sweep_if(&mut self, must: bool) -> Removed<J> {
        let tombstones = self.cancelled_timers + self.tombstones.count();
        let are_most = self.heap.len() > SMALL && tombstones > self.heap.len() / 2;
        if are_most || must { self.take_tombstones() } else { Removed(Vec::new()) }
    }

    /// Takes out the jobs and timer events that were cancelled.
    pub(crate) fn take_tombstones(&mut self) -> Removed<J> {
        // Does not rely on the counts: a thread that cancels a job may wait for the lock before it reports the end.
        let tombstones = self.take(|timed| timed.what.is_tombstone());
        self.cancelled_timers = 0;
        Removed(tombstones)
    }

    /// Takes out the jobs that a shutdown cancels, to be failed outside the lock.
    pub(super) fn take_cancel_on_shutdown(&mut self) -> Vec<J> {
        if self.cancel_on_shutdown == 0 {
            return Vec::new();
        }
        let cancel_on_shutdown = self.take(|timed| timed.cancel_on_shutdown && matches!(timed.what, Due::Job(..)));
        cancel_on_shutdown.into_iter().filter_map(|timed| timed.what.into_job()).collect()
    }

    fn take(&mut self, is_meant: impl Fn(&Timed<J>) -> bool) -> Vec<Timed<J>> {
        let (meant, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.heap).into_iter().partition(|Reverse(timed)| is_meant(timed));
        self.heap = others.into();
        let meant: Vec<_> = meant.into_iter().map(|Reverse(timed)| timed).collect();
        let jobs = meant.iter().filter(|timed| matches!(timed.what, Due::Job(..)));
        let (count, cancel_on_shutdown) = (jobs.clone().count(), jobs.filter(|timed| timed.cancel_on_shutdown).count());
        self.jobs -= count;
        self.cancel_on_shutdown -= cancel_on_shutdown;
        // Each has ended, or ends now.
        self.removed_tombstones(count);
        self.cancel_on_shutdown_tombstones.removed(cancel_on_shutdown);
        meant
    }

    /// All other jobs, to be failed outside the lock. The timer events stay: jobs that run may have some.
    pub(crate) fn take_awaited(&mut self) -> Vec<J> {
        let awaited = self.take(|timed| !timed.cancel_on_shutdown && matches!(timed.what, Due::Job(..)));
        awaited.into_iter().filter_map(|timed| timed.what.into_job()).collect()
    }

    /// How many have been taken out as tombstones whose end was not reported yet.
    pub(crate) fn unreported(&self) -> usize {
        self.tombstones.unreported()
    }

    /// Jobs that were taken out were alive, and tell another queue id of their end.
    pub(super) fn moved(&mut self, n: usize) {
        self.tombstones.moved(n);
    }

    /// The same for jobs that a shutdown cancels.
    pub(super) fn moved_cancel_on_shutdown(&mut self, n: usize) {
        self.cancel_on_shutdown_tombstones.moved(n);
        self.moved(n);
    }

    /// Jobs that were taken out had ended already.
    pub(crate) fn removed_tombstones(&mut self, n: usize) {
        self.tombstones.removed(n);
    }

    /// A job that a shutdown cancels had ended already when it was taken out, or was to be put in.
    pub(super) fn removed_cancel_on_shutdown_tombstone(&mut self) {
        self.cancel_on_shutdown_tombstones.removed(1);
        self.removed_tombstones(1);
    }
}

impl<J> Default for Delayed<J> {
    fn default() -> Self {
        let (tombstones, cancel_on_shutdown_tombstones) = Default::default();
        Self {
            heap: BinaryHeap::new(),
            count: 0,
            jobs: 0,
            tombstones,
            cancel_on_shutdown: 0,
            cancel_on_shutdown_tombstones,
            cancelled_timers: 0,
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
