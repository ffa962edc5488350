//! The thread pool that all this is about.

use std::time::Duration;

use executor_thread::ThreadPool;

use super::{Contender, Job};

/// `executor_thread::ThreadPool`, and its future.
pub(crate) struct Ours(ThreadPool);

impl Contender for Ours {
    const NAME: &'static str = "ours";

    type Future<T: Send + 'static> = executor_core::Future<T>;

    fn new(threads: usize) -> Self {
        // As the others' threads, these stay.
        let builder = ThreadPool::builder().threads(threads).keep_alive(Duration::from_hours(1));
        Self(builder.build().expect("threads can be started"))
    }

    fn submit<T: Send + 'static>(&self, job: impl Job<T>) -> Self::Future<T> {
        self.0.submit(job)
    }

    fn result<T: Send + 'static>(future: Self::Future<T>) -> T {
        future.result().expect("no job of a benchmark fails")
    }
}
