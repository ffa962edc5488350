//! A chaos that does no more than delay and reorder breaks no law, whatever it is around.

use std::time::Duration;

use executor_core::ClosureExecutor;
use executor_testkit::{Chaos, contract};
use executor_thread::ThreadPool;

/// A chaos around an executor that delays one `share` of the jobs, and reorders another.
fn late<E: ClosureExecutor>(share: f64, executor: E) -> Chaos<E> {
    let longest = Duration::from_millis(1);
    Chaos::builder().seed(7).delay(share, longest).reorder(share).around(executor)
}

contract!(mod some_late, || late(0.3, ThreadPool::new(2)));
contract!(mod all_late, || late(0.5, ThreadPool::new(8)));
// In order: where there is one worker, it makes none late.
contract!(mod one_thread, one_worker, || late(0.5, ThreadPool::new(1)));

#[test]
fn so_many_are_late() {
    for (share, least) in [(0.3, 40), (0.5, 100)] {
        let pool = late(share, ThreadPool::new(2));
        let futures: Vec<_> = (0..100).map(|n| ClosureExecutor::submit(&pool, move || n)).collect();
        assert!(executor_core::join_all(futures).into_iter().map(Result::unwrap).eq(0..100));
        assert!(pool.log().len() >= least, "{} were late", pool.log().len());
    }
}
