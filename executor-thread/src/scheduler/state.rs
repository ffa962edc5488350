//! The counts behind every decision: who works, who sleeps, who should be woken. All of it is under one lock, and no code of a
//! user's runs under that.

mod closing;
#[cfg(test)]
mod counts;
#[cfg(test)]
mod ends;
mod taking;
#[cfg(test)]
mod tests;
mod turns;

use std::time::Instant;

use executor_core::{JobError, Promise};

use super::callback_queue::Errands;
use super::config::Config;
use super::delay::Delayed;
use super::lanes::Lanes;
use super::members::{Members, Own};
use super::queued::Queued;
use super::supply::Supply;
use super::sync::{self, Unparker};
use super::waiters::Waiters;

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct State<J, U = Unparker> {
    pub(super) supply: Supply,
    pub(super) lanes: Lanes<J>,
    pub(super) delayed: Delayed<J>,
    pub(super) is_open: bool,
    pub(super) has_timer: bool,
    /// The timer holds a job in its hand: neither delayed nor queued.
    pub(super) is_moving: bool,
    /// Threads that wait until nothing is left to do.
    pub(super) wait_for_idle: usize,
    /// Jobs that were cancelled and have no outcome yet.
    pub(super) ending: usize,
    /// Jobs that were taken from the queue to be ended, for others or by a shutdown, and have no outcome yet.
    pub(super) displaced: usize,
    /// Jobs that are run by those who submit them.
    pub(super) guests: usize,
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
    /// Jobs that workers have taken beside the one that each runs.
    pub(super) extra: usize,
    /// Those of them that were cancelled, as far as that is known: a job that runs may be cancelled where it was not begun.
    extra_revoked: usize,
    /// Workers that have no job, and make ready for one.
    beginning: usize,
    /// Workers that cannot run jobs, and have not left yet.
    retiring: usize,
    /// Until when no worker is started beside those that live: one that was could not run jobs.
    pub(super) short_until: Option<Instant>,
    /// Workers that sleep, the last one last.
    sleepers: Vec<Sleeper<U>>,
    /// Workers ever started, for their names.
    started: usize,
    pub(super) members: Members<J>,
    pub(super) callbacks: Errands,
    pub(super) drops: Errands,
    /// Why no job can be run any more.
    pub(super) broken: Option<JobError>,
    /// How jobs end that come into the queue when they are due, because all that waited there ended so.
    pub(super) ends_with: Option<JobError>,
    /// Jobs that runners give back end so, too: nothing is to run any more, not even again.
    pub(super) is_killed: bool,
    /// Workers that are counted out, and whose threads have hooks and drops left to run.
    pub(super) leaving: usize,
    /// Who waits for the end, without a thread.
    pub(super) closed: Vec<Promise<()>>,
}

struct Sleeper<U> {
    number: usize,
    unparker: U,
}

/// What is to be done once the lock is released.
#[must_use = "somebody is counted as awake, and sleeps"]
pub(super) enum Wake<J, U = Unparker> {
    Nobody,
    Sleeper(U),
    /// A new worker.
    Start(Own<J>),
    /// A turn on a thread of the pool.
    #[cfg(feature = "rayon")]
    Turn(std::sync::Arc<rayon::ThreadPool>),
}

impl<J: Queued, U> State<J, U> {
    #[cfg(test)]
    pub(super) fn new(config: &Config) -> Self {
        Self::over(Supply::Own, config)
    }

    pub(super) fn over(supply: Supply, config: &Config) -> Self {
        let mut members = Members::default();
        if !matches!(supply, Supply::Own) {
            // A mailbox for each thread.
            (0..config.workers).for_each(|thread| drop(members.add(thread)));
        }
        Self {
            supply,
            lanes: Lanes::default(),
            delayed: Delayed::default(),
            is_open: true,
            has_timer: false,
            is_moving: false,
            wait_for_idle: 0,
            ending: 0,
            displaced: 0,
            guests: 0,
            waiters: Waiters::default(),
            is_spinning: false,
            width: config.workers,
            workers: 0,
            blocked: 0,
            searching: 0,
            extra: 0,
            extra_revoked: 0,
            beginning: 0,
            retiring: 0,
            short_until: None,
            sleepers: Vec::new(),
            started: 0,
            members,
            callbacks: Errands::default(),
            drops: Errands::default(),
            broken: None,
            ends_with: None,
            is_killed: false,
            leaving: 0,
            closed: Vec::new(),
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
        self.busy() >= self.width || self.is_short()
    }

    /// Whether a worker that has no job could take one.
    pub(super) fn is_wanted(&self) -> bool {
        self.busy() - self.searching < self.width && !self.is_short()
    }

    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    /// Whether nobody is left who could take a job.
    pub(super) fn is_stranded(&self) -> bool {
        self.workers <= self.blocked + self.retiring
    }

    /// Whether only those that live may take a job, and all of them are busy.
    fn is_short(&self) -> bool {
        // The clock is read during a shortage alone.
        self.short_until.is_some_and(|until| sync::now() < until) && self.sleepers.is_empty() && !self.is_stranded()
    }

    /// Makes sure that somebody looks at what waits. One who looks is enough: it wakes the next when it has found something.
    pub(super) fn wake(&mut self) -> Wake<J, U> {
        let has_work = !self.lanes.is_empty() || self.members.has_hoard();
        if !has_work || self.searching > 0 || self.is_full_house() {
            return Wake::Nobody;
        }
        match self.sleepers.pop() {
            Some(sleeper) => {
                self.searching += 1;
                Wake::Sleeper(sleeper.unparker)
            }
            None => Wake::Start(self.hire()),
        }
    }

    /// One more worker, to be started.
    fn hire(&mut self) -> Own<J> {
        self.searching += 1;
        self.workers += 1;
        self.started += 1;
        self.members.add(self.started - 1)
    }

    /// The workers that the pool may have and has not, to be started.
    pub(super) fn hire_all(&mut self) -> Vec<Own<J>> {
        let missing = self.width.saturating_sub(self.workers - self.blocked);
        (0..missing).map(|_| self.hire()).collect()
    }

    /// Everyone who sleeps, to look whether it is over.
    pub(super) fn wake_all(&mut self) -> Vec<U> {
        self.searching += self.sleepers.len();
        self.sleepers.drain(..).map(|sleeper| sleeper.unparker).collect()
    }

    pub(super) fn has_sleepers(&self) -> bool {
        !self.sleepers.is_empty()
    }

    /// A worker that was to be started could not be. Its letters are to be failed.
    pub(super) fn did_not_start(&mut self, number: usize) -> Vec<J> {
        self.workers -= 1;
        self.searching -= 1;
        let letters = self.members.remove(number);
        self.delayed.removed_dead(letters.len());
        letters
    }

    /// A worker that has a job cannot run any now, and leaves. False if it must not: it is the last that could take one, or the job is for
    /// it alone. `until` is when the next may be started. Returns whether the shortage is news.
    pub(super) fn retire(&mut self, own: &mut Own<J>, now: Instant, until: Option<Instant>) -> Option<bool> {
        if own.has_letter || self.workers - self.blocked - self.retiring < 2 {
            return None;
        }
        own.is_retiring = true;
        self.retiring += 1;
        let is_news = self.short_until.is_none_or(|until| until <= now);
        if is_news {
            self.short_until = until;
        }
        Some(is_news)
    }

    /// A worker is counted out, and is leaving until its thread is done. Its letters have nobody left to open them.
    pub(super) fn leave(&mut self, own: &mut Own<J>) -> Vec<J> {
        self.found(own);
        self.workers -= 1;
        self.retiring -= usize::from(own.is_retiring);
        self.leaving += 1;
        self.members.remove(own.number)
    }

    /// The extra jobs of `own` are `n` fewer, as far as it has so many.
    pub(super) fn forget_extra(&mut self, own: &mut Own<J>, n: usize) {
        let n = n.min(own.extra);
        own.extra -= n;
        self.extra -= n;
        self.extra_revoked = self.extra_revoked.min(self.extra);
    }

    /// One of the extra jobs was cancelled, where there are some: its worker has it still, and finds out when it comes to it.
    pub(super) fn extra_is_revoked(&mut self) {
        self.extra_revoked = self.extra.min(self.extra_revoked + 1);
    }

    /// Extra jobs, but those that were cancelled.
    pub(super) fn living_extra(&self) -> usize {
        self.extra - self.extra_revoked
    }

    /// The job that `own` took last was dead already.
    pub(super) fn removed_dead(&mut self, own: &Own<J>) {
        // A letter's home is that of delayed jobs, so that nobody runs it in the place of another worker.
        if own.has_letter { self.delayed.removed_dead(1) } else { self.lanes.removed_dead(1) }
    }

    /// A job for this worker alone.
    pub(super) fn open_letter(&mut self, own: &mut Own<J>) -> Option<J> {
        let letter = self.members.letter(own)?;
        self.found(own);
        Some(letter)
    }

    /// Whether workers should look here before they go on with their own queues.
    pub(super) fn is_urgent(&self) -> bool {
        self.lanes.has_urgent() || self.lanes.has_low() || self.members.has_letters()
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

    /// It makes ready for jobs. It is not one who searches: others would wait for it.
    pub(super) fn begin(&mut self, own: &mut Own<J>) {
        self.found(own);
        own.is_beginning = true;
        self.beginning += 1;
    }

    /// It looks for a job again.
    pub(super) fn has_begun(&mut self, own: &mut Own<J>) {
        self.beginning -= usize::from(std::mem::take(&mut own.is_beginning));
    }

    pub(super) fn fall_asleep(&mut self, own: &mut Own<J>, unparker: U) {
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

    /// The job of a worker, the one with this number or one in its place, waits; another worker may take its place, and the jobs that it took along.
    pub(super) fn block(&mut self, number: Option<usize>) -> Wake<J, U> {
        if let Some(number) = number {
            self.return_batch(number);
        }
        self.blocked += 1;
        self.wake()
    }

    /// Jobs that run now.
    pub(super) fn running(&self) -> usize {
        self.busy() - self.searching - self.beginning + self.blocked
    }

    pub(super) fn unblock(&mut self) {
        self.blocked -= 1;
    }
}
