//! The queue: a lane for each priority, and a count of the tombstones in them.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use executor_core::Priority;

use super::queued::Queued;
use super::tombstones::Tombstones;

/// Every `TURN` jobs, another lane is asked first: so each lane has its turn once in 48 jobs, well within the 100 that law 9 allows,
/// with room for the jobs that workers start before they hear of one that waits.
const TURN: usize = 16;

/// How many jobs of other lanes may start before the first low one: within the 100 of law 9, with the same room.
const MOST_OTHERS: usize = 96;

const NORMAL: usize = Priority::Normal as usize;
const LOW: usize = Priority::Low as usize;

/// A lane of no more jobs than this keeps its memory, and its tombstones.
const SMALL: usize = 1024;

pub(crate) struct Lanes<J> {
    queues: [VecDeque<J>; 3],
    /// Jobs in them, tombstones included.
    len: usize,
    tombstones: Tombstones,
    taken: usize,
    /// Jobs that workers have taken beside the one that each runs. They may start before any that waits here.
    pub(super) extra: usize,
    /// How many jobs have been taken when the first low one has its turn.
    low_is_due: usize,
}

impl<J> Default for Lanes<J> {
    fn default() -> Self {
        let (queues, tombstones) = Default::default();
        Self { queues, len: 0, tombstones, taken: 0, extra: 0, low_is_due: 0 }
    }
}

impl<J: Queued> Lanes<J> {
    pub(crate) fn push(&mut self, priority: Priority, job: J) {
        self.begins_to_wait(priority);
        self.queues[priority as usize].push_back(job);
        self.len += 1;
    }

    /// Puts a job back that was taken too early.
    pub(super) fn push_front(&mut self, priority: Priority, job: J) {
        self.begins_to_wait(priority);
        self.queues[priority as usize].push_front(job);
        self.len += 1;
    }

    /// The next job. If it has ended, the thread that fails to claim it reports that by [`removed_tombstones`](Lanes::removed_tombstones).
    pub(crate) fn pop(&mut self) -> Option<J> {
        // In turn, each lane is the first to be asked; else they go by priority.
        self.pop_from([self.first(), 0, 1, 2])
    }

    /// The next job, if it comes before those in a worker's local queue: an urgent one, unless it is the turn of those, or a low one
    /// whose turn it is.
    pub(super) fn pop_before_normal(&mut self) -> Option<J> {
        match self.first() {
            NORMAL => None,
            first => self.pop_from([first, Priority::High as usize]),
        }
    }

    /// The next usual job, if no other waits that may have its turn before.
    pub(super) fn pop_normal(&mut self) -> Option<J> {
        if self.has_urgent() || self.has_low() { None } else { self.pop_from([NORMAL]) }
    }

    /// A job that was taken out before is started now: it counts for the turns.
    pub(super) fn count_start(&mut self) {
        self.taken += 1;
    }

    /// The oldest job of the least priority.
    pub(super) fn pop_oldest(&mut self) -> Option<J> {
        self.pop_from([2, 1, 0])
    }

    pub(super) fn has_urgent(&self) -> bool {
        !self.queues[Priority::High as usize].is_empty()
    }

    /// Whether a job of low priority waits. Then workers take no batches, and look here before each job, so that it has its turn.
    pub(super) fn has_low(&self) -> bool {
        !self.queues[LOW].is_empty()
    }

    /// A job comes into a lane.
    fn begins_to_wait(&mut self, priority: Priority) {
        if priority == Priority::Low && !self.has_low() {
            self.low_is_first();
        }
    }

    /// A low job is the first of its lane from now on.
    fn low_is_first(&mut self) {
        self.low_is_due = self.taken + MOST_OTHERS.saturating_sub(self.extra);
    }

    /// The lane that is asked first.
    fn first(&self) -> usize {
        if self.has_low() && self.taken >= self.low_is_due {
            return LOW;
        }
        let is_turn = (self.taken + 1) % TURN == 0;
        if is_turn { self.taken / TURN % 3 } else { Priority::High as usize }
    }

    fn pop_from(&mut self, order: impl IntoIterator<Item = usize>) -> Option<J> {
        let pop = |lane: usize| Some((lane, self.queues[lane].pop_front()?));
        let (lane, job) = order.into_iter().find_map(pop)?;
        self.taken += 1;
        if lane == LOW {
            self.low_is_first();
        }
        self.len -= 1;
        if self.len % SMALL == 0 {
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

    /// The job, if there is only one.
    pub(super) fn only(&self) -> Option<&J> {
        if self.len == 1 { self.queues.iter().find_map(VecDeque::front) } else { None }
    }

    /// Jobs in the lanes, tombstones too.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The jobs of a lane, tombstones too, the oldest first.
    pub(super) fn iter(&self, priority: Priority) -> impl Iterator<Item = &J> {
        self.queues[priority as usize].iter()
    }

    /// Jobs in each lane, tombstones too.
    pub(super) fn lens(&self) -> [usize; 3] {
        [0, 1, 2].map(|lane| self.queues[lane].len())
    }

    /// Jobs that wait.
    pub(crate) fn alive(&self) -> usize {
        self.tombstones.alive_of(self.len)
    }

    /// The same, with `more` that are in local queues and wait still.
    pub(super) fn alive_with(&self, more: usize) -> usize {
        self.tombstones.alive_of(self.len + more)
    }

    /// Jobs that have a slot: those that wait, without any that was taken out as tombstones and whose end was not reported yet.
    pub(super) fn slots_taken(&self) -> usize {
        self.alive().min(self.len)
    }

    /// One of them has ended. Returns the tombstones, to be dropped outside the lock, when they have become the most.
    pub(crate) fn add_tombstone(&mut self) -> Vec<J> {
        self.tombstones.add_tombstone();
        if self.len > SMALL && self.alive() < self.len / 2 { self.sweep() } else { Vec::new() }
    }

    /// How many have been taken out as tombstones whose end was not reported yet.
    pub(crate) fn unreported(&self) -> usize {
        self.tombstones.unreported()
    }

    /// A job that was taken out had ended already.
    pub(crate) fn removed_tombstones(&mut self, n: usize) {
        self.tombstones.removed(n);
    }

    /// Jobs that [`take_all`](Lanes::take_all) gave were alive, and tell another queue id of their end.
    pub(super) fn moved(&mut self, n: usize) {
        self.tombstones.moved(n);
    }

    fn sweep(&mut self) -> Vec<J> {
        let mut tombstones = Vec::new();
        for lane in &mut self.queues {
            for job in std::mem::take(lane) {
                if job.is_waiting() { lane.push_back(job) } else { tombstones.push(job) }
            }
        }
        self.len -= tombstones.len();
        self.removed_tombstones(tombstones.len());
        tombstones
    }

    /// Empties the lanes: no worker will take jobs from them any more.
    pub(super) fn take_all(&mut self) -> Vec<J> {
        let all: Vec<J> = self.queues.iter_mut().flat_map(std::mem::take).collect();
        self.len = 0;
        // Those that are alive end now, and report it.
        self.removed_tombstones(all.len());
        all
    }
}
