//! Jobs that wait for their time, and the thread that waits with them: one for a scheduler that needs it.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Instant;

use super::state::Shared;
use super::{Queued, Runner};

/// Jobs by time. Those of the same time are in the order in which they came.
pub(crate) struct Delayed<J> {
    jobs: BinaryHeap<Reverse<Timed<J>>>,
    count: u64,
}

struct Timed<J> {
    when: Instant,
    number: u64,
    job: J,
}

impl<J: Queued> Delayed<J> {
    pub(crate) fn push(&mut self, when: Instant, job: J) {
        self.jobs.push(Reverse(Timed { when, number: self.count, job }));
        self.count += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// When the next job is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.jobs.peek().map(|Reverse(timed)| timed.when)
    }

    pub(crate) fn pop(&mut self) -> Option<J> {
        self.jobs.pop().map(|Reverse(timed)| timed.job)
    }

    pub(crate) fn take_all(&mut self) -> Vec<J> {
        std::mem::take(&mut self.jobs).into_iter().map(|Reverse(timed)| timed.job).collect()
    }

    /// Takes out what was cancelled meanwhile, to be dropped outside the lock.
    pub(crate) fn take_dead(&mut self) -> Vec<J> {
        let (dead, alive): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.jobs).into_iter().partition(|Reverse(timed)| timed.job.has_ended());
        self.jobs = alive.into();
        dead.into_iter().map(|Reverse(timed)| timed.job).collect()
    }
}

impl<J> Default for Delayed<J> {
    fn default() -> Self {
        Self { jobs: BinaryHeap::new(), count: 0 }
    }
}

impl<R: Runner + 'static> Shared<R> {
    /// The body of the timer's thread: queues each job when its time has come. Ends with the shutdown, after the last one.
    pub(super) fn keep_time(self: &Arc<Self>) {
        let mut state = self.lock();
        loop {
            match state.delayed.next() {
                None if !state.is_open => return self.end_timer(state),
                None => self.due.wait(&mut state),
                Some(when) if when <= Instant::now() => {
                    if let Some(job) = state.delayed.pop() {
                        self.enqueue(state, job);
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
