//! Looks at an executor from outside, and compares that with a world.
//!
//! It is not seen at one moment. But what has happened to a job stays so, so that a look tells at least how far it has come; whether it is
//! at rest is decided by a look that agrees with a world in all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use executor_core::{Canceller, Future, JobError, Stats};
use parking_lot::Mutex;

use super::super::coordinator::Presence;
use super::super::op::JobNumber;
use super::super::world::{Answer, Call, Done, End, Hold, Job, Life, World};
use super::Driver;

/// A job, as far as the script has got hold of it.
pub(super) struct Known {
    number: JobNumber,
    future: Mutex<Option<Future<u64>>>,
    canceller: Mutex<Option<Canceller>>,
    outcome: Mutex<Option<End>>,
    /// How often an outcome was told.
    told: AtomicUsize,
    captured: Weak<()>,
    /// Its end was told before what it captured was gone.
    is_late: AtomicBool,
}

impl Known {
    pub(super) fn new(number: JobNumber, captured: &Arc<()>) -> Self {
        Self {
            number,
            future: Mutex::new(None),
            canceller: Mutex::new(None),
            outcome: Mutex::new(None),
            told: AtomicUsize::new(0),
            captured: Arc::downgrade(captured),
            is_late: AtomicBool::new(false),
        }
    }

    pub(super) fn submitted(&self, future: Future<u64>) {
        *self.canceller.lock() = Some(future.canceller());
        *self.future.lock() = Some(future);
    }

    pub(super) fn take_future(&self) -> Option<Future<u64>> {
        self.future.lock().take()
    }

    pub(super) fn canceller(&self) -> Option<Canceller> {
        self.canceller.lock().clone()
    }

    /// The job's outcome is told.
    pub(super) fn tell(&self, outcome: &Result<u64, JobError>) {
        let end = match outcome {
            Ok(value) if *value == u64::from(self.number) => End::Returned,
            Err(JobError::Panicked(_)) => End::Panicked,
            Err(JobError::Crashed(_)) => End::Crashed,
            Err(JobError::Cancelled(_)) => End::Cancelled,
            Err(JobError::Rejected(refused)) => End::Refused(refused.reason()),
            _ => End::Strange,
        };
        // A caller that knows that a job never starts may rely on its captures being dropped.
        if matches!(end, End::Cancelled | End::Refused(_)) && self.is_captured() {
            self.is_late.store(true, Ordering::SeqCst);
        }
        self.refused_or(end);
    }

    /// As `tell`, where there is no future.
    pub(super) fn refused_or(&self, end: End) {
        *self.outcome.lock() = Some(end);
        self.told.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn told(&self) -> usize {
        self.told.load(Ordering::SeqCst)
    }

    pub(super) fn is_late(&self) -> bool {
        self.is_late.load(Ordering::SeqCst)
    }

    pub(super) fn is_captured(&self) -> bool {
        self.captured.strong_count() > 0
    }

    /// Whether it has its outcome, even if no caller is left to be told.
    fn has_ended(&self) -> bool {
        self.canceller.lock().as_ref().is_none_or(|canceller| canceller.status().is_done())
    }

    fn look(&self) -> Option<End> {
        let ended = {
            let mut future = self.future.lock();
            if future.as_ref().is_some_and(Future::is_done) { future.take() } else { None }
        };
        if let Some(future) = ended {
            self.tell(&future.result());
        }
        *self.outcome.lock()
    }
}

/// The state of a job, as far as it is seen.
#[derive(Clone, Copy, Default)]
struct Sight {
    presence: Presence,
    outcome: Option<End>,
    has_ended: bool,
}

/// A look at everything.
pub(super) struct Seen {
    jobs: BTreeMap<JobNumber, Sight>,
    answers: BTreeMap<usize, Answer>,
    stats: Option<Stats>,
}

impl Seen {
    pub(super) fn of(driver: &mut Driver) -> Self {
        for world in &driver.worlds {
            for number in world.jobs.keys() {
                if let Some(child) = driver.coordinator.take_child(*number) {
                    let known = Arc::new(Known::new(*number, &Arc::new(())));
                    known.submitted(child);
                    driver.jobs.insert(*number, known);
                }
            }
        }
        let numbers = driver.worlds.first().into_iter().flat_map(|world| world.jobs.keys().copied());
        // The outcome is read first: a job that has its outcome has told the coordinator of its end.
        let look = |number| {
            let known = driver.jobs.get(&number);
            let has_ended = known.is_none_or(|known| known.has_ended());
            let outcome = known.and_then(|known| known.look());
            (number, Sight { presence: driver.coordinator.presence(number), outcome, has_ended })
        };
        Self {
            jobs: numbers.map(look).collect(),
            answers: driver.answers.lock().clone(),
            stats: driver.watch.as_ref().map(|watch| watch.stats()),
        }
    }

    pub(super) fn has_answered(&self, call: usize) -> bool {
        self.answers.contains_key(&call)
    }

    /// How many calls have returned.
    pub(super) fn count(&self) -> usize {
        self.answers.len()
    }

    /// Whether nothing that was seen rules the world out.
    pub(super) fn may_become(&self, world: &World) -> bool {
        let job = |(number, Sight { presence, outcome, .. }): (&JobNumber, &Sight)| {
            let Some(job) = world.jobs.get(number) else { return false };
            let is_end = outcome.is_none_or(|end| job.life == Life::Ended(end));
            presence.starts <= usize::from(job.ran) && presence.ends <= usize::from(job.ran) && is_end
        };
        let call = |(at, call): (&usize, &Call)| match call {
            Call::Waits(_) => !self.answers.contains_key(at),
            Call::Returned(answer) => self.answers.get(at).is_none_or(|seen| seen == answer),
        };
        self.jobs.iter().all(job) && world.calls.iter().all(call)
    }

    /// Whether this is the world, at rest.
    pub(super) fn is(&self, world: &World) -> bool {
        self.may_become(world) && self.differences(world).is_empty()
    }

    /// The differences from the world, a line each.
    fn differences(&self, world: &World) -> Vec<String> {
        let mut lines = Vec::new();
        for (number, job) in &world.jobs {
            let sight = self.jobs.get(number).copied().unwrap_or_default();
            if !is_as(job, sight) {
                let allowed = describe(job);
                lines.push(format!("job {number}: {}; allowed: {allowed}", tell(sight)));
            }
        }
        for (at, call) in &world.calls {
            let (number, seen) = (at / super::PARTS + 1, self.answers.get(at));
            match (call, seen) {
                (Call::Returned(answer), Some(seen)) if answer == seen => {}
                (Call::Waits(_), None) => {}
                (Call::Waits(until), Some(seen)) => {
                    lines.push(format!("operation {number} has returned {seen:?}; it should wait: {until:?}"));
                }
                (Call::Returned(answer), Some(seen)) => {
                    lines.push(format!("operation {number} has returned {seen:?}; allowed: {answer:?}"));
                }
                (Call::Returned(answer), None) => {
                    lines.push(format!("operation {number} has not returned; allowed: {answer:?}"));
                }
            }
        }
        if let Some(stats) = &self.stats {
            let (seen, allowed) = (numbers_of(stats), numbers_in(world));
            if seen != allowed {
                lines.push(format!("stats: {stats}; allowed: {allowed:?}"));
            }
        }
        lines
    }

    /// How what was seen differs from the world that it is nearest to.
    pub(super) fn tell(&self, worlds: &[World]) -> String {
        let nearest = worlds.iter().map(|world| self.differences(world)).min_by_key(Vec::len).unwrap_or_default();
        let mut text = nearest.iter().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "  {line}");
            text
        });
        if worlds.len() > 1 {
            let _ = writeln!(text, "  ({} states were allowed; this is the nearest)", worlds.len());
        }
        text
    }
}

fn is_as(job: &Job, Sight { presence, outcome, has_ended }: Sight) -> bool {
    // Killed before it could say that it runs.
    let was_stopped = matches!(job.life, Life::Ended(End::Cancelled | End::Crashed));
    let has_started = presence.starts == usize::from(job.ran) || was_stopped && job.ran && presence.starts == 0;
    let Life::Ended(end) = job.life else { return has_started && presence.ends == 0 && outcome.is_none() };
    let has_left = presence.ends == 1 || !matches!(end, End::Returned | End::Panicked);
    // A job that has told the coordinator of its end is not over yet: for a moment, an abort still finds it running.
    let is_told = outcome == Some(end) || outcome.is_none() && matches!(job.future, Hold::Dropped) && has_ended;
    has_started && has_left && is_told
}

fn tell(Sight { presence, outcome, .. }: Sight) -> String {
    let started = match presence.starts {
        0 => "it has not started".to_owned(),
        1 => "it has started".to_owned(),
        n => format!("it has started {n} times"),
    };
    let outcome = outcome.map_or_else(|| "no outcome".to_owned(), |end| format!("{end:?}"));
    format!("{started}, {} ends, {outcome}", presence.ends)
}

fn describe(job: &Job) -> String {
    format!("{:?}{}", job.life, if job.ran { ", started" } else { ", not started" })
}

/// Queued, delayed, running.
type Numbers = (usize, usize, usize, Done);

fn numbers_of(stats: &Stats) -> Numbers {
    let Stats { completed, panicked, cancelled, crashed, failed, .. } = *stats;
    (stats.queued, stats.delayed, stats.running, Done { completed, panicked, cancelled, crashed, failed })
}

fn numbers_in(world: &World) -> Numbers {
    let delayed = world.count(|life| matches!(life, Life::Delayed(_)));
    let running = world.count(Life::runs);
    (world.queue.len(), delayed, running, world.done)
}
