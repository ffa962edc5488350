//! `map` against every order in which its jobs can end.

use std::panic::{AssertUnwindSafe, catch_unwind};
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

/// When a map is dropped, its started jobs run to their end; the others are cancelled.
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
            let text = outcome.unwrap_err().to_string();
            assert!(text.starts_with("job `") && text.ends_with("` did not complete: no paper"), "{text}");
        }
        assert!(map.map(Result::unwrap).eq(3..6));
        assert_eq!(runner.join().unwrap(), Some(true));
    });
}

/// As soon as the first result is there, what should be in flight is.
#[test]
fn twice_the_workers_are_in_flight_where_nobody_says_otherwise() {
    for (workers, chunk) in [(1, None), (3, None), (3, Some(1)), (3, Some(4))] {
        within_patience(move || {
            let pool = Manual::new(workers);
            let run = |pool: &Manual| {
                let pool = pool.clone();
                thread::spawn(move || pool.run(0))
            };
            let ran = run(&pool);
            let map = pool.map(0..100, |n: u32| n);
            let mut map = if let Some(n) = chunk { map.chunk_size(n) } else { map };
            assert_eq!((map.len(), map.size_hint()), (100, (100, Some(100))));
            assert_eq!(map.next().unwrap().unwrap(), 0);
            assert_eq!(ran.join().unwrap(), Some(true));
            assert_eq!((pool.submitted(), map.len()), (2 * workers, 99));
            let flying = (2 * workers - 1) * chunk.unwrap_or(1);
            assert_eq!(format!("{map:?}"), format!("Map {{ in_flight: {flying}, .. }}"));

            let pool = Manual::new(workers);
            let ran = run(&pool);
            let mut map = pool.map(0..100, |n: u32| n).unordered();
            assert_eq!((map.len(), map.size_hint()), (100, (100, Some(100))));
            let (index, outcome) = map.next().unwrap();
            assert_eq!((index, outcome.unwrap()), (0, 0));
            assert_eq!(ran.join().unwrap(), Some(true));
            assert_eq!((pool.submitted(), map.len()), (2 * workers, 99));
            assert_eq!(format!("{map:?}"), format!("Unordered {{ in_flight: {}, .. }}", 2 * workers - 1));
        });
    }
}

#[test]
fn an_input_of_unknown_length_gives_bounds() {
    let pool = Manual::new(1);
    let items = || (0..9).filter(|n| n % 2 == 0);
    assert_eq!(pool.map(items(), |n: u32| n).size_hint(), (0, Some(9)));
    assert_eq!(pool.map(items(), |n: u32| n).unordered().size_hint(), (0, Some(9)));
    assert_eq!(pool.map(0_u128.., |n| n).size_hint(), (usize::MAX, None));
}

/// Each result before the panic of the input comes out, and then the panic, once, with its payload.
#[test]
fn an_input_that_panics_loses_no_result() {
    for (chunk, buffered) in [(1, 1), (1, 9), (3, 9), (4, 64), (100, 64)] {
        within_patience(move || {
            let pool = Manual::new(1);
            let runner = pool.clone();
            let runner = thread::spawn(move || while runner.run(0).is_some() {});
            let items = || (0..9).map(|n| if n == 6 { std::panic::panic_any(n) } else { n });
            let map = || pool.map(items(), |n: u32| n).chunk_size(chunk).buffered(buffered);
            let mut ordered = map();
            assert!(ordered.by_ref().take(6).map(Result::unwrap).eq(0..6));
            let payload = catch_unwind(AssertUnwindSafe(|| ordered.next())).unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&6_u32));
            assert!(ordered.map(Result::unwrap).eq(7..9), "it goes on as the input does");

            let mut unordered = map().unordered();
            let mut numbers: Vec<_> = unordered.by_ref().take(6).map(|(_, outcome)| outcome.unwrap()).collect();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..6));
            let payload = catch_unwind(AssertUnwindSafe(|| unordered.next())).unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&6_u32));
            assert_eq!(unordered.count(), 2);
            pool.shutdown(true);
            runner.join().unwrap();
        });
    }
}
