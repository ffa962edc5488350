//! Jobs that wait for their time, and the thread that waits with them: one for a scheduler that needs it.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

use super::lanes::Priority;
use super::shared::Shared;
use super::{Queued, Runner};

/// So few dead are kept until their time.
const SMALL: usize = 1024;

/// Jobs by time. Those of the same time are in the order in which they came.
pub(super) struct Delayed<J> {
    jobs: BinaryHeap<Reverse<Timed<J>>>,
    count: u64,
    /// Those of them that were cancelled.
    dead: usize,
}

struct Timed<J> {
    when: Instant,
    number: u64,
    priority: Priority,
    /// Whether a shutdown cancels it.
    fleeting: bool,
    job: J,
}

impl<J: Queued> Delayed<J> {
    pub(super) fn push(&mut self, when: Instant, priority: Priority, job: J, fleeting: bool) {
        self.jobs.push(Reverse(Timed { when, number: self.count, priority, fleeting, job }));
        self.count += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// When the next job is due.
    fn next(&self) -> Option<Instant> {
        self.jobs.peek().map(|Reverse(timed)| timed.when)
    }

    fn pop(&mut self) -> Option<Timed<J>> {
        self.jobs.pop().map(|Reverse(timed)| timed)
    }

    /// One of them was cancelled. Returns the dead, to be dropped outside the lock, when they have become the most, or at once if
    /// somebody `waits` for the end.
    pub(super) fn died(&mut self, waits: bool) -> Vec<J> {
        self.dead += 1;
        let is_most = self.jobs.len() > SMALL && self.dead > self.jobs.len() / 2;
        if is_most || waits { self.take_dead() } else { Vec::new() }
    }

    pub(super) fn take_all(&mut self) -> Vec<J> {
        std::mem::take(&mut self.jobs).into_iter().map(|Reverse(timed)| timed.job).collect()
    }

    /// Takes out what was cancelled meanwhile, to be dropped outside the lock.
    pub(super) fn take_dead(&mut self) -> Vec<J> {
        self.dead = 0;
        self.take(|timed| !timed.job.is_waiting())
    }

    /// Takes out what a shutdown cancels, to be failed outside the lock.
    pub(super) fn take_fleeting(&mut self) -> Vec<J> {
        self.take(|timed| timed.fleeting)
    }

    fn take(&mut self, is_meant: impl Fn(&Timed<J>) -> bool) -> Vec<J> {
        let (meant, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.jobs).into_iter().partition(|Reverse(timed)| is_meant(timed));
        self.jobs = others.into();
        meant.into_iter().map(|Reverse(timed)| timed.job).collect()
    }
}

impl<J> Default for Delayed<J> {
    fn default() -> Self {
        Self { jobs: BinaryHeap::new(), count: 0, dead: 0 }
    }
}

impl<R: Runner + 'static> Shared<R> {
    /// The body of the timer's thread: queues each job when its time has come. Ends with the shutdown, after the last one.
    pub(super) fn keep_time(&self) {
        let mut state = self.lock();
        loop {
            match state.delayed.next() {
                None if !state.is_open => return self.end_timer(state),
                None => self.due.wait(&mut state),
                Some(when) if when <= Instant::now() => {
                    if let Some(Timed { priority, job, .. }) = state.delayed.pop() {
                        // A cancelled one is dropped, outside the lock.
                        drop(state);
                        if job.move_to(self.queue.id()) {
                            self.enqueue(self.lock(), priority, job);
                        }
                        state = self.lock();
                    }
                }
                Some(when) => {
                    self.due.wait_until(&mut state, when);
                }
            }
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
