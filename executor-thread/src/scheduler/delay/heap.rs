//! Tests of the heap of delayed jobs and alarms, without the timer's thread.

use std::sync::Arc;
use std::sync::atomic::{self, AtomicBool, AtomicUsize};
use std::time::Duration;

use executor_core::JobError;
use executor_core::cell::{Captures, Notify};
use executor_core::queue_id::QueueId;

use super::super::number::Number;
use super::*;

/// An alarm that may be called off.
struct Bell(Arc<AtomicBool>);

impl Alarm for Bell {
    fn ring(self: Box<Self>) -> Option<(Notify, Captures)> {
        None
    }

    fn is_off(&self) -> bool {
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

    fn push_job(&mut self, secs: u64, number: usize, fleeting: bool) {
        self.delayed.push_job(self.at(secs), Priority::Normal, Number(number), fleeting);
    }

    /// Alarms for one second after the other.
    fn push_alarms(&mut self, n: u64) -> Vec<Arc<AtomicBool>> {
        (0..n)
            .map(|secs| {
                let off = Arc::<AtomicBool>::default();
                self.delayed.push_alarm(self.at(secs), Box::new(Bell(off.clone())));
                off
            })
            .collect()
    }

    fn call_off(&mut self, alarms: &[Arc<AtomicBool>]) {
        for off in alarms {
            off.store(true, atomic::Ordering::Relaxed);
            drop(self.delayed.fell_silent());
        }
    }

    fn len(&self) -> usize {
        self.delayed.heap.len()
    }

    /// The numbers of the jobs, as their time comes; `None` for an alarm.
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
    times.push_alarms(1);
    assert_eq!(times.delayed.next(), Some(times.at(0)));
    assert_eq!(times.delayed.alive(), 8);
    let jobs = [1, 3, 5, 7, 2, 4, 0, 6].map(Some);
    let all = times.pop_all();
    assert_eq!((all[0], &all[1..]), (None, &jobs[..]));
    assert!(times.delayed.is_empty());
    assert_eq!(times.delayed.alive(), 0);
}

#[test]
fn an_alarm_is_no_job() {
    let mut times = Times::new();
    times.push_alarms(2);
    assert!(times.delayed.is_empty());
    assert_eq!((times.delayed.alive(), times.delayed.alive_with(3)), (0, 3));
    times.push_job(9, 0, false);
    assert!(!times.delayed.is_empty());
    assert_eq!((times.delayed.alive(), times.delayed.alive_with(3)), (1, 4));
}

#[test]
fn an_alarm_rings_from_its_time_on_and_after_the_jobs_before_it() {
    let mut times = Times::new();
    times.push_alarms(2);
    let now = times.at(0);
    assert!(times.delayed.pop_alarm(now).is_some());
    assert!(times.delayed.pop_alarm(now).is_none(), "the other is a second away");
    times.push_job(0, 7, false);
    assert!(times.delayed.pop_alarm(times.at(9)).is_none(), "a job is due before it");
    assert_eq!(times.pop_all(), [Some(7), None]);
}

#[test]
fn a_shutdown_takes_what_is_fleeting_or_all_and_leaves_the_alarms() {
    let mut times = Times::new();
    times.push_alarms(3);
    for number in 0..6 {
        times.push_job(9, number, number % 2 == 0);
    }
    assert_eq!(numbers(times.delayed.take_fleeting()), [0, 2, 4]);
    assert_eq!((times.len(), times.delayed.untold()), (6, 3), "they die now, and tell it");
    (0..3).for_each(|_| drop(times.delayed.died(false)));
    assert_eq!((times.delayed.untold(), times.delayed.alive()), (0, 3));
    assert_eq!(numbers(times.delayed.take_awaited()), [1, 3, 5]);
    assert_eq!((times.len(), times.delayed.untold()), (3, 3));
    assert!(times.delayed.is_empty());
}

#[test]
fn one_whose_death_was_told_is_counted_once() {
    let mut times = Times::new();
    (0..3).for_each(|number| times.push_job(9, number, false));
    drop(times.delayed.died(false));
    assert_eq!((times.delayed.alive(), times.delayed.untold()), (2, 0));
    assert!(times.delayed.pop().is_some());
    times.delayed.removed_dead(1);
    assert_eq!((times.delayed.alive(), times.delayed.untold()), (2, 0));
    assert!(times.delayed.pop().is_some());
    times.delayed.removed_dead(1);
    assert_eq!(times.delayed.untold(), 1);
}

#[test]
fn most_alarms_called_off_are_swept() {
    let mut times = Times::new();
    let alarms = times.push_alarms(4000);
    times.call_off(&alarms[..2000]);
    assert_eq!(times.len(), 4000, "it is half of them");
    times.call_off(&alarms[2000..2001]);
    assert_eq!(times.len(), 1999);
    times.call_off(&alarms[2001..3000]);
    assert_eq!(times.len(), 1999, "it begins again");
    times.call_off(&alarms[3000..3001]);
    assert_eq!(times.len(), 999);
}

#[test]
fn a_few_dead_are_kept_until_their_time_unless_somebody_waits() {
    let mut times = Times::new();
    let alarms = times.push_alarms(SMALL as u64);
    times.call_off(&alarms);
    assert_eq!(times.len(), SMALL);
    times.push_job(9, 0, false);
    drop(times.delayed.died(true));
    assert_eq!(times.len(), 1, "the job of this test says that it lives");
}

#[test]
fn jobs_and_alarms_are_the_most_together() {
    let mut times = Times::new();
    let alarms = times.push_alarms(1000);
    (0..1000).for_each(|number| times.push_job(9, number, false));
    (0..500).for_each(|_| drop(times.delayed.died(false)));
    times.call_off(&alarms[..500]);
    assert_eq!(times.len(), 2000);
    times.call_off(&alarms[500..501]);
    assert_eq!(times.len(), 1499);
}

#[test]
fn popped_alarms_are_not_counted_again() {
    let mut times = Times::new();
    let alarms = times.push_alarms(2000);
    times.call_off(&alarms[..600]);
    (0..600).for_each(|_| assert!(times.delayed.pop().is_some()));
    times.call_off(&alarms[600..1300]);
    assert_eq!(times.len(), 1400, "it is half of them");
    times.call_off(&alarms[1300..1301]);
    assert_eq!(times.len(), 699);
}

/// A job that counts how often it is looked at.
struct Looked {
    looks: Arc<AtomicUsize>,
    is_dead: Arc<AtomicBool>,
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
        !self.is_dead.load(atomic::Ordering::Relaxed)
    }

    fn move_to(&self, _: QueueId) -> bool {
        true
    }
}

#[test]
fn deaths_while_closing_cost_few_looks() {
    const JOBS: usize = 4000;
    for fleeting in [false, true] {
        let (mut delayed, looks) = (Delayed::default(), Arc::<AtomicUsize>::default());
        let dead: Vec<_> = (0..JOBS).map(|_| Arc::<AtomicBool>::default()).collect();
        for is_dead in &dead {
            let job = Looked { looks: looks.clone(), is_dead: is_dead.clone() };
            delayed.push_job(Instant::now(), Priority::Normal, job, fleeting);
        }
        for is_dead in &dead {
            assert!(!delayed.is_empty());
            is_dead.store(true, atomic::Ordering::Relaxed);
            drop(if fleeting { delayed.fleeting_died(true) } else { delayed.died(true) });
        }
        assert!(delayed.is_empty(), "with the last one, all are gone");
        let looks = looks.load(atomic::Ordering::Relaxed);
        assert!(looks < 4 * JOBS, "{JOBS} jobs were looked at {looks} times");
    }
}

#[test]
fn the_last_dead_go_when_the_last_living_does() {
    let mut times = Times::new();
    (0..3).for_each(|number| times.push_job(9, number, false));
    (0..2).for_each(|_| drop(times.delayed.died(true)));
    assert_eq!(times.len(), 3);
    drop(times.delayed.take_last_dead());
    assert!(!times.delayed.has_only_dead(), "one lives");
    assert!(times.delayed.pop().is_some());
    assert!(times.delayed.has_only_dead());
}

#[test]
fn nobody_awaits_the_fleeting() {
    let mut times = Times::new();
    times.push_job(9, 0, true);
    assert_eq!((times.delayed.alive(), times.delayed.awaited()), (1, 0));
    times.push_job(9, 1, false);
    times.push_job(1, 2, true);
    assert_eq!((times.delayed.alive(), times.delayed.awaited()), (3, 1));
    drop(times.delayed.fleeting_died(false));
    assert_eq!((times.delayed.alive(), times.delayed.awaited()), (2, 1));
    assert!(times.delayed.pop().is_some());
    times.delayed.removed_dead_fleeting();
    assert_eq!((times.delayed.alive(), times.delayed.awaited()), (2, 1));
    assert_eq!(numbers(times.delayed.take_awaited()), [1]);
    drop(times.delayed.died(false));
    assert_eq!((times.delayed.alive(), times.delayed.awaited()), (1, 0));
    assert_eq!(numbers(times.delayed.take_fleeting()), [0]);
    drop(times.delayed.fleeting_died(false));
    assert_eq!((times.delayed.alive(), times.delayed.awaited(), times.delayed.untold()), (0, 0, 0));
}
