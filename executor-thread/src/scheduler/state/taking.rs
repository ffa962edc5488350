//! Which job a worker takes, what it takes along, and what goes back to the lanes.

use executor_core::Priority;

use super::super::members::{BATCH, Own};
use super::super::queued::Queued;
use super::State;

/// Workers have no more jobs in hand than this beside those that run, so that a low one has its turn in time.
const MOST_EXTRA: usize = 48;

impl<J: Queued, U> State<J, U> {
    /// The next job for `own`, and some that it takes along, if it may.
    pub(in crate::scheduler) fn take(&mut self, own: &mut Own<J>, batch: bool) -> Option<J> {
        let looks = own.jobs.is_empty() && self.members.comes(own);
        let job = self
            .job_at_hand(own, looks)
            .or_else(|| self.lanes.pop())
            .or_else(|| self.members.steal(own).inspect(|_| self.lanes.count_start()))?;
        self.found(own);
        if batch && own.jobs.is_empty() {
            self.hoard(own);
        }
        self.members.count_hoard(own);
        Some(job)
    }

    /// The next job, if it comes before those in the lane of normal ones.
    fn job_at_hand(&mut self, own: &Own<J>, looks: bool) -> Option<J> {
        let first = self.lanes.pop_before_normal();
        if first.is_some() {
            return first;
        }
        let taken_along = own.jobs.pop().or_else(|| if looks { self.members.steal(own) } else { None });
        taken_along.inspect(|_| self.lanes.count_start())
    }

    /// One more job for a worker that has one, if it would wait otherwise.
    pub(in crate::scheduler) fn take_extra(&mut self, own: &mut Own<J>) -> Option<J> {
        if !self.is_full_house() || self.extra >= MOST_EXTRA {
            return None;
        }
        let job = self.job_at_hand(own, false).or_else(|| self.lanes.pop())?;
        self.members.count_hoard(own);
        own.extra += 1;
        self.extra += 1;
        Some(job)
    }

    /// Puts a job back that was taken out, before all others of its priority: also before those that workers took along.
    pub(in crate::scheduler) fn give_back(&mut self, priority: Priority, job: J) {
        if priority == Priority::Normal {
            for later in self.members.steal_all().into_iter().rev() {
                self.lanes.push_front(Priority::Normal, later);
            }
        }
        self.lanes.push_front(priority, job);
    }

    /// Takes a share of a long queue along, so that the next few jobs need no lock.
    fn hoard(&mut self, own: &Own<J>) {
        let share = self.lanes.len() / (2 * self.width);
        for job in (0..share.min(BATCH)).map_while(|_| self.lanes.pop_normal()) {
            own.jobs.push(job);
        }
    }

    /// The batch of the worker at this place goes back to the lanes: its job is about to wait, and another worker goes on
    /// with the next.
    pub(in crate::scheduler) fn return_batch(&mut self, place: usize) {
        for job in self.members.steal_from(place).into_iter().rev() {
            self.lanes.push_front(Priority::Normal, job);
        }
    }

    /// Puts the own jobs back where they came from, before all others.
    pub(in crate::scheduler) fn put_back(&mut self, own: &mut Own<J>) {
        let mut jobs: Vec<J> = std::iter::from_fn(|| own.jobs.pop()).collect();
        while let Some(job) = jobs.pop() {
            self.lanes.push_front(Priority::Normal, job);
        }
        self.members.count_hoard(own);
    }
}
