//! The crate `rusty_pool`, which has handles of its own.

use std::time::Duration;

use rusty_pool::{JoinHandle, ThreadPool};

use super::{Contender, Job};

/// A `rusty_pool::ThreadPool` all of whose threads stay, and its join handle.
pub(crate) struct RustyPool(ThreadPool);

impl Contender for RustyPool {
    const NAME: &'static str = "rusty_pool";

    type Future<T: Send + 'static> = JoinHandle<T>;

    fn new(threads: usize) -> Self {
        Self(ThreadPool::new(threads, threads, Duration::from_secs(3600)))
    }

    fn submit<T: Send + 'static>(&self, job: impl Job<T>) -> Self::Future<T> {
        self.0.evaluate(job)
    }

    fn result<T: Send + 'static>(future: Self::Future<T>) -> T {
        future.await_complete()
    }
}
