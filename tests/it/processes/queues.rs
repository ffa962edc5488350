//! A queue between processes: each message goes to one consumer, whole, even if other processes die meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use executor::{Process, Receiver, RecvError, Sender, call, join_all, queue, try_join_all};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::pool;
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{eventually, within_patience};

/// A message that tells whether it is whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Parcel {
    producer: u64,
    number: u64,
    filling: Vec<u8>,
}

impl Parcel {
    /// Small ones, and those that lie in shared memory.
    fn new(producer: u64, number: u64) -> Self {
        let len = [0, 1, 100, 1000, 70_000][usize::try_from((producer + number) % 5).expect("small")];
        Self { producer, number, filling: vec![number.to_le_bytes()[0]; len] }
    }

    /// Where it is from.
    fn label(&self) -> (u64, u64) {
        assert!(*self == Self::new(self.producer, self.number), "it is not torn");
        (self.producer, self.number)
    }
}

fn produce(producer: u64, count: u64, to: Sender<Parcel>) {
    for number in 0..count {
        to.send(Parcel::new(producer, number)).expect("somebody takes it");
    }
}

fn consume(from: Receiver<Parcel>) -> Vec<(u64, u64)> {
    from.iter().map(|parcel| parcel.expect("it comes").label()).collect()
}

/// Says of each what it was, as soon as it has it.
fn report(from: Receiver<Parcel>, to: Sender<(u64, u64)>) {
    for parcel in &from {
        to.send(parcel.expect("it comes").label()).expect("somebody listens");
    }
}

#[test]
fn each_message_of_many_producers_goes_to_one_of_many_consumers() {
    const EACH: u64 = 300;
    within_patience(|| {
        let (to, from) = queue().unwrap();
        let consumers: Vec<_> = (0..4).map(|_| Process::spawn(call!(consume(from.clone()))).unwrap()).collect();
        let producers: Vec<_> = (0..3).map(|n| Process::spawn(call!(produce(n, EACH, to.clone()))).unwrap()).collect();
        drop((to, from));
        try_join_all(producers.into_iter().map(IntoFuture::into_future)).unwrap();
        let taken = try_join_all(consumers.into_iter().map(IntoFuture::into_future)).unwrap();
        for labels in &taken {
            let mut last = BTreeMap::new();
            for &(producer, number) in labels {
                assert!(last.insert(producer, number).is_none_or(|before| before < number), "in the producer's order");
            }
        }
        let mut all: Vec<_> = taken.concat();
        all.sort_unstable();
        let expected: Vec<_> = (0..3).flat_map(|producer| (0..EACH).map(move |number| (producer, number))).collect();
        assert_eq!(all, expected, "each of them once");
    });
}

#[test]
fn threads_and_processes_take_from_the_same_queue() {
    within_patience(|| {
        let (pool, (to, from)) = (pool(2), queue().unwrap());
        let (taken, labels) = queue().unwrap();
        let jobs: Vec<_> = (0..2).map(|_| pool.submit(call!(report(from.clone(), taken.clone())))).collect();
        thread::scope(|scope| {
            for _ in 0..2 {
                let (from, taken) = (from.clone(), taken.clone());
                scope.spawn(move || report(from, taken));
            }
            drop((from, taken));
            scope.spawn(move || produce(0, 500, to));
            let labels: BTreeSet<_> = labels.iter().map(Result::unwrap).collect();
            assert_eq!(labels.len(), 500);
        });
        assert!(join_all(jobs).iter().all(Result::is_ok));
    });
}

/// With each consumer that dies goes no more than what it had just taken.
#[test]
fn a_consumer_that_is_killed_takes_one_message_with_it_at_most() {
    const COUNT: u64 = 600;
    within_patience(|| {
        let (to, from) = queue().unwrap();
        let (taken, labels) = queue().unwrap();
        let consumer = || Process::spawn(call!(report(from.clone(), taken.clone()))).unwrap();
        let mut consumers: Vec<_> = (0..3).map(|_| consumer()).collect();
        let producer = Process::spawn(call!(produce(0, COUNT, to))).unwrap();
        let (mut seen, mut kills) = (BTreeSet::new(), 0);
        for label in 0..COUNT - 20 {
            assert!(seen.insert(labels.recv().unwrap()), "one of them came twice");
            if label % 60 == 30 {
                let victim = consumers.remove(0);
                victim.kill();
                kills += 1;
                consumers.push(consumer());
            }
        }
        drop((from, taken));
        for label in &labels {
            assert!(seen.insert(label.unwrap()), "one of them came twice");
        }
        producer.join().unwrap();
        let lost = usize::try_from(COUNT).unwrap() - seen.len();
        assert!(kills == 10 && lost <= kills, "{kills} kills cost {lost} messages");
    });
}

#[test]
fn a_producer_that_is_killed_leaves_no_torn_message_and_no_closed_door() {
    within_patience(|| {
        let (to, from) = queue().unwrap();
        let others = to.clone();
        let producers: Vec<_> =
            (0..4).map(|n| Process::spawn(call!(produce(n, u64::MAX, to.clone()))).unwrap()).collect();
        drop(to);
        // All but one are killed on the way.
        for taken in 0..300 {
            from.recv().unwrap().label();
            if let Some(victim) = producers[..3].get(taken / 50).filter(|_| taken % 50 == 25) {
                victim.kill();
            }
        }
        producers.iter().for_each(Process::kill);
        for producer in &producers {
            producer.wait();
        }
        thread::scope(|scope| {
            // There may be no room yet.
            scope.spawn(move || others.send(Parcel::new(9, 9)).unwrap());
            let last = from.iter().map(|parcel| parcel.unwrap().label()).last();
            assert_eq!(last, Some((9, 9)), "what is sent after the deaths comes, and then the end");
        });
        assert!(matches!(from.try_recv(), Err(RecvError::Disconnected)));
    });
}

#[test]
fn the_end_comes_with_the_last_producer_wherever_that_is() {
    fn hold(to: Sender<u8>, arrival: Arrival) {
        arrival.arrive(0);
        drop(to);
    }
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let (to, from) = queue().unwrap();
        let process = Process::spawn(call!(hold(to.clone(), rendezvous.arrival()))).unwrap();
        let waiter = rendezvous.accept();
        // A sender in a message that was not yet received counts as well.
        let (carrier, carried) = queue().unwrap();
        carrier.send(to).unwrap();
        assert!(!from.poll(Duration::ZERO));
        process.kill();
        process.wait();
        assert!(!from.poll(Duration::ZERO), "one is left");
        drop((carrier, carried));
        assert!(from.poll(Duration::MAX));
        assert!(matches!(from.recv(), Err(RecvError::Disconnected)));
        drop((process, waiter));
    });
}

#[test]
fn a_producer_is_told_when_the_last_consumer_is_gone() {
    fn wait(from: Receiver<u8>, arrival: Arrival) {
        arrival.arrive(0);
        drop(from);
    }
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let (to, from) = queue().unwrap();
        let consumers: Vec<_> =
            (0..2).map(|_| Process::spawn(call!(wait(from.clone(), rendezvous.arrival()))).unwrap()).collect();
        let waiters = rendezvous.accept_all(2);
        drop(from);
        to.send(1).unwrap();
        consumers[0].kill();
        consumers[0].wait();
        to.send(2).unwrap();
        consumers[1].kill();
        consumers[1].wait();
        eventually("nobody can receive", || to.try_send(3).is_err_and(|error| error.is_disconnected()));
        drop((consumers, waiters));
    });
}

/// The queue is full of large messages, and the blocked sender goes on once there is room.
#[test]
fn a_full_queue_goes_on_when_a_consumer_comes() {
    within_patience(|| {
        let (to, from) = queue().unwrap();
        let count = (0..u64::MAX).take_while(|&number| to.try_send(Parcel::new(0, number)).is_ok()).count();
        let error = to.send_timeout(Parcel::new(0, 0), Duration::from_millis(1)).unwrap_err();
        assert!(error.is_full(), "{error}");
        thread::scope(|scope| {
            scope.spawn(move || to.send(Parcel::new(0, u64::try_from(count).unwrap())).unwrap());
            let consumer = Process::spawn(call!(consume(from))).unwrap();
            assert_eq!(consumer.join().unwrap().len(), count + 1);
        });
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Threads, for their number: to the queue they are what processes are.
    #[test]
    fn any_number_of_ends_share_it(counts in proptest::collection::vec(0..30_u64, 1..5), consumers in 1..5_usize) {
        let (to, from) = queue().unwrap();
        let taken = thread::scope(|scope| {
            let taking: Vec<_> = (0..consumers)
                .map(|_| {
                    let from = from.clone();
                    scope.spawn(move || consume(from))
                })
                .collect();
            for (producer, &count) in (0..).zip(&counts) {
                let to = to.clone();
                scope.spawn(move || produce(producer, count, to));
            }
            drop(to);
            taking.into_iter().flat_map(|taking| taking.join().unwrap()).collect::<Vec<_>>()
        });
        let distinct: BTreeSet<_> = taken.iter().copied().collect();
        prop_assert_eq!(distinct.len(), taken.len());
        prop_assert_eq!(u64::try_from(taken.len()).unwrap(), counts.iter().sum::<u64>());
    }
}
