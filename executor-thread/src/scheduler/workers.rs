//! The workers one by one: the state of each, and its local queue, which the others may steal from.

use crossbeam_deque::{Steal, Stealer, Worker as Deque};

use super::worker_state::{Counts, WorkerState};

/// No worker takes a larger batch than this, so that jobs left behind in a long job are soon stolen.
pub(super) const BATCH: usize = 32;

/// A worker has been in one job for long when the others came for jobs this many times each since it took its batch.
const LONG: u64 = 4;

pub(super) struct Workers<J> {
    /// By place. A place is free again when its worker is gone.
    list: Vec<Option<WorkerEntry<J>>>,
    counts: Counts,
    /// Workers whose local queue may have jobs in it.
    with_local_jobs: usize,
    /// Workers that are to begin.
    called: usize,
    /// How often workers came for a job, with nothing in their local queues.
    visits: u64,
}

struct WorkerEntry<J> {
    number: usize,
    state: WorkerState,
    stealer: Stealer<J>,
    /// How often others had come when jobs came into its local queue.
    since: u64,
    /// It is to begin before it has a job.
    is_called: bool,
}

/// A worker's own part.
pub(super) struct WorkerLocal<J> {
    /// For its name.
    pub(super) number: usize,
    /// Where the others find it.
    pub(super) place: usize,
    pub(super) jobs: Deque<J>,
    has_jobs: bool,
    /// Whether the job that it took last was for it alone.
    pub(super) has_mail: bool,
    /// Jobs that it has taken beside the one that it runs.
    pub(super) extra: usize,
    /// Its thread has called the hook for its start.
    pub(super) has_begun: bool,
}

impl<J> Default for Workers<J> {
    fn default() -> Self {
        Self { list: Vec::new(), counts: Counts::default(), with_local_jobs: 0, called: 0, visits: 0 }
    }
}

impl<J> Workers<J> {
    /// One more, who is about to search.
    pub(super) fn add(&mut self, number: usize) -> WorkerLocal<J> {
        let jobs = Deque::new_fifo();
        let state = WorkerState::Searching;
        let entry = WorkerEntry { number, state, stealer: jobs.stealer(), since: 0, is_called: false };
        let place = self.list.iter().position(Option::is_none).unwrap_or_else(|| {
            self.list.push(None);
            self.list.len() - 1
        });
        self.list[place] = Some(entry);
        self.counts[state] += 1;
        WorkerLocal { number, place, jobs, has_jobs: false, has_mail: false, extra: 0, has_begun: false }
    }

    /// One less, in whatever state it is.
    pub(super) fn remove(&mut self, place: usize) {
        let Some(entry) = self.list.get_mut(place).and_then(Option::take) else { return };
        self.counts[entry.state] -= 1;
        self.called -= usize::from(entry.is_called);
    }

    /// How many are in each state.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Counts a job that runs on a thread which is none of the workers' as one of theirs.
    #[cfg(feature = "rayon")]
    pub(super) fn counts_mut(&mut self) -> &mut Counts {
        &mut self.counts
    }

    pub(super) fn state(&self, place: usize) -> WorkerState {
        self.list[place].as_ref().expect("the worker lives").state
    }

    /// Takes a worker from one state into another: the one place where states and their counts change.
    pub(super) fn set(&mut self, place: usize, from: WorkerState, to: WorkerState) {
        let entry = self.list[place].as_mut().expect("the worker lives");
        assert_eq!(entry.state, from, "a worker that is to become {to:?}");
        entry.state = to;
        self.counts.move_one(from, to);
    }

    /// The number and the state of each.
    pub(super) fn list(&self) -> Vec<(usize, WorkerState)> {
        self.living().map(|(_, entry)| (entry.number, entry.state)).collect()
    }

    fn living(&self) -> impl Iterator<Item = (usize, &WorkerEntry<J>)> {
        self.list.iter().enumerate().filter_map(|(place, entry)| Some((place, entry.as_ref()?)))
    }

    /// Each is to begin, when it has nothing else to do.
    pub(super) fn call_all(&mut self) {
        self.called = 0;
        for entry in self.list.iter_mut().flatten() {
            entry.is_called = true;
            self.called += 1;
        }
    }

    /// Whether any is to begin.
    pub(super) fn has_called(&self) -> bool {
        self.called > 0
    }

    /// Whether this one is to begin now.
    pub(super) fn is_called(&mut self, local: &WorkerLocal<J>) -> bool {
        if self.called == 0 {
            return false;
        }
        let is_called = self.list[local.place].as_mut().is_some_and(|entry| std::mem::take(&mut entry.is_called));
        self.called -= usize::from(is_called);
        is_called
    }

    /// How many jobs are in their local queues.
    pub(super) fn local_jobs(&self) -> usize {
        self.living().map(|(_, entry)| entry.stealer.len()).sum()
    }

    /// Whether one of them has something to steal. The count alone is not enough: a worker that was stolen from notices at its next job.
    pub(super) fn has_local_jobs(&self) -> bool {
        self.with_local_jobs > 0 && self.living().any(|(_, entry)| !entry.stealer.is_empty())
    }

    /// Counts whether the local queue has jobs in it. Others may have stolen them.
    pub(super) fn count_local_jobs(&mut self, local: &mut WorkerLocal<J>) {
        match (local.has_jobs, local.jobs.is_empty()) {
            (false, false) => {
                self.with_local_jobs += 1;
                if let Some(entry) = &mut self.list[local.place] {
                    entry.since = self.visits;
                }
            }
            (true, true) => self.with_local_jobs -= 1,
            _ => {}
        }
        local.has_jobs = !local.jobs.is_empty();
    }

    /// One whose local queue is empty comes for a job. Returns whether it is to look at its siblings' queues before the lanes, for one of them has
    /// been in its job for long: the lanes may never be empty, and the jobs behind that one would wait for its end.
    pub(super) fn comes(&mut self, local: &WorkerLocal<J>) -> bool {
        self.visits += 1;
        if self.with_local_jobs == 0 {
            return false;
        }
        let long = self.counts.all() as u64 * LONG;
        let is_long = |entry: &WorkerEntry<J>| self.visits - entry.since > long && !entry.stealer.is_empty();
        self.living().any(|(place, entry)| place != local.place && is_long(entry))
    }

    /// A job from the queue of the one that took its batch first, and some more into the local queue.
    pub(super) fn steal(&self, local: &WorkerLocal<J>) -> Option<J> {
        loop {
            let others = self.living().filter(|(place, entry)| *place != local.place && !entry.stealer.is_empty());
            let (_, slowest) = others.min_by_key(|(_, entry)| entry.since)?;
            let stolen = insist(|| slowest.stealer.steal_batch_with_limit_and_pop(&local.jobs, BATCH)).success();
            // Its owner may have emptied it meanwhile; another one may be left.
            if stolen.is_some() {
                return stolen;
            }
        }
    }

    /// Everything that is in their queues.
    pub(super) fn steal_all(&self) -> Vec<J> {
        self.living().flat_map(|(_, entry)| entry.steal_all()).collect()
    }

    /// Everything that is in the queue of one of them.
    pub(super) fn steal_from(&self, place: usize) -> Vec<J> {
        self.list[place].as_ref().map(|entry| entry.steal_all().collect()).unwrap_or_default()
    }
}

impl<J> WorkerEntry<J> {
    fn steal_all(&self) -> impl Iterator<Item = J> {
        std::iter::from_fn(|| insist(|| self.stealer.steal()).success())
    }
}

/// Until it is known whether there is something.
fn insist<T>(steal: impl Fn() -> Steal<T>) -> Steal<T> {
    loop {
        match steal() {
            Steal::Retry => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The count alone tells most workers that none of them is called.
    #[test]
    fn gone_worker_is_not_called() {
        let mut workers = Workers::<u32>::default();
        let (one, two) = (workers.add(1), workers.add(2));
        workers.call_all();
        workers.remove(two.place);
        assert_eq!(workers.called, 1);
        assert!(workers.is_called(&one) && !workers.is_called(&one));
        assert_eq!(workers.called, 0);
    }

    #[test]
    fn place_of_a_gone_worker_is_free() {
        let mut workers = Workers::<u32>::default();
        let (one, two) = (workers.add(1), workers.add(2));
        workers.set(one.place, WorkerState::Searching, WorkerState::RUNNING);
        workers.remove(one.place);
        workers.remove(one.place);
        assert_eq!(workers.counts().all(), 1, "it was removed once");
        let three = workers.add(3);
        assert_eq!((three.place, two.place, workers.counts()[WorkerState::Searching]), (one.place, 1, 2));
    }

    #[test]
    #[should_panic(expected = "a worker that is to become Asleep")]
    fn state_changes_from_what_it_is() {
        let mut workers = Workers::<u32>::default();
        let one = workers.add(1);
        workers.set(one.place, WorkerState::RUNNING, WorkerState::Asleep);
    }
}
