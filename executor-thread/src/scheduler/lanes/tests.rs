//! Which job is the next, and what becomes of the tombstones, without a thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use executor_core::JobError;
use executor_core::cell::Notify;
use executor_core::queue_id::QueueId;

use super::*;

#[derive(Clone)]
struct Entry(usize, Arc<AtomicBool>);

impl Queued for Entry {
    fn fail(self, _: JobError) -> Option<Notify> {
        None
    }

    fn queue_id(&self) -> Option<QueueId> {
        None
    }

    fn is_waiting(&self) -> bool {
        !self.1.load(Ordering::Relaxed)
    }

    fn move_to(&self, _: QueueId) -> bool {
        true
    }
}

fn lanes(entries: impl IntoIterator<Item = (Priority, usize)>) -> Lanes<Entry> {
    let mut lanes = Lanes::default();
    for (priority, number) in entries {
        lanes.push(priority, Entry(number, Arc::default()));
    }
    lanes
}

fn numbers(lanes: &mut Lanes<Entry>) -> Vec<usize> {
    std::iter::from_fn(|| lanes.pop()).map(|Entry(number, _)| number).collect()
}

#[test]
fn jobs_go_by_priority_and_then_in_order() {
    let mut lanes = lanes([
        (Priority::Low, 5),
        (Priority::Normal, 3),
        (Priority::High, 1),
        (Priority::Normal, 4),
        (Priority::High, 2),
    ]);
    assert_eq!(numbers(&mut lanes), [1, 2, 3, 4, 5]);
    assert!(lanes.is_empty());
}

#[test]
fn no_lane_is_starved() {
    let high = (0..1000).map(|_| (Priority::High, 0));
    let mut lanes = lanes(high.chain([(Priority::Low, 1), (Priority::Normal, 2)]));
    let order = numbers(&mut lanes);
    let place = |number| order.iter().position(|&found| found == number).unwrap();
    assert!(place(1) < 3 * TURN && place(2) < 3 * TURN, "{} {}", place(1), place(2));
}

#[test]
fn most_tombstones_are_swept() {
    let mut lanes = Lanes::default();
    let entries: Vec<_> = (0..4000).map(|number| Entry(number, Arc::default())).collect();
    for entry in &entries {
        lanes.push(Priority::Normal, entry.clone());
    }
    let mut swept = 0;
    for entry in entries.iter().skip(1).step_by(2).chain(entries.iter().step_by(2).take(1500)) {
        entry.1.store(true, Ordering::Relaxed);
        swept += lanes.add_tombstone().len();
    }
    assert!(swept > 2000, "{swept}");
    assert_eq!((lanes.alive(), lanes.len() - lanes.alive()), (500, 3500 - swept));
    let mut left = 0;
    while let Some(entry) = lanes.pop() {
        if !entry.is_waiting() {
            lanes.removed_tombstones(1);
        }
        left += 1;
    }
    assert_eq!(left, 4000 - swept);
    assert_eq!(lanes.alive(), 0);
}

/// The next job is that whose turn it is.
fn until_the_turn_of(lane: Priority, lanes: &mut Lanes<Entry>) {
    lanes.taken = (lane as usize + 1) * TURN - 1;
    assert_eq!(lanes.first(), lane as usize);
}

#[test]
fn an_urgent_job_waits_for_nobody_but_the_lane_whose_turn_it_is() {
    let mut lanes = lanes((0..5).map(|number| (Priority::High, number)).chain([(Priority::Normal, 99)]));
    assert!(lanes.has_urgent() && lanes.pop_normal().is_none());
    let before = |lanes: &mut Lanes<Entry>| lanes.pop_before_normal().map(|entry| entry.0);
    assert_eq!(before(&mut lanes), Some(0));
    until_the_turn_of(Priority::Normal, &mut lanes);
    assert_eq!(before(&mut lanes), None);
    assert_eq!(lanes.pop().map(|entry| entry.0), Some(99));
    lanes.push(Priority::Normal, Entry(98, Arc::default()));
    until_the_turn_of(Priority::Low, &mut lanes);
    assert_eq!(before(&mut lanes), Some(1), "no low one waits");
    until_the_turn_of(Priority::Low, &mut lanes);
    lanes.push(Priority::Low, Entry(97, Arc::default()));
    assert_eq!((before(&mut lanes), before(&mut lanes)), (Some(97), Some(2)));
    assert_eq!([before(&mut lanes), before(&mut lanes), before(&mut lanes)], [Some(3), Some(4), None]);
    assert_eq!(lanes.pop_normal().map(|entry| entry.0), Some(98));
}

#[test]
fn a_low_job_is_waited_for_by_batches() {
    let mut lanes = lanes([(Priority::Normal, 1), (Priority::Low, 2)]);
    assert!(lanes.has_low() && lanes.pop_normal().is_none() && lanes.pop_before_normal().is_none());
    for _ in 0..3 * TURN {
        if let Some(entry) = lanes.pop_before_normal() {
            assert_eq!(entry.0, 2);
            assert!(!lanes.has_low());
            return assert_eq!(lanes.pop_normal().map(|entry| entry.0), Some(1));
        }
        lanes.count_start();
    }
    panic!("it never had its turn");
}

#[test]
fn each_lane_is_the_first_to_be_asked_in_turn() {
    let all = [Priority::High, Priority::Normal, Priority::Low].into_iter().enumerate();
    let mut lanes = lanes(all.flat_map(|(lane, priority)| (0..4 * TURN).map(move |_| (priority, lane))));
    let order = numbers(&mut lanes);
    let turns: Vec<_> = order[TURN - 1..].iter().step_by(TURN).take(3).copied().collect();
    assert_eq!(turns, [0, 1, 2]);
    assert!(order[..3 * TURN - 1].iter().enumerate().all(|(at, lane)| *lane == 0 || at == 2 * TURN - 1));
}

#[test]
fn drop_oldest_takes_the_least_priority_first() {
    let mut lanes = lanes([(Priority::High, 0), (Priority::Low, 1), (Priority::Normal, 2), (Priority::Low, 3)]);
    lanes.push_front(Priority::Normal, Entry(4, Arc::default()));
    assert_eq!((lanes.len(), lanes.is_empty(), lanes.alive_with(2)), (5, false, 7));
    let order: Vec<_> = std::iter::from_fn(|| lanes.pop_oldest()).map(|entry| entry.0).collect();
    assert_eq!(order, [1, 3, 4, 2, 0]);
}

#[test]
fn a_lane_gives_its_memory_back_while_it_empties_unless_it_is_short() {
    let mut lanes = lanes((0..4 * SMALL).map(|number| (Priority::Low, number)));
    let capacity = |lanes: &Lanes<Entry>| lanes.queues[Priority::Low as usize].capacity();
    let most = capacity(&lanes);
    assert_eq!(most, 4 * SMALL, "it grows to powers of two");
    while lanes.len() > 1 {
        lanes.pop();
    }
    assert_eq!(capacity(&lanes), most, "a quarter of it was in use when it was looked at last");
    lanes.pop();
    assert_eq!(capacity(&lanes), most / 2);
    lanes.queues[Priority::Low as usize].shrink_to(SMALL);
    for _ in 0..3 {
        lanes.push(Priority::Low, Entry(0, Arc::default()));
        lanes.pop();
    }
    assert_eq!(capacity(&lanes), SMALL);
}

#[test]
fn few_tombstones_are_kept_and_half_of_many() {
    let kill = |lanes: &mut Lanes<Entry>, n: usize| -> usize {
        let entries: Vec<_> = lanes.queues[1].iter().filter(|entry| entry.is_waiting()).take(n).cloned().collect();
        entries
            .iter()
            .map(|Entry(_, is_tombstone)| {
                is_tombstone.store(true, Ordering::Relaxed);
                lanes.add_tombstone().len()
            })
            .sum()
    };
    let mut few = lanes((0..SMALL).map(|number| (Priority::Normal, number)));
    assert_eq!((kill(&mut few, SMALL), few.len()), (0, SMALL));
    let mut many = lanes((0..2 * SMALL).map(|number| (Priority::Normal, number)));
    assert_eq!((kill(&mut many, SMALL), many.len(), many.alive()), (0, 2 * SMALL, SMALL));
    assert_eq!((kill(&mut many, 1), many.len(), many.alive()), (SMALL + 1, SMALL - 1, SMALL - 1));
    assert_eq!(many.unreported(), 0);
    assert_eq!((many.take_all().len(), many.len(), many.unreported()), (SMALL - 1, 0, SMALL - 1));
    many.removed_tombstones(1);
    assert_eq!(many.unreported(), SMALL);
}
