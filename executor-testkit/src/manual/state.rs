//! The state under the lock: jobs that are queued, delayed, running or about to end.

use executor_core::Promise;
use executor_core::cell::QueuedControl;
use executor_core::queue_id::QueueId;

use super::clock::{Clock, Event};
use super::lanes::{Lanes, Order, Waiting};
use super::threads::Threads;

pub(super) struct State {
    pub(super) lanes: Lanes,
    pub(super) clock: Clock,
    pub(super) is_open: bool,
    /// Jobs that were taken from the queue, and have not come to their end.
    pub(super) running: usize,
    /// Threads that may run the very job that they wait for.
    pub(super) helping: usize,
    /// Cancelled jobs whose end is not reported yet.
    pub(super) ending: usize,
    /// Jobs whose end was reported after they had been taken, without those that were found not to start: negative while the end of such a
    /// one is unreported.
    pub(super) taken: isize,
    pub(super) threads: Threads,
    /// They end when the executor is [gone](Self::is_gone).
    pub(super) closed: Vec<Promise<()>>,
}

impl State {
    pub(super) fn new(order: Order, measures: bool) -> Self {
        Self {
            lanes: Lanes::new(order, measures),
            clock: Clock::new(),
            is_open: true,
            running: 0,
            helping: 0,
            ending: 0,
            taken: 0,
            threads: Threads::default(),
            closed: Vec::new(),
        }
    }

    /// A delayed job is due, and comes into the queue. A job that was cancelled meanwhile is returned.
    pub(super) fn queue_due(&mut self, waiting: Waiting, queue: QueueId) -> Option<Event> {
        if QueuedControl::move_to(&*waiting.job, queue) {
            self.lanes.push(waiting);
            return None;
        }
        self.clock.removed_tombstone();
        Some(Event::Queue(waiting))
    }

    /// Jobs that were taken to be ended were ended, by this thread or by others that are to report it.
    pub(super) fn taken_have_ended(&mut self, count: usize) {
        self.ending -= count;
        self.taken = self.taken.saturating_sub_unsigned(count);
    }

    /// Whether a thread is about to report the end of a job that was not run.
    pub(super) fn is_ending(&self) -> bool {
        self.ending > 0 || self.taken < 0 || self.lanes.has_unreported() || self.clock.has_unreported()
    }

    /// Whether nothing is queued, delayed, running or about to end.
    pub(super) fn is_idle(&self) -> bool {
        let left = self.lanes.alive() + self.clock.delayed() + self.ending;
        self.running + self.helping + left == 0 && self.taken >= 0
    }

    /// Whether nothing is left to be run, now or later.
    pub(super) fn is_over(&self) -> bool {
        !self.is_open && self.lanes.alive() + self.clock.delayed() == 0
    }

    /// Whether it was shut down, and no job and no thread is left.
    pub(super) fn is_gone(&self) -> bool {
        !self.is_open && self.is_idle() && self.threads.alive == 0
    }
}
