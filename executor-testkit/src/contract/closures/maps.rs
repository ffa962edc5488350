//! `map` is lazy and ordered, keeps a bounded number of items in flight, and cancels what has not started when dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use executor_core::{ClosureExecutor, JobError};

use crate::contract::tools::latch::Latch;

pub fn results_come_in_the_order_of_the_items<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let doubled: Result<Vec<u32>, JobError> = pool.map(0..500, |n| 2 * n).collect();
    assert!(doubled.unwrap().into_iter().eq((0..500).map(|n| 2 * n)));
}

pub fn a_panic_costs_one_item<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    for chunk in [1, 7] {
        let picky = |n: u32| if n % 10 == 3 { panic!("item {n}") } else { n };
        for (n, outcome) in (0..).zip(pool.map(0..50, picky).chunk_size(chunk)) {
            match outcome {
                Ok(value) => assert!(value == n && n % 10 != 3),
                Err(JobError::Panicked(panicked)) => assert_eq!(panicked.message(), format!("item {n}")),
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}

pub fn a_panic_of_the_input_comes_after_the_results_before_it<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let items = || (0..).inspect(|&n| assert!(n < 10, "the input at {n}"));
    for (chunk, buffer) in [(1, 1), (1, 100), (3, 100), (100, 100)] {
        let mut map = pool.map(items(), |n: usize| n).chunk_size(chunk).buffered(buffer);
        assert!(map.by_ref().take(10).map(Result::unwrap).eq(0..10), "chunks of {chunk}");
        let payload = catch_unwind(AssertUnwindSafe(|| map.next().is_some())).unwrap_err();
        assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some("the input at 10"));
    }
    let mut map = pool.map(items(), |n: usize| n).buffered(100).unordered();
    assert_eq!(map.by_ref().take(10).filter(|(index, outcome)| outcome.as_ref().ok() == Some(index)).count(), 10);
    assert!(catch_unwind(AssertUnwindSafe(|| map.next().is_some())).is_err());
}

/// Items that count how many of them were taken.
fn counted(items: impl Iterator<Item = usize>) -> (impl Iterator<Item = usize>, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    (
        items.inspect(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        }),
        taken,
    )
}

pub fn nothing_is_taken_before_the_first_next<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let (items, taken) = counted(0..100);
    let mut map = pool.map(items, |n| n);
    assert_eq!(taken.load(Ordering::SeqCst), 0);
    assert_eq!(map.next().unwrap().unwrap(), 0);
    assert_eq!(taken.load(Ordering::SeqCst), 2 * pool.workers());
}

pub fn an_endless_input_is_fine<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let (items, taken) = counted(0..);
    let sum: usize = pool.map(items, |n| n).take(100).map(Result::unwrap).sum();
    assert_eq!(sum, 99 * 100 / 2);
    assert!(taken.load(Ordering::SeqCst) <= 100 + 2 * pool.workers());
}

pub fn no_more_than_the_buffer_is_in_flight<E: ClosureExecutor>(make: impl Fn() -> E) {
    for (buffer, chunk) in [(1, 1), (5, 1), (10, 3), (2, 100)] {
        let pool = make();
        let (items, taken) = counted(0..300);
        for (n, outcome) in pool.map(items, |n| n).buffered(buffer).chunk_size(chunk).enumerate() {
            assert_eq!(outcome.unwrap(), n);
            let taken = taken.load(Ordering::SeqCst);
            assert!(taken <= n + buffer, "{taken} items were taken when result {n} came, with a buffer of {buffer}");
        }
    }
}

pub fn chunks_change_nothing_but_the_number_of_jobs<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    for chunk in [0, 1, 3, 50, 100, 1000] {
        let mapped: Vec<usize> = pool.map(0..100, |n| n + 1).chunk_size(chunk).map(Result::unwrap).collect();
        assert!(mapped.into_iter().eq(1..101), "chunks of {chunk}");
    }
}

pub fn an_unordered_map_gives_each_item_once_with_its_index<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let mut results: Vec<_> =
        pool.map(0..200, |n| 3 * n).unordered().map(|(index, outcome)| (index, outcome.unwrap())).collect();
    results.sort_unstable();
    assert!(results.into_iter().eq((0..200).map(|n| (n, 3 * n))));
}

pub fn a_dropped_map_cancels_what_has_not_started<E: ClosureExecutor>(make: impl Fn() -> E) {
    for is_ordered in [true, false] {
        let pool = make();
        let workers = pool.workers();
        let started = Arc::new(AtomicUsize::new(0));
        let (hold, latch) = Latch::closed();
        let (count, has_begun) = (started.clone(), AtomicBool::new(false));
        // The first item goes through, and what overtakes it; the next ones occupy the workers until the map was dropped.
        let mapper = move |n: usize| {
            if n == 0 {
                has_begun.store(true, Ordering::SeqCst);
            } else if has_begun.load(Ordering::SeqCst) {
                count.fetch_add(1, Ordering::SeqCst);
                latch.wait();
            }
        };
        let map = pool.map(0.., mapper).buffered(workers + 20);
        if is_ordered {
            let mut map = map;
            map.next().unwrap().unwrap();
        } else {
            map.unordered().next().unwrap().1.unwrap();
        }
        drop(hold);
        pool.shutdown(true);
        let started = started.load(Ordering::SeqCst);
        assert!(started <= workers, "{started} items started behind the first on {workers} workers");
    }
}

pub fn a_map_knows_its_length<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let mut map = pool.map(vec![1, 2, 3, 4, 5], |n| n).buffered(2);
    for left in (0..5).rev() {
        assert_eq!(map.len(), left + 1);
        assert!(map.next().is_some());
    }
    assert_eq!(map.len(), 0);
    assert!(map.next().is_none());
    let mut chunks = pool.map(vec![1, 2, 3, 4, 5], |n| n).chunk_size(2);
    chunks.next();
    assert_eq!(chunks.len(), 4);
    assert_eq!(pool.map(0..9, |n| n).unordered().len(), 9);
}

pub fn an_empty_map_is_empty<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    assert!(pool.map(Vec::<u32>::new(), |n| n).next().is_none());
    assert!(pool.map(Vec::<u32>::new(), |n| n).unordered().next().is_none());
}
