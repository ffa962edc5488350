//! Watches for jobs that run for long, and for a queue that does not move.
//!
//! A timer event is set when a job comes into the queue, and again as long as jobs wait or run: so an idle pool is not looked at. The
//! event only looks. The report is made, and the user's function called, on a thread of its own.

use std::collections::HashMap;
use std::sync::Weak;
use std::time::{Duration, Instant};

use executor_core::cell::{Captures, Notify};
use executor_core::dump::{OnStall, Stall};
use executor_core::observe::RunningJob;
use executor_core::panics::{catch, drop_catching};
use executor_core::{JobId, Priority};

use super::callback_queue::{Errand, Purpose};
use super::queued::TimerEvent;
use super::runner::Runner;
use super::shared::Shared;
use super::state::{State, Wake};
use super::sync;

/// Two looks are this far apart, or more.
const SHORTEST: Duration = Duration::from_millis(1);

/// What was seen, and reported, so far.
pub(super) struct StallWatch {
    /// When a job was last seen to start, or nothing waited.
    moved_at: Instant,
    /// How many jobs had started by then.
    started: u64,
    /// The stall of the queue that is reported next.
    queue: Duration,
    /// The run times of jobs that are reported next, where one was reported.
    jobs: HashMap<JobId, Duration>,
}

/// What is to be reported.
#[derive(Default)]
struct Found {
    jobs: Vec<RunningJob>,
    queue: Option<Duration>,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.queue.is_none()
    }
}

/// The numbers of one look.
struct Seen<'a> {
    now: Instant,
    running: &'a [RunningJob],
    /// Jobs that have started, in all.
    started: u64,
    /// Whether jobs wait: in the queue, or at a worker that does not start them.
    is_waiting: bool,
}

impl StallWatch {
    pub(super) fn new(limit: Duration) -> Self {
        Self { moved_at: sync::now(), started: 0, queue: limit, jobs: HashMap::new() }
    }

    /// Jobs come after a rest.
    fn begin(&mut self, limit: Duration) {
        *self = Self { started: self.started, ..Self::new(limit) };
    }

    /// Returns what is to be reported now, and when to look again.
    fn look(&mut self, seen: &Seen<'_>, limit: Duration) -> (Found, Instant) {
        let mut found = Found::default();
        self.jobs.retain(|id, _| seen.running.iter().any(|job| job.id == *id));
        let mut next = limit;
        for job in seen.running {
            let (ran, due) = (seen.now.saturating_duration_since(job.started_at), self.jobs.get(&job.id));
            let mut due = due.copied().unwrap_or(limit);
            if ran >= due {
                found.jobs.push(job.clone());
                due = ran.saturating_mul(2).max(due.saturating_mul(2));
                self.jobs.insert(job.id, due);
            }
            next = next.min(due - ran);
        }
        if !seen.is_waiting || seen.started != self.started {
            let last = seen.running.iter().map(|job| job.started_at).max();
            let moved_at = if seen.is_waiting { last.unwrap_or(seen.now) } else { seen.now };
            (self.moved_at, self.started, self.queue) = (moved_at.max(self.moved_at), seen.started, limit);
        }
        let rested = seen.now.saturating_duration_since(self.moved_at);
        if seen.is_waiting && rested >= self.queue {
            found.queue = Some(rested);
            self.queue = rested.saturating_mul(2).max(self.queue.saturating_mul(2));
        }
        if seen.is_waiting {
            next = next.min(self.queue.saturating_sub(rested));
        }
        let next = next.max(SHORTEST);
        (found, seen.now.checked_add(next).unwrap_or(seen.now + Duration::from_secs(1 << 20)))
    }
}

/// Looks whether something stalls.
struct Look<R: Runner + 'static>(Weak<Shared<R>>);

impl<R: Runner + 'static> TimerEvent for Look<R> {
    fn fire(self: Box<Self>) -> Option<(Notify, Captures)> {
        if let Some(shared) = self.0.upgrade() {
            shared.look_for_stalls();
        }
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

impl<R: Runner + 'static> Shared<R> {
    /// Queues a job of a measured pool, and sets the timer event if there is none.
    pub(super) fn enqueue_measured(&self, state: &mut State<R::Job>, priority: Priority, job: R::Job) -> Wake<R::Job> {
        self.begins_to_wait(&job);
        state.lanes.push(priority, job);
        let wake = self.has_queued(state, priority);
        let Some(on_stall) = self.config.on_stall.as_ref().filter(|_| !state.is_watched) else { return wake };
        state.is_watched = true;
        self.stall.lock().begin(on_stall.limit);
        let Some(when) = sync::now().checked_add(on_stall.limit) else { return wake };
        state.delayed.push_timer(when, Box::new(Look(self.this.clone())));
        Wake::Watched { starts_timer: state.needs_new_timer(), then: Box::new(wake) }
    }

    fn look_for_stalls(&self) {
        let Some(on_stall) = &self.config.on_stall else { return };
        let running = self.counters.running();
        let mut state = self.lock();
        let stats = self.look(&state);
        if stats.queued + stats.running == 0 {
            state.is_watched = false;
            return;
        }
        // A worker that has a job, and has not started it, may be stuck before that.
        let is_waiting = stats.queued > 0 || state.running() > running.len();
        let ended = stats.done() - stats.cancelled;
        let started = ended.wrapping_add(running.len() as u64);
        let seen = Seen { now: sync::now(), running: &running, started, is_waiting };
        let (found, next) = self.stall.lock().look(&seen, on_stall.limit);
        state.delayed.push_timer(next, Box::new(Look(self.this.clone())));
        // One that waits for its turn will tell of everything.
        let is_told = !state.stalls.queue.is_empty();
        drop(state);
        if !found.is_empty() && !is_told {
            self.tell_of(found, on_stall.clone());
        }
    }

    fn tell_of(&self, found: Found, OnStall { limit, handler, .. }: OnStall) {
        let Some(shared) = self.this.upgrade() else { return };
        self.send(
            Purpose::Stalls,
            Errand::Report(Box::new(move || {
                let Found { jobs, queue } = found;
                let stall = Stall::new(limit, jobs, queue, shared.dump());
                drop(shared);
                drop_catching(catch(|| handler(&stall)));
                drop_catching(stall);
            })),
        );
    }
}
