//! The pools that all this is about.

use std::time::Duration;

use executor_thread::{RayonPool, ThreadPool};

use super::{Contender, Job};

/// `executor_thread::ThreadPool`, and its future.
pub(crate) struct Ours(ThreadPool);

impl Contender for Ours {
    const NAME: &'static str = "ours";

    type Future<T: Send + 'static> = executor_core::Future<T>;

    fn new(threads: usize) -> Self {
        // As the others' threads, these stay.
        let builder = ThreadPool::builder().threads(threads).keep_alive(Duration::from_secs(3600));
        Self(builder.build().expect("threads can be started"))
    }

    fn submit<T: Send + 'static>(&self, job: impl Job<T>) -> Self::Future<T> {
        self.0.submit(job)
    }

    fn result<T: Send + 'static>(future: Self::Future<T>) -> T {
        future.result().expect("no job of a benchmark fails")
    }
}

/// `executor_thread::RayonPool`, to be compared with `rayon::spawn`.
pub(crate) struct OursOnRayon(RayonPool);

impl Contender for OursOnRayon {
    const NAME: &'static str = "RayonPool";

    type Future<T: Send + 'static> = executor_core::Future<T>;

    fn new(threads: usize) -> Self {
        Self(RayonPool::new(threads).expect("threads can be started"))
    }

    fn submit<T: Send + 'static>(&self, job: impl Job<T>) -> Self::Future<T> {
        self.0.submit(job)
    }

    fn result<T: Send + 'static>(future: Self::Future<T>) -> T {
        future.result().expect("no job of a benchmark fails")
    }
}
