//! Which job a worker takes, its batch, and what goes back to the lanes.

use executor_core::Priority;

use super::super::queued::Queued;
use super::super::workers::{BATCH, WorkerLocal};
use super::State;

/// Workers have no more jobs in hand than this beside those that run, so that a low one that comes has its turn in time.
const MOST_EXTRA: usize = 90;

/// The same while a low job waits: then its turn comes no sooner than usual.
const MOST_EXTRA_BEFORE_LOW: usize = 48;

impl<J: Queued, U> State<J, U> {
    /// The next job for `local`, and a batch, if it may take one.
    pub(in crate::scheduler) fn take(&mut self, local: &mut WorkerLocal<J>, batch: bool) -> Option<J> {
        let looks = local.jobs.is_empty() && self.workers.comes(local);
        let job = self
            .job_at_hand(local, looks)
            .or_else(|| self.lanes.pop())
            .or_else(|| self.workers.steal(local).inspect(|_| self.lanes.count_start()))?;
        self.found(local);
        if batch && local.jobs.is_empty() {
            self.take_batch(local);
        }
        self.workers.count_local_jobs(local);
        Some(job)
    }

    /// The next job, if it comes before those in the lane of normal ones.
    fn job_at_hand(&mut self, local: &WorkerLocal<J>, looks: bool) -> Option<J> {
        let first = self.lanes.pop_before_normal();
        if first.is_some() {
            return first;
        }
        let from_local = local.jobs.pop().or_else(|| if looks { self.workers.steal(local) } else { None });
        from_local.inspect(|_| self.lanes.count_start())
    }

    /// One more job for a worker that has one, if it would wait otherwise.
    pub(in crate::scheduler) fn take_extra(&mut self, local: &mut WorkerLocal<J>) -> Option<J> {
        let most = if self.lanes.has_low() { MOST_EXTRA_BEFORE_LOW } else { MOST_EXTRA };
        if !self.is_saturated() || self.lanes.extra >= most {
            return None;
        }
        let job = self.job_at_hand(local, false).or_else(|| self.lanes.pop())?;
        self.workers.count_local_jobs(local);
        local.extra += 1;
        self.lanes.extra += 1;
        Some(job)
    }

    /// Puts a job back that was taken out, before all others of its priority: also before those in local queues.
    pub(in crate::scheduler) fn give_back(&mut self, priority: Priority, job: J) {
        if priority == Priority::Normal {
            self.return_all();
        }
        self.lanes.push_front(priority, job);
    }

    /// All batches go back to the lanes. Returns whether there were any.
    pub(in crate::scheduler) fn return_all(&mut self) -> bool {
        let jobs = self.workers.steal_all();
        let has_some = !jobs.is_empty();
        for job in jobs.into_iter().rev() {
            self.lanes.push_front(Priority::Normal, job);
        }
        has_some
    }

    /// Takes a share of a long queue as a batch, so that the next few jobs need no lock.
    fn take_batch(&mut self, local: &WorkerLocal<J>) {
        let share = self.lanes.len() / (2 * self.width);
        for job in (0..share.min(BATCH)).map_while(|_| self.lanes.pop_normal()) {
            local.jobs.push(job);
        }
    }

    /// The batch of the worker at this place goes back to the lanes: its job is about to wait, and another worker goes on
    /// with the next.
    pub(in crate::scheduler) fn return_batch(&mut self, place: usize) {
        for job in self.workers.steal_from(place).into_iter().rev() {
            self.lanes.push_front(Priority::Normal, job);
        }
    }

    /// Puts the jobs of the local queue back where they came from, before all others.
    pub(in crate::scheduler) fn put_back(&mut self, local: &mut WorkerLocal<J>) {
        let mut jobs: Vec<J> = std::iter::from_fn(|| local.jobs.pop()).collect();
        while let Some(job) = jobs.pop() {
            self.lanes.push_front(Priority::Normal, job);
        }
        self.workers.count_local_jobs(local);
    }
}
