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
    fn is_cancelled(&self) -> bool {
        match self {
            Self::Queue(waiting) => !waiting.job.is_waiting(),
            Self::EndWait(control, _) => !control.is_waiting(),
            Self::EndRun(control, _) => control.status().is_done(),
            Self::Stop => false,
        }
    }
}

/// Names an event: when it is due, and its number.
pub(super) type EventKey = (Instant, u64);

/// A clock that moves when it is told to, and the events that are due by it. Once it [follows](Self::follow) the world's clock, it moves by itself, too.
pub(super) struct Clock {
    now: Instant,
    /// When it began to follow the world's clock, by that.
    follows_since: Option<Instant>,
    events: BTreeMap<EventKey, Event>,
    next_number: u64,
    /// How many delayed jobs are among the events, with tombstones: jobs that were cancelled, or are run by a thread that waits for them.
    delayed: usize,
    /// Tombstones reported by [`add_tombstone`](Self::add_tombstone), without those removed: negative while removed ones are unreported.
    tombstones: isize,
    /// At this number of events, cancelled events are removed.
    sweep_at: usize,
}

const SMALL: usize = 64;

impl Clock {
    pub(super) fn new() -> Self {
        let (now, events) = (Instant::now(), BTreeMap::new());
        Self { now, follows_since: None, events, next_number: 0, delayed: 0, tombstones: 0, sweep_at: SMALL }
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
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
        self.now().checked_add(delay).unwrap_or_else(|| self.now() + CENTURY)
    }

    /// It is `when` now, unless it is later. One that follows the world's goes ahead of that.
    pub(super) fn reach(&mut self, when: Instant) {
        self.now += when.saturating_duration_since(self.now());
    }

    pub(super) fn set(&mut self, when: Instant, event: Event) -> EventKey {
        self.delayed += usize::from(matches!(event, Event::Queue(_)));
        let key = (when, self.next_number);
        self.next_number += 1;
        self.events.insert(key, event);
        key
    }

    pub(super) fn cancel(&mut self, key: EventKey) {
        self.events.remove(&key);
    }

    /// When the next event is due. Cancelled events before it go to `cancelled`, to be dropped outside the lock.
    pub(super) fn next_due(&mut self, cancelled: &mut Vec<Event>) -> Option<Instant> {
        self.sweep(cancelled);
        loop {
            let first = self.events.first_entry()?;
            if !first.get().is_cancelled() {
                return Some(first.key().0);
            }
            let event = first.remove();
            self.removed(&event, true);
            cancelled.push(event);
        }
    }

    /// The next event that is due until `until`. The time goes there, or to `until` if there is none.
    pub(super) fn next(&mut self, until: Instant, cancelled: &mut Vec<Event>) -> Option<Event> {
        let Some(due) = self.next_due(cancelled).filter(|&due| due <= until) else {
            self.reach(until);
            return None;
        };
        self.reach(due);
        let (_, event) = self.events.pop_first()?;
        self.removed(&event, false);
        Some(event)
    }

    fn removed(&mut self, event: &Event, is_tombstone: bool) {
        if matches!(event, Event::Queue(_)) {
            self.delayed -= 1;
            self.tombstones -= isize::from(is_tombstone);
        }
    }

    /// A delayed job was cancelled, or is run by a thread that waits for it.
    pub(super) fn add_tombstone(&mut self) {
        self.tombstones += 1;
    }

    /// Whether a tombstone was removed that is not reported yet.
    pub(super) fn has_unreported(&self) -> bool {
        self.tombstones < 0
    }

    /// Jobs that wait for their time.
    pub(super) fn delayed(&self) -> usize {
        self.delayed.saturating_add_signed(-self.tombstones)
    }

    /// Takes every delayed job.
    pub(super) fn take_delayed(&mut self) -> Vec<Waiting> {
        let mut taken = Vec::new();
        for (key, event) in std::mem::take(&mut self.events) {
            match event {
                Event::Queue(waiting) => taken.push(waiting),
                other => drop(self.events.insert(key, other)),
            }
        }
        self.delayed = 0;
        taken
    }

    /// A delayed job that was taken out is a tombstone.
    pub(super) fn removed_tombstone(&mut self) {
        self.tombstones -= 1;
    }

    /// Takes cancelled events out, when there are many events.
    fn sweep(&mut self, cancelled: &mut Vec<Event>) {
        if self.events.len() < self.sweep_at {
            return;
        }
        for (key, event) in std::mem::take(&mut self.events) {
            if event.is_cancelled() {
                self.removed(&event, true);
                cancelled.push(event);
            } else {
                self.events.insert(key, event);
            }
        }
        self.sweep_at = SMALL.max(2 * self.events.len());
    }
}
