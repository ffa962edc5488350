//! The workers' states, and which worker is woken, started or let go.

use std::time::Instant;

use super::super::queued::Queued;
use super::super::sync;
use super::super::worker_state::{Activity, WorkerState};
use super::super::workers::WorkerLocal;
use super::{Sleeper, State, Wake};

impl<J: Queued, U> State<J, U> {
    /// Whether a worker must step back, because one that was blocked has come back.
    pub(in crate::scheduler) fn is_over_width(&self) -> bool {
        self.workers.counts().busy() > self.width
    }

    /// Whether a worker that steps back, or has waited long, is one too many to keep.
    pub(in crate::scheduler) fn enough_idle(&self) -> bool {
        self.workers.counts()[WorkerState::Asleep] >= self.width
    }

    /// Whether every worker that may be is busy.
    pub(in crate::scheduler) fn is_saturated(&self) -> bool {
        self.workers.counts().busy() >= self.width || self.is_short()
    }

    /// Whether a worker that has no job could take one.
    pub(in crate::scheduler) fn is_wanted(&self) -> bool {
        let counts = self.workers.counts();
        counts.busy() - counts[WorkerState::Searching] < self.width && !self.is_short()
    }

    /// Whether the thread that submits a job is to look for a worker: all others look at the lanes by themselves, before they sleep.
    pub(in crate::scheduler) fn wants_jobs(&self) -> bool {
        let counts = self.workers.counts();
        // A shortage ends with time, which changes no state.
        counts[WorkerState::Searching] == 0 && (counts.busy() < self.width || self.short_until.is_some())
    }

    pub(in crate::scheduler) fn workers(&self) -> usize {
        self.workers.counts().all()
    }

    /// Jobs that run now.
    pub(in crate::scheduler) fn running(&self) -> usize {
        self.workers.counts().running()
    }

    /// Whether no worker is left that could take a job.
    pub(in crate::scheduler) fn all_blocked(&self) -> bool {
        self.workers.counts().able() == 0
    }

    /// Whether only those that live may take a job, and all of them are busy.
    fn is_short(&self) -> bool {
        // The clock is read during a shortage alone.
        self.short_until.is_some_and(|until| sync::now() < until) && !self.has_sleepers() && !self.all_blocked()
    }

    pub(in crate::scheduler) fn has_sleepers(&self) -> bool {
        !self.sleepers.is_empty()
    }

    /// Makes sure that a worker looks at the jobs that wait. One that looks is enough: it wakes the next when it has found something.
    pub(in crate::scheduler) fn wake(&mut self) -> Wake<J, U> {
        let has_work = !self.lanes.is_empty() || self.workers.has_local_jobs();
        if !has_work || self.workers.counts()[WorkerState::Searching] > 0 || self.is_saturated() {
            return Wake::NoWorker;
        }
        match self.sleepers.pop() {
            Some(sleeper) => Wake::Sleeper(self.awake(sleeper)),
            None => Wake::Start(self.spawn()),
        }
    }

    /// Every worker that sleeps, to look whether it is over.
    pub(in crate::scheduler) fn wake_all(&mut self) -> Vec<U> {
        let sleepers = std::mem::take(&mut self.sleepers);
        sleepers.into_iter().map(|sleeper| self.awake(sleeper)).collect()
    }

    /// The same if nothing is left to do.
    #[must_use = "they are counted as awake, and sleep"]
    pub(in crate::scheduler) fn wake_if_over(&mut self) -> Vec<U> {
        if self.is_over() { self.wake_all() } else { Vec::new() }
    }

    pub(super) fn awake(&mut self, Sleeper { place, unparker, .. }: Sleeper<J, U>) -> U {
        self.workers.set(place, WorkerState::Asleep, WorkerState::Searching);
        unparker
    }

    /// One more worker, to be started.
    pub(super) fn spawn(&mut self) -> WorkerLocal<J> {
        let number = self.started;
        self.started += 1;
        self.mailboxes.add(number);
        self.workers.add(number)
    }

    /// The workers that the pool may have and has not, to be started.
    pub(in crate::scheduler) fn spawn_all(&mut self) -> Vec<WorkerLocal<J>> {
        let counts = self.workers.counts();
        let missing = self.width.saturating_sub(counts.all() - counts.blocked());
        (0..missing).map(|_| self.spawn()).collect()
    }

    /// A worker that was to be started could not be. Its mail is to be failed.
    pub(in crate::scheduler) fn did_not_start(&mut self, number: usize, place: usize) -> Vec<J> {
        self.workers.remove(place);
        let mail = self.mailboxes.remove(number);
        self.delayed.removed_tombstones(mail.len());
        mail
    }

    /// A worker is counted out, and is leaving until its thread is done. Its mail has no worker left to take it.
    pub(in crate::scheduler) fn leave(&mut self, local: &mut WorkerLocal<J>) -> Vec<J> {
        self.leaving += 1;
        self.workers.remove(local.place);
        self.mailboxes.remove(local.number)
    }

    /// A worker that has a job cannot run any now, and leaves; its batch goes back. `None` if it must not: it is the last that could take a job,
    /// or the job is for it alone. `until` is when the next may be started. Returns whether the shortage is news.
    pub(in crate::scheduler) fn retire(
        &mut self,
        local: &mut WorkerLocal<J>,
        now: Instant,
        until: Option<Instant>,
    ) -> Option<bool> {
        let state = self.workers.state(local.place);
        let others = self.workers.counts().able() - usize::from(state == WorkerState::RUNNING);
        if local.has_mail || others == 0 {
            return None;
        }
        let retiring = match state {
            WorkerState::RUNNING => WorkerState::RETIRING,
            // In a guard that says that the runner waits.
            WorkerState::Blocked(Activity::Running) => WorkerState::Blocked(Activity::Retiring),
            _ => return None,
        };
        self.workers.set(local.place, state, retiring);
        self.put_back(local);
        let is_news = self.short_until.is_none_or(|until| until <= now);
        if is_news {
            self.short_until = until;
        }
        Some(is_news)
    }

    pub(in crate::scheduler) fn is_retiring(&self, local: &WorkerLocal<J>) -> bool {
        self.workers.state(local.place) == WorkerState::RETIRING
    }

    fn change(&mut self, local: &WorkerLocal<J>, from: WorkerState, to: WorkerState) {
        if self.workers.state(local.place) == from {
            self.workers.set(local.place, from, to);
        }
    }

    /// It looks for a job a while longer. A worker that retires does not.
    pub(in crate::scheduler) fn search(&mut self, local: &WorkerLocal<J>) {
        self.change(local, WorkerState::RUNNING, WorkerState::Searching);
    }

    /// It has found something, or gives up.
    pub(in crate::scheduler) fn found(&mut self, local: &WorkerLocal<J>) {
        self.change(local, WorkerState::Searching, WorkerState::RUNNING);
    }

    /// It makes ready for jobs. It does not count as searching: others would wait for it.
    pub(in crate::scheduler) fn begin(&mut self, local: &WorkerLocal<J>) {
        self.found(local);
        self.change(local, WorkerState::RUNNING, WorkerState::PREPARING);
    }

    /// It looks for a job again.
    pub(in crate::scheduler) fn has_begun(&mut self, local: &WorkerLocal<J>) {
        self.change(local, WorkerState::PREPARING, WorkerState::RUNNING);
    }

    pub(in crate::scheduler) fn fall_asleep(&mut self, local: &WorkerLocal<J>, unparker: U) {
        self.found(local);
        self.workers.set(local.place, WorkerState::RUNNING, WorkerState::Asleep);
        self.sleepers.push(Sleeper { place: local.place, unparker, lent: None });
    }

    /// After a sleep. False if no thread woke it: it is not searching then.
    pub(in crate::scheduler) fn wake_up(&mut self, local: &WorkerLocal<J>) -> bool {
        let sleeps = self.workers.state(local.place) == WorkerState::Asleep;
        if sleeps {
            self.sleepers.retain(|sleeper| sleeper.place != local.place);
            self.workers.set(local.place, WorkerState::Asleep, WorkerState::RUNNING);
        }
        !sleeps
    }

    /// The job of the worker at this place waits. Another worker may take its place, and its batch.
    pub(in crate::scheduler) fn block(&mut self, place: usize) -> Wake<J, U> {
        self.return_batch(place);
        let activity = self.activity(place);
        self.workers.set(place, WorkerState::Active(activity), WorkerState::Blocked(activity));
        self.wake()
    }

    pub(in crate::scheduler) fn unblock(&mut self, place: usize) {
        let activity = self.activity(place);
        self.workers.set(place, WorkerState::Blocked(activity), WorkerState::Active(activity));
    }

    fn activity(&self, place: usize) -> Activity {
        match self.workers.state(place) {
            WorkerState::Active(activity) | WorkerState::Blocked(activity) => activity,
            state => unreachable!("a worker that is {state:?} runs no code that could wait"),
        }
    }
}
