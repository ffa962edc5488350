//! The queue: a lane for each priority, and a count of what in them is dead.

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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use executor_core::JobError;
    use executor_core::cell::Notify;
    use executor_core::home::HomeId;

    use super::*;

    #[derive(Clone)]
    struct Entry(usize, Arc<AtomicBool>);

    impl Queued for Entry {
        fn fail(self, _: JobError) -> Option<Notify> {
            None
        }

        fn home(&self) -> Option<HomeId> {
            None
        }

        fn is_waiting(&self) -> bool {
            !self.1.load(Ordering::Relaxed)
        }

        fn move_to(&self, _: HomeId) -> bool {
            true
        }
    }

    fn lanes(entries: impl IntoIterator<Item = (Priority, usize)>) -> Lanes<Entry> {
        let mut lanes = Lanes::default();
        for (priority, number) in entries {
            lanes.push(priority, Entry(number, Arc::default()));
        }
        lanes
    }

    fn numbers(lanes: &mut Lanes<Entry>) -> Vec<usize> {
        std::iter::from_fn(|| lanes.pop()).map(|Entry(number, _)| number).collect()
    }

    #[test]
    fn jobs_go_by_priority_and_then_in_order() {
        let mut lanes = lanes([
            (Priority::Low, 5),
            (Priority::Normal, 3),
            (Priority::High, 1),
            (Priority::Normal, 4),
            (Priority::High, 2),
        ]);
        assert_eq!(numbers(&mut lanes), [1, 2, 3, 4, 5]);
        assert!(lanes.is_empty());
    }

    #[test]
    fn no_lane_is_starved() {
        let high = (0..1000).map(|_| (Priority::High, 0));
        let mut lanes = lanes(high.chain([(Priority::Low, 1), (Priority::Normal, 2)]));
        let order = numbers(&mut lanes);
        let place = |number| order.iter().position(|&found| found == number).unwrap();
        assert!(place(1) < 3 * TURN && place(2) < 3 * TURN, "{} {}", place(1), place(2));
    }

    #[test]
    fn the_dead_are_swept_when_they_are_the_most() {
        let mut lanes = Lanes::default();
        let entries: Vec<_> = (0..4000).map(|number| Entry(number, Arc::default())).collect();
        for entry in &entries {
            lanes.push(Priority::Normal, entry.clone());
        }
        let mut swept = 0;
        for entry in entries.iter().skip(1).step_by(2).chain(entries.iter().step_by(2).take(1500)) {
            entry.1.store(true, Ordering::Relaxed);
            swept += lanes.died().len();
        }
        assert!(swept > 2000, "{swept}");
        assert_eq!((lanes.alive(), lanes.len() - lanes.alive()), (500, 3500 - swept));
        let mut left = 0;
        while let Some(entry) = lanes.pop() {
            if !entry.is_waiting() {
                lanes.removed_dead(1);
            }
            left += 1;
        }
        assert_eq!(left, 4000 - swept);
        assert_eq!(lanes.alive(), 0);
    }
}
