//! The counts behind every decision: who works, who sleeps, who should be woken. All of it is under one lock, and no code of a
//! user's runs under that.

mod closing;
#[cfg(test)]
mod counts;
#[cfg(test)]
mod ends;
mod lending;
mod taking;
#[cfg(test)]
mod tests;
mod turns;
mod workers;

use std::sync::Arc;
use std::time::Instant;

use executor_core::{JobError, Promise};

use super::callback_queue::Errands;
use super::config::Config;
use super::delay::Delayed;
use super::lanes::Lanes;
use super::mailboxes::Mailboxes;
use super::queued::Queued;
use super::runner::Lent;
use super::supply::Supply;
use super::sync::Unparker;
use super::tombstones::Tombstones;
use super::waiters::Waiters;
use super::workers::{WorkerLocal, Workers};

use self::lending::Lending;
pub(super) use self::lending::Waiter;

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct State<J, U = Unparker> {
    pub(super) supply: Supply,
    /// Turns for any job of the lanes that were spawned and have not begun.
    #[cfg(feature = "rayon")]
    free_turns: usize,
    pub(super) lanes: Lanes<J>,
    /// Empty, but while jobs are moved from the inbox to the lanes.
    pub(super) arrivals: Vec<J>,
    pub(super) delayed: Delayed<J>,
    pub(super) is_open: bool,
    pub(super) has_timer: bool,
    /// The timer holds a job in its hand: neither delayed nor queued.
    pub(super) is_moving: bool,
    /// Threads that wait until nothing is left to do.
    pub(super) wait_for_idle: usize,
    /// Jobs that were cancelled and have no outcome yet.
    pub(super) ending: usize,
    /// Jobs that ended after they had been counted out of the queue and before they could start. Those that have them find that before or
    /// after the end is reported.
    pub(super) taken: Tombstones,
    /// Jobs that were taken from the queue to be ended, for others or by a shutdown, and have no outcome yet.
    pub(super) displaced: usize,
    /// Jobs that run on threads of others: of their submitters, or in place in jobs of other pools.
    pub(super) caller_runs: usize,
    /// Threads and tasks that wait for a slot in the queue.
    pub(super) waiters: Waiters,
    /// A worker looks for a job a while longer before it sleeps.
    pub(super) is_spinning: bool,
    /// How many workers may be busy.
    width: usize,
    /// The jobs that workers have taken beside the one that each runs, and that were cancelled, as far as that is known: a job that runs may be cancelled where it was not begun.
    extra_revoked: usize,
    /// Until when no worker is started beside those that live: one that was could not run jobs.
    pub(super) short_until: Option<Instant>,
    /// Workers that sleep, the last one last.
    sleepers: Vec<Sleeper<J, U>>,
    /// Which runners of theirs threads that wait may use.
    pub(super) lending: Lending,
    /// Workers ever started, for their names.
    started: usize,
    pub(super) workers: Workers<J>,
    /// Jobs that are for one worker alone.
    pub(super) mailboxes: Mailboxes<J>,
    pub(super) callbacks: Errands,
    pub(super) drops: Errands,
    /// Reports of stalls.
    pub(super) stalls: Errands,
    /// Whether a timer event looks for stalls.
    pub(super) is_watched: bool,
    /// Why no job can be run any more.
    pub(super) broken: Option<JobError>,
    /// How jobs end that come into the queue when they are due, because all that waited there ended so.
    pub(super) ends_with: Option<JobError>,
    /// Jobs that runners give back end so, too: nothing is to run any more, not even again.
    pub(super) is_killed: bool,
    /// Workers that are counted out, and whose threads have hooks and drops left to run.
    pub(super) leaving: usize,
    /// Futures of the end.
    pub(super) closed: Vec<Promise<()>>,
}

/// A worker that sleeps.
pub(super) struct Sleeper<J, U = Unparker> {
    place: usize,
    unparker: U,
    /// Its runner, if threads that wait may use that.
    pub(super) lent: Option<Arc<dyn Lent<J>>>,
}

/// To be done once the lock is released.
#[must_use = "somebody is counted as awake, and sleeps"]
pub(super) enum Wake<J, U = Unparker> {
    NoWorker,
    Sleeper(U),
    /// A new worker.
    Start(WorkerLocal<J>),
    /// The timer has a new event.
    Watched {
        starts_timer: bool,
        then: Box<Wake<J, U>>,
    },
    /// This number of turns on the threads of the pool.
    #[cfg(feature = "rayon")]
    Turns(std::sync::Arc<rayon::ThreadPool>, usize),
}

impl<J: Queued, U> State<J, U> {
    #[cfg(test)]
    pub(super) fn new(config: &Config) -> Self {
        Self::over(Supply::Own, config)
    }

    pub(super) fn over(supply: Supply, config: &Config) -> Self {
        let mut mailboxes = Mailboxes::default();
        if !matches!(supply, Supply::Own) {
            // Its threads are there from the start.
            (0..config.workers).for_each(|thread| mailboxes.add(thread));
        }
        Self {
            supply,
            #[cfg(feature = "rayon")]
            free_turns: 0,
            lanes: Lanes::default(),
            arrivals: Vec::new(),
            delayed: Delayed::default(),
            is_open: true,
            has_timer: false,
            is_moving: false,
            wait_for_idle: 0,
            ending: 0,
            taken: Tombstones::default(),
            displaced: 0,
            caller_runs: 0,
            waiters: Waiters::default(),
            is_spinning: false,
            width: config.workers,
            extra_revoked: 0,
            short_until: None,
            sleepers: Vec::new(),
            lending: Lending::default(),
            started: 0,
            workers: Workers::default(),
            mailboxes,
            callbacks: Errands::default(),
            drops: Errands::default(),
            stalls: Errands::default(),
            is_watched: false,
            broken: None,
            ends_with: None,
            is_killed: false,
            leaving: 0,
            closed: Vec::new(),
        }
    }

    /// Something waits for its time. Returns whether a timer is to be started for it; else there is one to be told.
    pub(super) fn needs_new_timer(&mut self) -> bool {
        !std::mem::replace(&mut self.has_timer, true)
    }

    /// The extra jobs of `local` are `n` fewer, or 0.
    pub(super) fn forget_extra(&mut self, local: &mut WorkerLocal<J>, n: usize) {
        let n = n.min(local.extra);
        local.extra -= n;
        self.lanes.extra -= n;
        self.extra_revoked = self.extra_revoked.min(self.lanes.extra);
    }

    /// One of the extra jobs was cancelled, where there are some: its worker has it still, and finds out when it comes to it.
    pub(super) fn extra_is_revoked(&mut self) {
        self.extra_revoked = self.lanes.extra.min(self.extra_revoked + 1);
    }

    /// Extra jobs, but those that were cancelled.
    pub(super) fn living_extra(&self) -> usize {
        self.lanes.extra - self.extra_revoked
    }

    /// A displaced job was ended, by this thread or by another one that is to report it, if it `is_taken`: not if it is never due.
    pub(super) fn displaced_ended(&mut self, is_taken: bool) {
        self.displaced -= 1;
        self.taken.removed(usize::from(is_taken));
    }

    /// A job for this worker alone.
    pub(super) fn take_mail(&mut self, local: &mut WorkerLocal<J>) -> Option<J> {
        let mail = self.mailboxes.take(local.number);
        local.has_mail = mail.is_some();
        if local.has_mail {
            self.found(local);
        }
        mail
    }

    /// Whether workers should look here before they go on with their local queues.
    pub(super) fn is_urgent(&self) -> bool {
        self.lanes.has_urgent() || self.lanes.has_low() || !self.mailboxes.is_empty()
    }
}
