//! Pools of every kind as `&dyn Pool`.

use std::time::{Duration, Instant};

use executor::{Pool, ShutdownPolicy, ThreadPool};

use crate::support::latch::block;

const SHORT: Duration = Duration::from_millis(2);

fn answers_as_a_pool(pool: &dyn Pool, workers: usize) {
    pool.prestart();
    assert_eq!((pool.workers(), pool.stats().done()), (workers, 0));
    assert!(pool.wait_idle_until(Instant::now()) && pool.wait_idle_timeout(Duration::MAX));
    pool.wait_idle();
    let closed = pool.closed();
    assert!(!closed.is_done());
    assert!(pool.shutdown_with(ShutdownPolicy::drain()).is_clean());
    closed.result().unwrap();
}

#[test]
fn every_pool_answers_as_one() {
    answers_as_a_pool(&ThreadPool::new(2), 2);
    answers_as_a_pool(&ThreadPool::new(1).handle(), 1);
    #[cfg(feature = "rayon")]
    {
        let pool = executor::RayonPool::new(2).unwrap();
        answers_as_a_pool(&pool.handle(), 2);
        answers_as_a_pool(&executor::RayonPool::new(1).unwrap(), 1);
    }
    #[cfg(feature = "process")]
    {
        let pool = executor::ProcessPool::new(1).unwrap();
        answers_as_a_pool(&pool.handle(), 1);
        answers_as_a_pool(&executor::ProcessPool::new(2).unwrap(), 2);
    }
}

#[test]
fn wait_idle_ends_at_deadline() {
    let pool = ThreadPool::new(1);
    let hold = block(&pool);
    let watched: &dyn Pool = &pool;
    assert!(!watched.wait_idle_until(Instant::now()) && !watched.wait_idle_timeout(SHORT));
    assert!(!pool.wait_idle_until(Instant::now() + SHORT));
    drop(hold);
    watched.wait_idle();
}
