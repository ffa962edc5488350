//! The job that is held for the thread that submitted it, and the workers whose runners are lent to such threads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::JobId;

use super::super::queued::Queued;
use super::super::runner::Lent;
use super::super::worker_state::WorkerState;
use super::super::workers::WorkerLocal;
use super::{Sleeper, State, Wake};

/// A wait that begins so soon after the submit leaves the submitter no time for anything else.
/// A test's thread may lose its core in between.
const AT_ONCE: Duration = if cfg!(test) { Duration::from_secs(10) } else { Duration::from_micros(20) };

/// How many jobs in a row must have been waited for at once before one is held. A model of all orders has few jobs.
const ENOUGH: u32 = if cfg!(shuttle) { 1 } else { 8 };

#[derive(Default)]
pub(in crate::scheduler) struct Lending {
    /// The last job that was queued, and when.
    last: Option<(JobId, Instant)>,
    /// The jobs in a row that were waited for at once, as far as that matters.
    at_once: u32,
    /// A job in the lanes for which no worker was woken.
    held: Option<JobId>,
    /// Changes with each use, for workers that look whether there was one.
    uses: u64,
    /// The places of workers whose runners are lent.
    lent: Vec<usize>,
}

/// The part of a thread that is about to wait for a job.
#[must_use = "the job may be held"]
pub(in crate::scheduler) enum Waiter<J, U> {
    /// It blocks.
    Blocks,
    /// It blocks, after this.
    Wakes(Wake<J, U>),
    /// It runs the job, on the runner of a worker that sleeps.
    Runs(J, Sleeper<J, U>),
    /// The job has ended.
    Drops(J),
}

impl Lending {
    /// Whether a worker that falls asleep is to lend its runner.
    pub(in crate::scheduler) fn is_wanted(&self) -> bool {
        self.at_once >= ENOUGH
    }

    /// The last job was queued at that time, and is not held.
    pub(in crate::scheduler) fn was_submitted(&mut self, id: JobId, when: Instant) {
        self.last = Some((id, when));
    }

    pub(in crate::scheduler) fn uses(&self) -> u64 {
        self.uses
    }

    /// Whether a runner was used since the caller saw this number. If none was, no job is held any more.
    pub(in crate::scheduler) fn is_used(&mut self, seen: &mut u64) -> bool {
        let is_used = self.uses != *seen;
        *seen = self.uses;
        if !is_used {
            (self.at_once, self.held) = (0, None);
        }
        is_used
    }
}

impl<J: Queued, U> State<J, U> {
    /// A job was put into the lane of normal ones. Whether it is held for its submitter: then no worker is to be woken for it. The worker
    /// whose runner is for it looks again soon, and takes the job if the submitter does not come.
    pub(in crate::scheduler) fn holds(&mut self, id: JobId, now: Instant) -> bool {
        if self.lending.last.replace((id, now)).is_some() {
            // No thread has waited for the job before: this submitter does something else meanwhile.
            self.lending.at_once = self.lending.at_once.saturating_sub(1);
        }
        let is_alone = self.is_only_job(id) && !self.workers.has_local_jobs();
        let is_quiet = self.workers.counts()[WorkerState::Searching] == 0 && !self.is_saturated();
        let is_held = self.lending.is_wanted() && is_alone && is_quiet && self.has_lender();
        self.lending.held = is_held.then_some(id);
        self.lending.uses += u64::from(is_held);
        is_held
    }

    /// Whether the job waits in the lanes, and no other does: a worker may have taken it.
    fn is_only_job(&self, id: JobId) -> bool {
        self.lanes.only().is_some_and(|job| job.lendable_id() == Some(id))
    }

    /// Whether the runner of the worker that would be woken next can be used by others.
    fn has_lender(&self) -> bool {
        self.sleepers.last().is_some_and(|sleeper| sleeper.lent.is_some())
    }

    /// A thread is about to block for a job, for a limited time or not. `take` says whether a job that leaves the lanes is still to be run.
    pub(in crate::scheduler) fn wait_begins(
        &mut self,
        id: JobId,
        is_limited: bool,
        now: Instant,
        take: impl FnOnce(&J) -> bool,
    ) -> Waiter<J, U> {
        if let Some((_, since)) = self.lending.last.take_if(|(last, _)| *last == id) {
            let is_at_once = !is_limited && now.saturating_duration_since(since) < AT_ONCE;
            self.lending.at_once = if is_at_once { ENOUGH.min(self.lending.at_once + 1) } else { 0 };
        }
        if self.lending.held.take_if(|held| *held == id).is_none() {
            return Waiter::Blocks;
        }
        let is_first = self.is_only_job(id) && !self.is_saturated() && self.has_lender();
        if is_limited || !is_first {
            return Waiter::Wakes(self.wake());
        }
        let (Some(job), Some(sleeper)) = (self.lanes.pop(), self.sleepers.pop()) else { return Waiter::Blocks };
        if !take(&job) {
            self.sleepers.push(sleeper);
            self.lanes.removed_tombstones(1);
            return Waiter::Drops(job);
        }
        self.workers.set(sleeper.place, WorkerState::Asleep, WorkerState::RUNNING);
        self.lending.lent.push(sleeper.place);
        Waiter::Runs(job, sleeper)
    }

    /// A runner is given back. Returns its worker if that is to wake, because there is something to do.
    #[must_use = "it is counted as awake, and sleeps"]
    pub(in crate::scheduler) fn give_back_runner(&mut self, sleeper: Sleeper<J, U>) -> Option<U> {
        let Lending { lent, uses, .. } = &mut self.lending;
        lent.retain(|place| *place != sleeper.place);
        *uses += 1;
        self.workers.set(sleeper.place, WorkerState::RUNNING, WorkerState::Asleep);
        let has_work = !self.lanes.is_empty() || self.workers.has_local_jobs() || !self.mailboxes.is_empty();
        if has_work || !self.is_open || self.workers.has_called() || self.is_over_width() {
            return Some(self.awake(sleeper));
        }
        self.sleepers.push(sleeper);
        None
    }

    /// Falls asleep, and lends its runner meanwhile.
    pub(in crate::scheduler) fn fall_asleep_lending(
        &mut self,
        local: &WorkerLocal<J>,
        unparker: U,
        lent: Arc<dyn Lent<J>>,
    ) {
        self.found(local);
        self.workers.set(local.place, WorkerState::RUNNING, WorkerState::Asleep);
        self.sleepers.push(Sleeper { place: local.place, unparker, lent: Some(lent) });
    }

    /// Whether the worker sleeps, and its runner is lent.
    pub(in crate::scheduler) fn is_lent(&self, local: &WorkerLocal<J>) -> bool {
        self.lending.lent.contains(&local.place)
    }

    pub(in crate::scheduler) fn is_asleep(&self, local: &WorkerLocal<J>) -> bool {
        self.workers.state(local.place) == WorkerState::Asleep
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::batch::Batch;
    use super::super::super::number::Number;
    use super::super::super::runner::LentRun;
    use super::super::counts::{Counts, busy, push, state};
    use super::*;

    struct Unused;

    impl Lent<Number> for Unused {
        fn run(&self, job: Number, _: &mut Batch<'_, Number>) -> Result<LentRun, Number> {
            Err(job)
        }
    }

    fn id(number: usize) -> JobId {
        JobId::from_number(number as u64)
    }

    fn submit(state: &mut Counts, number: usize, now: Instant) -> bool {
        push(state, number);
        state.holds(id(number), now)
    }

    fn wait(state: &mut Counts, number: usize, is_limited: bool, now: Instant) -> Waiter<Number, &'static str> {
        state.wait_begins(id(number), is_limited, now, |_| true)
    }

    /// A state whose jobs were waited for at once.
    fn warm(now: Instant) -> Counts {
        let mut state = state(2);
        for number in 1..=ENOUGH as usize {
            assert!(!state.lending.is_wanted() && !submit(&mut state, number, now));
            assert!(matches!(wait(&mut state, number, false, now), Waiter::Blocks));
            assert!(state.lanes.pop().is_some());
        }
        assert!(state.lending.is_wanted());
        state
    }

    /// The same, and a worker that sleeps and lends its runner.
    fn lending(now: Instant) -> (Counts, WorkerLocal<Number>) {
        let mut state = warm(now);
        let worker = busy(&mut state);
        state.fall_asleep_lending(&worker, "worker", Arc::new(Unused));
        (state, worker)
    }

    #[test]
    fn held_job_goes_to_its_waiter() {
        let now = Instant::now();
        let (mut state, worker) = lending(now);
        for number in 100..103 {
            assert!(submit(&mut state, number, now));
            assert!(matches!(wait(&mut state, 7, false, now), Waiter::Blocks), "that is another job");
            let Waiter::Runs(job, sleeper) = wait(&mut state, number, false, now) else { panic!("it is held") };
            assert_eq!((job.0, state.running()), (number, 1));
            assert!(state.is_lent(&worker) && !state.has_sleepers());
            assert!(matches!(wait(&mut state, number, false, now), Waiter::Blocks), "it has the job");
            assert_eq!(state.give_back_runner(sleeper), None);
            assert!(state.is_asleep(&worker) && !state.is_lent(&worker) && state.has_sleepers());
        }
    }

    #[test]
    fn late_or_limited_wait_ends_holding() {
        let now = Instant::now();
        for (is_limited, then) in [(true, now), (false, now + AT_ONCE)] {
            let (mut state, _) = lending(now);
            assert!(submit(&mut state, 100, now));
            let waiter = wait(&mut state, 100, is_limited, then);
            assert_eq!(matches!(waiter, Waiter::Wakes(Wake::Sleeper("worker"))), is_limited);
            assert!(!state.lending.is_wanted());
        }
    }

    #[test]
    fn submitter_that_goes_on_ends_holding() {
        let now = Instant::now();
        let (mut state, _) = lending(now);
        assert!(submit(&mut state, 100, now) && !submit(&mut state, 101, now));
        assert!(!state.lending.is_wanted());
        assert!(matches!(wait(&mut state, 101, false, now), Waiter::Blocks));
        assert!(state.lending.is_wanted(), "it has waited at once again");
    }

    #[test]
    fn jobs_that_are_not_alone_are_not_held() {
        let now = Instant::now();
        let (mut state, _) = lending(now);
        assert!(submit(&mut state, 100, now) && !submit(&mut state, 101, now));
        assert!(matches!(state.wake(), Wake::Sleeper("worker")));
        assert!(matches!(wait(&mut state, 100, false, now), Waiter::Blocks));
        assert!(state.lanes.pop().is_some() && state.lanes.pop().is_some());
        assert!(!submit(&mut state, 102, now), "a worker looks for it");

        let mut state = warm(now);
        let worker = busy(&mut state);
        state.fall_asleep(&worker, "worker");
        assert!(!submit(&mut state, 100, now), "no runner is lent");
    }

    #[test]
    fn runner_that_is_wanted_wakes_its_worker() {
        type Change = fn(&mut Counts);
        let changes: [Change; 4] = [
            |state| push(state, 7),
            |state| state.is_open = false,
            |state| state.workers.call_all(),
            |state| {
                let spawned = state.spawn_all();
                state.mailboxes.post(|| Number(7));
                assert_eq!(spawned.len(), 1);
            },
        ];
        for change in changes {
            let now = Instant::now();
            let (mut state, worker) = lending(now);
            assert!(submit(&mut state, 100, now));
            let Waiter::Runs(_, sleeper) = wait(&mut state, 100, false, now) else { panic!("it is held") };
            change(&mut state);
            assert_eq!(state.give_back_runner(sleeper), Some("worker"));
            assert!(state.wake_up(&worker), "it was woken");
        }
    }

    #[test]
    fn job_that_has_ended_is_dropped() {
        let now = Instant::now();
        let (mut state, worker) = lending(now);
        assert!(submit(&mut state, 100, now));
        let waiter = state.wait_begins(id(100), false, now, |_| false);
        assert!(matches!(waiter, Waiter::Drops(Number(100))));
        assert!(state.is_asleep(&worker) && state.has_sleepers());
    }

    #[test]
    fn unused_runner_is_lent_no_more() {
        let now = Instant::now();
        let (mut state, _) = lending(now);
        let mut seen = state.lending.uses();
        assert!(submit(&mut state, 100, now));
        assert!(state.lending.is_used(&mut seen), "the submitter may come yet");
        assert!(!state.lending.is_used(&mut seen) && !state.lending.is_wanted());
        assert!(matches!(wait(&mut state, 100, false, now), Waiter::Blocks), "the worker takes it");
    }
}
