//! The statistics of a scheduler: read from the state that it has anyway, and from the counters of its jobs' ends.

use std::time::Instant;

use executor_core::Stats;
use executor_core::job_counters::{self, WorkerCounters};
use executor_core::queue_id::QueueId;

use super::queued::Queued;
use super::runner::Runner;
use super::shared::Shared;
use super::state::State;

impl<J: Queued, U> State<J, U> {
    /// Adds what waits and what runs.
    fn add_to(&self, stats: &mut Stats) {
        let running = self.running();
        let mail = self.mailboxes.alive();
        // A job that is cancelled in a worker's local queue, or in a mailbox, is counted among the tombstones of its queue id.
        stats.queued = self.lanes.alive_with(self.workers.local_jobs()) + mail + self.living_extra();
        stats.delayed = self.delayed.alive_with(self.mailboxes.len()).saturating_sub(mail);
        stats.running += running;
        stats.workers = self.threads();
        // While a job of rayon's waits for its parts, its thread may run another.
        stats.idle = stats.workers.saturating_sub(running);
    }
}

impl<R: Runner + 'static> Shared<R> {
    pub(super) fn stats(&self) -> Stats {
        self.look(&self.lock())
    }

    /// The statistics, under the lock. No code of a user's runs.
    pub(super) fn look(&self, state: &State<R::Job>) -> Stats {
        let mut stats = self.counters.stats();
        state.add_to(&mut stats);
        stats
    }

    /// The calling thread is a worker, which was begun at this moment, and counts what it does in local counters.
    pub(super) fn local_counters(&self, since: Option<Instant>) -> WorkerCounters {
        self.counters.local_since(self.queue_ids(), since)
    }

    /// The calling thread counts for a job or a few, in counters that it shares with others.
    pub(super) fn shared_counters(&self) -> WorkerCounters {
        self.counters.shared(self.queue_ids())
    }

    /// The calling thread is rayon's with this index, and counts for a job.
    #[cfg(feature = "rayon")]
    pub(super) fn thread_counters(&self, index: usize) -> WorkerCounters {
        match self.rayon.as_ref().and_then(|threads| threads.counts(index, &self.counters)) {
            Some(counts) => self.counters.enter(counts, self.queue_ids()),
            None => self.shared_counters(),
        }
    }

    /// The moment when something begins that is part of a worker's start, if that is measured.
    pub(super) fn start_begins(&self) -> Option<Instant> {
        self.config.measure.then(Instant::now)
    }

    /// A part of this worker's start is over, which [began](Self::start_begins) at this moment.
    #[expect(clippy::unused_self, reason = "a method, as its counterpart")]
    pub(super) fn has_started(&self, since: Option<Instant>) {
        if let Some(since) = since {
            job_counters::worker_started(since.elapsed(), None);
        }
    }

    fn queue_ids(&self) -> [QueueId; 3] {
        [self.queue.id(), self.delay.id(), self.taken.id()]
    }

    /// The job is about to wait, or goes to a worker at once: its time begins, if it is measured.
    pub(super) fn begins_to_wait(&self, job: &R::Job) {
        if self.config.measure {
            job.mark_enqueued(Instant::now());
        }
    }
}
