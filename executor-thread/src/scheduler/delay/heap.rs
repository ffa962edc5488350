//! Tests of the heap of delayed jobs and timer events, without the timer's thread.

use std::sync::Arc;
use std::sync::atomic::{self, AtomicBool, AtomicUsize};
use std::time::Duration;

use executor_core::JobError;
use executor_core::cell::{Captures, Notify};
use executor_core::queue_id::QueueId;

use super::super::number::Number;
use super::*;

/// A timer event that may be cancelled.
struct Bell(Arc<AtomicBool>);

impl TimerEvent for Bell {
    fn fire(self: Box<Self>) -> Option<(Notify, Captures)> {
        None
    }

    fn is_cancelled(&self) -> bool {
        self.0.load(atomic::Ordering::Relaxed)
    }
}

struct Times {
    delayed: Delayed<Number>,
    start: Instant,
}

impl Times {
    fn new() -> Self {
        Self { delayed: Delayed::default(), start: Instant::now() }
    }

    fn at(&self, secs: u64) -> Instant {
        self.start + Duration::from_secs(secs)
    }

    fn push_job(&mut self, secs: u64, number: usize, cancel_on_shutdown: bool) {
        self.delayed.push_job(self.at(secs), Priority::Normal, Number(number), cancel_on_shutdown);
    }

    /// Timer events for one second after the other.
    fn push_timers(&mut self, n: u64) -> Vec<Arc<AtomicBool>> {
        (0..n)
            .map(|secs| {
                let off = Arc::<AtomicBool>::default();
                self.delayed.push_timer(self.at(secs), Box::new(Bell(off.clone())));
                off
            })
            .collect()
    }

    fn cancel(&mut self, timers: &[Arc<AtomicBool>]) {
        for off in timers {
            off.store(true, atomic::Ordering::Relaxed);
            drop(self.delayed.cancelled());
        }
    }

    fn len(&self) -> usize {
        self.delayed.heap.len()
    }

    /// The numbers of the jobs, as their time comes; `None` for a timer event.
    fn pop_all(&mut self) -> Vec<Option<usize>> {
        std::iter::from_fn(|| self.delayed.pop()).map(|due| due.into_job().map(|Number(number)| number)).collect()
    }
}

fn numbers(jobs: Vec<Number>) -> Vec<usize> {
    let mut numbers: Vec<_> = jobs.into_iter().map(|Number(number)| number).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn they_come_by_time_and_then_in_order() {
    let mut times = Times::new();
    assert!(times.delayed.is_empty() && times.delayed.next().is_none());
    for (number, secs) in [5, 1, 3, 1, 4, 1, 5, 2].into_iter().enumerate() {
        times.push_job(secs, number, false);
    }
    times.push_timers(1);
    assert_eq!(times.delayed.next(), Some(times.at(0)));
    assert_eq!(times.delayed.alive(), 8);
    let jobs = [1, 3, 5, 7, 2, 4, 0, 6].map(Some);
    let all = times.pop_all();
    assert_eq!((all[0], &all[1..]), (None, &jobs[..]));
    assert!(times.delayed.is_empty());
    assert_eq!(times.delayed.alive(), 0);
}

#[test]
fn a_timer_event_is_no_job() {
    let mut times = Times::new();
    times.push_timers(2);
    assert!(times.delayed.is_empty());
    assert_eq!((times.delayed.alive(), times.delayed.alive_with(3)), (0, 3));
    times.push_job(9, 0, false);
    assert!(!times.delayed.is_empty());
    assert_eq!((times.delayed.alive(), times.delayed.alive_with(3)), (1, 4));
}

#[test]
fn a_timer_event_fires_after_earlier_jobs() {
    let mut times = Times::new();
    times.push_timers(2);
    let now = times.at(0);
    assert!(times.delayed.pop_timer(now).is_some());
    assert!(times.delayed.pop_timer(now).is_none(), "the other is a second away");
    times.push_job(0, 7, false);
    assert!(times.delayed.pop_timer(times.at(9)).is_none(), "a job is due before it");
    assert_eq!(times.pop_all(), [Some(7), None]);
}

#[test]
fn a_shutdown_takes_jobs_and_leaves_timers() {
    let mut times = Times::new();
    times.push_timers(3);
    for number in 0..6 {
        times.push_job(9, number, number % 2 == 0);
    }
    assert_eq!(numbers(times.delayed.take_cancel_on_shutdown()), [0, 2, 4]);
    assert_eq!((times.len(), times.delayed.unreported()), (6, 3), "they end now, and report it");
    (0..3).for_each(|_| drop(times.delayed.add_tombstone(false)));
    assert_eq!((times.delayed.unreported(), times.delayed.alive()), (0, 3));
    assert_eq!(numbers(times.delayed.take_awaited()), [1, 3, 5]);
    assert_eq!((times.len(), times.delayed.unreported()), (3, 3));
    assert!(times.delayed.is_empty());
}

#[test]
fn a_reported_end_is_counted_once() {
    let mut times = Times::new();
    (0..3).for_each(|number| times.push_job(9, number, false));
    drop(times.delayed.add_tombstone(false));
    assert_eq!((times.delayed.alive(), times.delayed.unreported()), (2, 0));
    assert!(times.delayed.pop().is_some());
    times.delayed.removed_tombstones(1);
    assert_eq!((times.delayed.alive(), times.delayed.unreported()), (2, 0));
    assert!(times.delayed.pop().is_some());
    times.delayed.removed_tombstones(1);
    assert_eq!(times.delayed.unreported(), 1);
}

#[test]
fn most_cancelled_timers_are_swept() {
    let mut times = Times::new();
    let timers = times.push_timers(4000);
    times.cancel(&timers[..2000]);
    assert_eq!(times.len(), 4000, "it is half of them");
    times.cancel(&timers[2000..2001]);
    assert_eq!(times.len(), 1999);
    times.cancel(&timers[2001..3000]);
    assert_eq!(times.len(), 1999, "it begins again");
    times.cancel(&timers[3000..3001]);
    assert_eq!(times.len(), 999);
}

#[test]
fn few_tombstones_are_kept_unless_closing() {
    let mut times = Times::new();
    let timers = times.push_timers(SMALL as u64);
    times.cancel(&timers);
    assert_eq!(times.len(), SMALL);
    times.push_job(9, 0, false);
    drop(times.delayed.add_tombstone(true));
    assert_eq!(times.len(), 1, "the job of this test says that it lives");
}

#[test]
fn jobs_and_timers_are_swept_together() {
    let mut times = Times::new();
    let timers = times.push_timers(1000);
    (0..1000).for_each(|number| times.push_job(9, number, false));
    (0..500).for_each(|_| drop(times.delayed.add_tombstone(false)));
    times.cancel(&timers[..500]);
    assert_eq!(times.len(), 2000);
    times.cancel(&timers[500..501]);
    assert_eq!(times.len(), 1499);
}

#[test]
fn popped_timers_are_not_counted_again() {
    let mut times = Times::new();
    let timers = times.push_timers(2000);
    times.cancel(&timers[..600]);
    (0..600).for_each(|_| assert!(times.delayed.pop().is_some()));
    times.cancel(&timers[600..1300]);
    assert_eq!(times.len(), 1400, "it is half of them");
    times.cancel(&timers[1300..1301]);
    assert_eq!(times.len(), 699);
}

/// A job that counts how often it is looked at.
struct Looked {
    looks: Arc<AtomicUsize>,
    is_tombstone: Arc<AtomicBool>,
}

impl Queued for Looked {
    fn fail(self, _: JobError) -> Option<Notify> {
        None
    }

    fn queue_id(&self) -> Option<QueueId> {
        None
    }

    fn is_waiting(&self) -> bool {
        self.looks.fetch_add(1, atomic::Ordering::Relaxed);
        !self.is_tombstone.load(atomic::Ordering::Relaxed)
    }

    fn move_to(&self, _: QueueId) -> bool {
        true
    }
}

#[test]
fn ends_while_closing_cost_few_looks() {
    const JOBS: usize = 4000;
    for cancel_on_shutdown in [false, true] {
        let (mut delayed, looks) = (Delayed::default(), Arc::<AtomicUsize>::default());
        let tombstones: Vec<_> = (0..JOBS).map(|_| Arc::<AtomicBool>::default()).collect();
        for is_tombstone in &tombstones {
            let job = Looked { looks: looks.clone(), is_tombstone: is_tombstone.clone() };
            delayed.push_job(Instant::now(), Priority::Normal, job, cancel_on_shutdown);
        }
        for is_tombstone in &tombstones {
            assert!(!delayed.is_empty());
            is_tombstone.store(true, atomic::Ordering::Relaxed);
            drop(if cancel_on_shutdown {
                delayed.add_cancel_on_shutdown_tombstone(true)
            } else {
                delayed.add_tombstone(true)
            });
        }
        assert!(delayed.is_empty(), "with the last one, all are gone");
        let looks = looks.load(atomic::Ordering::Relaxed);
        assert!(looks < 4 * JOBS, "{JOBS} jobs were looked at {looks} times");
    }
}

#[test]
fn last_tombstones_go_with_the_last_job() {
    let mut times = Times::new();
    (0..3).for_each(|number| times.push_job(9, number, false));
    (0..2).for_each(|_| drop(times.delayed.add_tombstone(true)));
    assert_eq!(times.len(), 3);
    drop(times.delayed.take_last_tombstones());
    assert!(!times.delayed.has_only_tombstones(), "one lives");
    assert!(times.delayed.pop().is_some());
    assert!(times.delayed.has_only_tombstones());
}

#[test]
fn cancel_on_shutdown_is_not_awaited() {
    let mut times = Times::new();
    times.push_job(9, 0, true);
    assert_eq!((times.delayed.alive(), times.delayed.awaited()), (1, 0));
    times.push_job(9, 1, false);
    times.push_job(1, 2, true);
    assert_eq!((times.delayed.alive(), times.delayed.awaited()), (3, 1));
    drop(times.delayed.add_cancel_on_shutdown_tombstone(false));
    assert_eq!((times.delayed.alive(), times.delayed.awaited()), (2, 1));
    assert!(times.delayed.pop().is_some());
    times.delayed.removed_cancel_on_shutdown_tombstone();
    assert_eq!((times.delayed.alive(), times.delayed.awaited()), (2, 1));
    assert_eq!(numbers(times.delayed.take_awaited()), [1]);
    drop(times.delayed.add_tombstone(false));
    assert_eq!((times.delayed.alive(), times.delayed.awaited()), (1, 0));
    assert_eq!(numbers(times.delayed.take_cancel_on_shutdown()), [0]);
    drop(times.delayed.add_cancel_on_shutdown_tombstone(false));
    assert_eq!((times.delayed.alive(), times.delayed.awaited(), times.delayed.unreported()), (0, 0, 0));
}
