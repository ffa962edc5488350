//! The thread pool that all this is about.

use executor_thread::ThreadPool;

use super::{Contender, Job};

/// `executor_thread::ThreadPool`, and its future.
pub(crate) struct Ours(ThreadPool);

impl Contender for Ours {
    const NAME: &'static str = "ours";

    type Future<T: Send + 'static> = executor_core::Future<T>;

    fn new(threads: usize) -> Self {
        Self(ThreadPool::new(threads))
    }

    fn submit<T: Send + 'static>(&self, job: impl Job<T>) -> Self::Future<T> {
        self.0.submit(job)
    }

    fn result<T: Send + 'static>(future: Self::Future<T>) -> T {
        future.result().expect("no job of a benchmark fails")
    }
}
