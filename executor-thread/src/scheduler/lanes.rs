//! The queue: a lane for each priority, and a count of what in them is dead.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use executor_core::Priority;

use super::Queued;
use super::dead::Dead;

/// Every so many jobs, the lanes are looked at in another order.
const TURN: usize = 32;

/// A lane of no more jobs than this keeps its memory, and its dead.
const SMALL: usize = 1024;

pub(crate) struct Lanes<J> {
    queues: [VecDeque<J>; 3],
    /// Jobs in them, dead or alive.
    len: usize,
    dead: Dead,
    taken: usize,
}

impl<J> Default for Lanes<J> {
    fn default() -> Self {
        Self { queues: Default::default(), len: 0, dead: Dead::default(), taken: 0 }
    }
}

impl<J: Queued> Lanes<J> {
    pub(crate) fn push(&mut self, priority: Priority, job: J) {
        self.queues[priority as usize].push_back(job);
        self.len += 1;
    }

    /// Puts a job back that was taken too early.
    pub(super) fn push_front(&mut self, priority: Priority, job: J) {
        self.queues[priority as usize].push_front(job);
        self.len += 1;
    }

    /// The next job. It may be dead, which whoever claims it finds out, and tells by [`removed_dead`](Lanes::removed_dead).
    pub(crate) fn pop(&mut self) -> Option<J> {
        // In turn, each lane is the first to be asked; else they go by priority.
        let first = if self.is_turn() { self.taken / TURN % 3 } else { 0 };
        self.pop_from([first, 0, 1, 2])
    }

    /// The next job if it is urgent, and not another lane's turn.
    pub(super) fn pop_urgent(&mut self) -> Option<J> {
        if self.is_turn() { None } else { self.pop_from([Priority::High as usize]) }
    }

    /// The next usual job, if no urgent one waits.
    pub(super) fn pop_normal(&mut self) -> Option<J> {
        if self.has_urgent() { None } else { self.pop_from([Priority::Normal as usize]) }
    }

    /// The oldest job of the least priority.
    pub(super) fn pop_oldest(&mut self) -> Option<J> {
        self.pop_from([2, 1, 0])
    }

    pub(super) fn has_urgent(&self) -> bool {
        !self.queues[Priority::High as usize].is_empty()
    }

    fn is_turn(&self) -> bool {
        (self.taken + 1).is_multiple_of(TURN)
    }

    fn pop_from(&mut self, order: impl IntoIterator<Item = usize>) -> Option<J> {
        let job = order.into_iter().find_map(|lane| self.queues[lane].pop_front())?;
        self.taken += 1;
        self.len -= 1;
        if self.len.is_multiple_of(SMALL) {
            self.shrink();
        }
        Some(job)
    }

    /// A lane that was long gives its memory back while it empties.
    fn shrink(&mut self) {
        for lane in &mut self.queues {
            if lane.capacity() > SMALL && lane.len() < lane.capacity() / 4 {
                lane.shrink_to(lane.capacity() / 2);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Jobs in the lanes, dead ones too.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Jobs that wait.
    pub(crate) fn alive(&self) -> usize {
        self.dead.alive_of(self.len)
    }

    /// The same, with `more` that were taken along and wait still.
    pub(super) fn alive_with(&self, more: usize) -> usize {
        self.dead.alive_of(self.len + more)
    }

    /// Jobs that have a place: those that wait, without any that was taken out dead and has not told so yet.
    pub(super) fn placed(&self) -> usize {
        self.alive().min(self.len)
    }

    /// One of them has died. Returns the dead, to be dropped outside the lock, when they have become the most.
    pub(crate) fn died(&mut self) -> Vec<J> {
        self.dead.died();
        if self.len > SMALL && self.alive() < self.len / 2 { self.sweep() } else { Vec::new() }
    }

    /// How many have been taken out dead whose death was not told yet.
    pub(crate) fn untold(&self) -> usize {
        self.dead.untold()
    }

    /// A job that was taken out was dead already.
    pub(crate) fn removed_dead(&mut self, n: usize) {
        self.dead.removed(n);
    }

    fn sweep(&mut self) -> Vec<J> {
        let mut dead = Vec::new();
        for lane in &mut self.queues {
            for job in std::mem::take(lane) {
                if job.is_waiting() { lane.push_back(job) } else { dead.push(job) }
            }
        }
        self.len -= dead.len();
        self.removed_dead(dead.len());
        dead
    }

    /// Empties the lanes, for nobody will work.
    pub(super) fn take_all(&mut self) -> Vec<J> {
        let all: Vec<J> = self.queues.iter_mut().flat_map(std::mem::take).collect();
        self.len = 0;
        // Those that are alive die now, and tell it.
        self.removed_dead(all.len());
        all
    }
}
