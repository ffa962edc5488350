//! Virtual time: what is due when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::JobError;
use executor_core::cell::{Control, QueuedControl};

use super::lanes::Waiting;

/// An event that is due at a time.
pub(super) enum Event {
    /// A delayed job is queued.
    Queue(Waiting),
    /// A job that has not started ends so.
    EndWait(Arc<dyn QueuedControl>, JobError),
    /// A job that runs ends so, and is asked to stop.
    EndRun(Arc<dyn Control>, JobError),
    /// The time of a shutdown is up.
    Stop,
}

impl Event {
    /// Whether it would change nothing any more.
    fn is_off(&self) -> bool {
        match self {
            Self::Queue(waiting) => !waiting.job.is_waiting(),
            Self::EndWait(control, _) => !control.is_waiting(),
            Self::EndRun(control, _) => control.status().is_done(),
            Self::Stop => false,
        }
    }
}

/// Names an event.
pub(super) type Ticket = (Instant, u64);

/// A clock that moves when it is told to, and what it is waited for with. With a start, it follows the world's clock as well.
pub(super) struct Clock {
    now: Instant,
    /// When it began to follow the world's clock, by that.
    follows_since: Option<Instant>,
    events: BTreeMap<Ticket, Event>,
    next_number: u64,
    /// How many delayed jobs are among the events, alive or dead.
    delayed: usize,
    dead: isize,
    /// At this number of events, those that are off are removed.
    sweep_at: usize,
}

const SMALL: usize = 64;

impl Clock {
    pub(super) fn new() -> Self {
        let (now, events) = (Instant::now(), BTreeMap::new());
        Self { now, follows_since: None, events, next_number: 0, delayed: 0, dead: 0, sweep_at: SMALL }
    }

    pub(super) fn now(&self) -> Instant {
        self.follows_since.map_or(self.now, |since| self.now + since.elapsed())
    }

    /// From now on it follows the world's clock.
    pub(super) fn follow(&mut self) {
        self.follows_since.get_or_insert_with(Instant::now);
    }

    /// The time after `delay`, or one that does not come.
    pub(super) fn after(&self, delay: Duration) -> Instant {
        const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);
        self.now().checked_add(delay).unwrap_or_else(|| self.now() + CENTURY)
    }

    /// It is `when` now, unless it is later. One that follows the world's goes ahead of that.
    pub(super) fn reach(&mut self, when: Instant) {
        self.now += when.saturating_duration_since(self.now());
    }

    pub(super) fn set(&mut self, when: Instant, event: Event) -> Ticket {
        self.delayed += usize::from(matches!(event, Event::Queue(_)));
        let ticket = (when, self.next_number);
        self.next_number += 1;
        self.events.insert(ticket, event);
        ticket
    }

    pub(super) fn call_off(&mut self, ticket: Ticket) {
        self.events.remove(&ticket);
    }

    /// When the next event is due. Events before it that are off go to `off`, to be dropped outside the lock.
    pub(super) fn next_due(&mut self, off: &mut Vec<Event>) -> Option<Instant> {
        self.sweep(off);
        loop {
            let first = self.events.first_entry()?;
            if !first.get().is_off() {
                return Some(first.key().0);
            }
            let event = first.remove();
            self.removed(&event, true);
            off.push(event);
        }
    }

    /// The next thing that happens until `until`: the time goes there, or to `until`.
    pub(super) fn next(&mut self, until: Instant, off: &mut Vec<Event>) -> Option<Event> {
        let Some(due) = self.next_due(off).filter(|&due| due <= until) else {
            self.reach(until);
            return None;
        };
        self.reach(due);
        let (_, event) = self.events.pop_first()?;
        self.removed(&event, false);
        Some(event)
    }

    fn removed(&mut self, event: &Event, is_dead: bool) {
        if matches!(event, Event::Queue(_)) {
            self.delayed -= 1;
            self.dead -= isize::from(is_dead);
        }
    }

    /// A delayed job has died.
    pub(super) fn died(&mut self) {
        self.dead += 1;
    }

    /// Whether a job was found dead that has not said so yet.
    pub(super) fn has_untold(&self) -> bool {
        self.dead < 0
    }

    /// Jobs that wait for their time.
    pub(super) fn delayed(&self) -> usize {
        self.delayed.saturating_add_signed(-self.dead)
    }

    /// Takes every delayed job.
    pub(super) fn take_delayed(&mut self) -> Vec<Waiting> {
        let mut taken = Vec::new();
        for (ticket, event) in std::mem::take(&mut self.events) {
            match event {
                Event::Queue(waiting) => taken.push(waiting),
                other => drop(self.events.insert(ticket, other)),
            }
        }
        self.delayed = 0;
        taken
    }

    /// A delayed job that was taken had died.
    pub(super) fn removed_dead(&mut self) {
        self.dead -= 1;
    }

    /// Takes out what is off, when there is much.
    fn sweep(&mut self, off: &mut Vec<Event>) {
        if self.events.len() < self.sweep_at {
            return;
        }
        for (ticket, event) in std::mem::take(&mut self.events) {
            if event.is_off() {
                self.removed(&event, true);
                off.push(event);
            } else {
                self.events.insert(ticket, event);
            }
        }
        self.sweep_at = SMALL.max(2 * self.events.len());
    }
}
