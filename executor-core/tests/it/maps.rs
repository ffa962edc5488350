//! `map` against every order in which its jobs can end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use executor_core::{Broken, ClosureExecutor, JobError, Shutdown};
use proptest::prelude::*;

use crate::manual::Manual;
use crate::support::within_patience;

#[derive(Clone, Debug)]
struct Shape {
    items: usize,
    workers: usize,
    buffered: Option<usize>,
    chunk: usize,
    /// Which queued job runs next, again and again.
    picks: Vec<usize>,
    is_unordered: bool,
}

impl Shape {
    /// Items in flight at most.
    fn limit(&self) -> usize {
        self.buffered.map_or(2 * self.workers * self.chunk.max(1), |n| n.max(1))
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    let picks = prop::collection::vec(0..64_usize, 1..20);
    (0..60_usize, 1..4_usize, prop::option::of(0..12_usize), 0..9_usize, picks, any::<bool>()).prop_map(
        |(items, workers, buffered, chunk, picks, is_unordered)| Shape {
            items,
            workers,
            buffered,
            chunk,
            picks,
            is_unordered,
        },
    )
}

/// Maps `0..items`, the jobs being run in the order of the picks; item `n` panics if it is 3 more than a multiple of 7.
fn run(shape: &Shape) -> Vec<(usize, Result<usize, JobError>)> {
    let pool = Manual::new(shape.workers);
    let (runner, picks) = (pool.clone(), shape.picks.clone());
    let runner = thread::spawn(move || picks.into_iter().cycle().map_while(|pick| runner.run(pick)).count());
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let items = (0..shape.items).inspect(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let mut map = pool.map(items, |n| if n % 7 == 3 { panic!("item {n}") } else { 2 * n }).chunk_size(shape.chunk);
    if let Some(n) = shape.buffered {
        map = map.buffered(n);
    }
    assert_eq!((taken.load(Ordering::SeqCst), pool.submitted()), (0, 0), "nothing is taken before the first `next`");
    let mut outcomes = Vec::new();
    let check = |given: usize| {
        let taken = taken.load(Ordering::SeqCst);
        assert!(taken <= given + shape.limit(), "{taken} items were taken when result {given} came");
    };
    if shape.is_unordered {
        for outcome in map.unordered() {
            check(outcomes.len());
            outcomes.push(outcome);
        }
    } else {
        for (index, outcome) in map.enumerate() {
            check(index);
            outcomes.push((index, outcome));
        }
    }
    pool.shutdown(true);
    let jobs = runner.join().unwrap();
    if shape.is_unordered || shape.chunk <= 1 {
        assert_eq!(jobs, shape.items);
    } else {
        assert!(jobs >= shape.items.div_ceil(shape.chunk), "no job has more than {} items", shape.chunk);
    }
    outcomes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_item_has_its_outcome_in_order_whatever_ends_first(shape in shapes()) {
        let given = shape.clone();
        let mut outcomes = within_patience(move || run(&given));
        if shape.is_unordered {
            outcomes.sort_by_key(|(index, _)| *index);
        }
        prop_assert_eq!(outcomes.len(), shape.items);
        for (n, (index, outcome)) in outcomes.into_iter().enumerate() {
            prop_assert_eq!(index, n);
            match outcome {
                Ok(value) => prop_assert!(n % 7 != 3 && value == 2 * n),
                Err(JobError::Panicked(panicked)) => prop_assert_eq!(panicked.message(), format!("item {n}")),
                Err(error) => prop_assert!(false, "{:?}", error),
            }
        }
    }
}

/// What has started when a map is dropped ends; what has not is cancelled.
#[test]
fn a_dropped_map_cancels_each_job_that_has_not_started() {
    for (chunk, is_unordered) in [(1, false), (3, false), (1, true)] {
        let jobs = within_patience(move || {
            let pool = Manual::new(1);
            let (given, results) = mpsc::channel();
            let consumer = pool.clone();
            let consumer = thread::spawn(move || {
                let map = consumer.map(0.., |n: usize| n).buffered(9).chunk_size(chunk);
                let first = if is_unordered {
                    map.unordered().next().unwrap().1
                } else {
                    let mut map = map;
                    map.next().unwrap()
                };
                given.send(first.unwrap()).unwrap();
            });
            assert_eq!(pool.run(0), Some(true));
            assert_eq!(results.recv(), Ok(0));
            consumer.join().unwrap();
            pool.shutdown(true);
            std::iter::from_fn(|| pool.run(0)).collect::<Vec<_>>()
        });
        assert_eq!(jobs.len(), 9 / chunk - 1);
        assert!(jobs.iter().all(|was_run| !was_run), "{jobs:?}");
    }
}

/// A chunk is one job: what ends it, other than a panic, ends each of its items.
#[test]
fn a_broken_chunk_gives_its_error_to_each_of_its_items() {
    within_patience(|| {
        let pool = Manual::new(1);
        let mut map = pool.map(0..6, |n: u32| n).chunk_size(3).buffered(6);
        let runner = pool.clone();
        let runner = thread::spawn(move || {
            runner.fail(JobError::Broken(Broken::new("no paper")));
            runner.run(0)
        });
        for outcome in map.by_ref().take(3) {
            assert_eq!(outcome.unwrap_err().to_string(), "the job was not run to its end: no paper");
        }
        assert!(map.map(Result::unwrap).eq(3..6));
        assert_eq!(runner.join().unwrap(), Some(true));
    });
}
