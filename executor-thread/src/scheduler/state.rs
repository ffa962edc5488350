//! The counts behind every decision: who works, who sleeps, who should be woken. All of it is under one lock, and no code of a
//! user's runs under that.

use crossbeam_deque::{Steal, Stealer, Worker as Deque};
use crossbeam_utils::sync::Unparker;

use super::delay::Delayed;
use super::lanes::Lanes;
use super::room::Waiters;
use super::{Config, Queued};

pub(super) struct State<J> {
    pub(super) lanes: Lanes<J>,
    pub(super) delayed: Delayed<J>,
    pub(super) is_open: bool,
    pub(super) has_timer: bool,
    /// Who waits for a place in the queue.
    pub(super) waiters: Waiters,
    /// A worker looks for a job a while longer before it sleeps.
    pub(super) is_spinning: bool,
    /// How many workers may be busy.
    width: usize,
    /// Workers that live, or are being started.
    workers: usize,
    /// Workers whose job waits for something.
    blocked: usize,
    /// Workers that were woken or started, or that spin, and have found nothing yet.
    searching: usize,
    /// Workers that sleep, the last one last.
    sleepers: Vec<Sleeper>,
    /// Workers ever started, for their names.
    started: usize,
    /// Each worker's own queue, for the others to steal from.
    stealers: Vec<(usize, Stealer<J>)>,
    /// Workers whose own queue may have jobs in it.
    hoarders: usize,
}

struct Sleeper {
    number: usize,
    unparker: Unparker,
}

/// What is to be done once the lock is released.
#[must_use = "somebody is counted as awake, and sleeps"]
pub(super) enum Wake {
    Nobody,
    Sleeper(Unparker),
    /// A new worker, of this number.
    Start(usize),
}

/// A worker's own part: its number, its own queue, and what it is counted as.
pub(super) struct Own<J> {
    pub(super) number: usize,
    pub(super) jobs: Deque<J>,
    is_searching: bool,
    is_hoarding: bool,
    /// Its thread has called the hook for its start.
    pub(super) has_begun: bool,
}

/// A worker takes no more jobs at once than this, so that what it leaves behind in a long job is soon stolen.
const BATCH: usize = 32;

impl<J: Queued> State<J> {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            lanes: Lanes::default(),
            delayed: Delayed::default(),
            is_open: true,
            has_timer: false,
            waiters: Waiters::default(),
            is_spinning: false,
            width: config.workers,
            workers: 0,
            blocked: 0,
            searching: 0,
            sleepers: Vec::new(),
            started: 0,
            stealers: Vec::new(),
            hoarders: 0,
        }
    }

    /// Workers that have a job, or look for one.
    fn busy(&self) -> usize {
        self.workers - self.blocked - self.sleepers.len()
    }

    /// Whether a worker must step back, because one that was blocked has come back.
    pub(super) fn is_too_wide(&self) -> bool {
        self.busy() > self.width
    }

    /// Whether a worker that steps back, or has waited long, is one too many to keep.
    pub(super) fn is_spare(&self) -> bool {
        self.sleepers.len() >= self.width
    }

    /// Whether every worker that may be is busy.
    pub(super) fn is_full_house(&self) -> bool {
        self.busy() >= self.width
    }

    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    /// Whether there will be nothing more to do.
    pub(super) fn is_over(&self) -> bool {
        !self.is_open && self.lanes.is_empty() && self.delayed.is_empty()
    }

    /// Whether the last thread is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.workers == 0 && !self.has_timer
    }

    /// Whether nobody is left who could take a job.
    pub(super) fn is_stranded(&self) -> bool {
        self.workers == self.blocked
    }

    /// Makes sure that somebody looks at what waits. One who looks is enough: it wakes the next when it has found something.
    pub(super) fn wake(&mut self) -> Wake {
        let has_work = !self.lanes.is_empty() || self.hoarders > 0;
        if !has_work || self.searching > 0 || self.busy() >= self.width {
            return Wake::Nobody;
        }
        self.searching += 1;
        if let Some(sleeper) = self.sleepers.pop() {
            return Wake::Sleeper(sleeper.unparker);
        }
        self.workers += 1;
        self.started += 1;
        Wake::Start(self.started - 1)
    }

    /// Everyone who sleeps, to look whether it is over.
    pub(super) fn wake_all(&mut self) -> Vec<Unparker> {
        self.searching += self.sleepers.len();
        self.sleepers.drain(..).map(|sleeper| sleeper.unparker).collect()
    }

    /// A worker that was to be started could not be.
    pub(super) fn did_not_start(&mut self) {
        self.workers -= 1;
        self.searching -= 1;
    }

    /// A worker's first step. It was started to search.
    pub(super) fn join(&mut self, number: usize) -> Own<J> {
        let jobs = Deque::new_fifo();
        self.stealers.push((number, jobs.stealer()));
        Own { number, jobs, is_searching: true, is_hoarding: false, has_begun: false }
    }

    /// A worker's last step.
    pub(super) fn leave(&mut self, own: &mut Own<J>) {
        self.found(own);
        self.stealers.retain(|(number, _)| *number != own.number);
        self.workers -= 1;
    }

    /// The next job for `own`, and whoever should look for the one after it.
    pub(super) fn take(&mut self, own: &mut Own<J>, batch: bool) -> Option<J> {
        let job = self
            .lanes
            .pop_urgent()
            .or_else(|| own.jobs.pop())
            .or_else(|| self.lanes.pop())
            .or_else(|| self.steal(own))?;
        self.found(own);
        if batch && own.jobs.is_empty() {
            self.hoard(own);
        }
        self.count_hoard(own);
        Some(job)
    }

    /// Takes a share of a long queue along, so that the next few jobs need no lock.
    fn hoard(&mut self, own: &Own<J>) {
        let share = self.lanes.len() / (2 * self.width);
        for job in (0..share.min(BATCH)).map_while(|_| self.lanes.pop_normal()) {
            own.jobs.push(job);
        }
    }

    fn steal(&self, own: &Own<J>) -> Option<J> {
        if self.hoarders == 0 {
            return None;
        }
        let others = self.stealers.iter().filter(|(number, _)| *number != own.number);
        others.map(|(_, stealer)| steal_from(stealer, &own.jobs)).find_map(Steal::success)
    }

    /// Counts whether the own queue has jobs in it. Others may have stolen them.
    pub(super) fn count_hoard(&mut self, own: &mut Own<J>) {
        match (own.is_hoarding, own.jobs.is_empty()) {
            (false, false) => self.hoarders += 1,
            (true, true) => self.hoarders -= 1,
            _ => {}
        }
        own.is_hoarding = !own.jobs.is_empty();
    }

    /// Puts the own jobs back where they came from, before all others.
    pub(super) fn put_back(&mut self, own: &mut Own<J>) {
        let mut jobs: Vec<J> = std::iter::from_fn(|| own.jobs.pop()).collect();
        while let Some(job) = jobs.pop() {
            self.lanes.push_front(job);
        }
        self.count_hoard(own);
    }

    pub(super) fn search(&mut self, own: &mut Own<J>) {
        self.searching += usize::from(!own.is_searching);
        own.is_searching = true;
    }

    /// It has found something, or gives up.
    pub(super) fn found(&mut self, own: &mut Own<J>) {
        self.searching -= usize::from(own.is_searching);
        own.is_searching = false;
    }

    pub(super) fn fall_asleep(&mut self, own: &mut Own<J>, unparker: Unparker) {
        self.found(own);
        self.sleepers.push(Sleeper { number: own.number, unparker });
    }

    /// After a sleep. True if somebody woke it, who counted it as searching.
    pub(super) fn wake_up(&mut self, own: &mut Own<J>) -> bool {
        let place = self.sleepers.iter().rposition(|sleeper| sleeper.number == own.number);
        match place {
            Some(place) => drop(self.sleepers.remove(place)),
            None => own.is_searching = true,
        }
        place.is_none()
    }

    /// The calling worker's job waits; another worker may take its place.
    pub(super) fn block(&mut self) -> Wake {
        self.blocked += 1;
        self.wake()
    }

    pub(super) fn unblock(&mut self) {
        self.blocked -= 1;
    }
}

fn steal_from<J>(stealer: &Stealer<J>, into: &Deque<J>) -> Steal<J> {
    loop {
        match stealer.steal_batch_with_limit_and_pop(into, BATCH) {
            Steal::Retry => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use executor_core::JobError;
    use executor_core::home::HomeId;

    use super::super::Priority;
    use super::*;

    struct Number(usize);

    impl Queued for Number {
        fn fail(self, _: JobError) {}

        fn is_waiting(&self) -> bool {
            true
        }

        fn move_to(&self, _: HomeId) -> bool {
            true
        }
    }

    fn state(width: usize) -> State<Number> {
        State::new(&Config::new("test", width))
    }

    fn push(state: &mut State<Number>, number: usize) -> Wake {
        state.lanes.push(Priority::Normal, Number(number));
        state.wake()
    }

    fn started(wake: Wake) -> usize {
        match wake {
            Wake::Start(number) => number,
            Wake::Sleeper(_) | Wake::Nobody => panic!("no worker was started"),
        }
    }

    #[test]
    fn a_burst_wakes_one_who_wakes_the_next() {
        let mut state = state(2);
        let first = started(push(&mut state, 0));
        assert!((1..5).all(|number| matches!(push(&mut state, number), Wake::Nobody)), "one looks already");
        let mut one = state.join(first);
        assert_eq!(state.take(&mut one, false).map(|job| job.0), Some(0));
        let mut two = {
            let number = started(state.wake());
            state.join(number)
        };
        assert_eq!(state.take(&mut two, false).map(|job| job.0), Some(1));
        assert!(matches!(state.wake(), Wake::Nobody), "the pool is two wide");
    }

    #[test]
    fn a_blocked_worker_is_replaced_and_its_jobs_are_stolen() {
        let mut state = state(1);
        let number = started(push(&mut state, 0));
        for number in 1..9 {
            assert!(matches!(push(&mut state, number), Wake::Nobody));
        }
        let mut one = state.join(number);
        assert_eq!(state.take(&mut one, true).map(|job| job.0), Some(0));
        assert_eq!((state.lanes.len(), state.hoarders), (4, 1));
        let spare = started(state.block());
        let mut spare = state.join(spare);
        let order: Vec<usize> = std::iter::from_fn(|| state.take(&mut spare, false)).map(|job| job.0).collect();
        assert_eq!(order.len(), 8, "{order:?}");
        state.unblock();
        assert!(state.is_too_wide());
        state.leave(&mut spare);
        assert!(!state.is_too_wide());
        state.count_hoard(&mut one);
        assert_eq!(state.hoarders, 0);
    }

    #[test]
    fn what_a_worker_puts_back_comes_first() {
        let mut state = state(1);
        let number = started(push(&mut state, 0));
        for number in 1..9 {
            assert!(matches!(push(&mut state, number), Wake::Nobody));
        }
        let mut one = state.join(number);
        state.take(&mut one, true).unwrap();
        state.put_back(&mut one);
        let order: Vec<usize> = std::iter::from_fn(|| state.take(&mut one, false)).map(|job| job.0).collect();
        assert_eq!(order, (1..9).collect::<Vec<_>>());
    }

    #[test]
    fn a_sleeper_is_woken_before_a_worker_is_started_and_the_last_one_first() {
        let mut state = state(3);
        let mut workers: Vec<_> = (0..2)
            .map(|number| {
                let number = started(push(&mut state, number));
                let mut own = state.join(number);
                state.take(&mut own, false).unwrap();
                own
            })
            .collect();
        let parkers = [(); 2].map(|()| crossbeam_utils::sync::Parker::new());
        for (own, parker) in workers.iter_mut().zip(&parkers) {
            state.fall_asleep(own, parker.unparker().clone());
        }
        assert!(matches!(push(&mut state, 7), Wake::Sleeper(_)));
        assert!(!state.wake_up(&mut workers[0]), "it sleeps still");
        assert!(state.wake_up(&mut workers[1]));
    }
}
