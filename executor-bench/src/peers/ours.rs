//! The pools that all this is about.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use executor_core::Pool;
use executor_core::observe::{EndedJob, Observer};
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

/// The same pool, whose jobs are measured, listed and reported to an observer: what observation costs.
pub(crate) struct OursObserved(ThreadPool);

impl Contender for OursObserved {
    const NAME: &'static str = "ours, observed";

    type Future<T: Send + 'static> = executor_core::Future<T>;

    fn new(threads: usize) -> Self {
        let builder = ThreadPool::builder().threads(threads).keep_alive(Duration::from_secs(3600)).measure(true);
        let pool = builder.build().expect("threads can be started");
        observe(&pool);
        Self(pool)
    }

    fn submit<T: Send + 'static>(&self, job: impl Job<T>) -> Self::Future<T> {
        self.0.submit(job)
    }

    fn result<T: Send + 'static>(future: Self::Future<T>) -> T {
        future.result().expect("no job of a benchmark fails")
    }
}

/// Adds an observer that does nothing but look.
pub(crate) fn observe(pool: &dyn Pool) {
    struct Looks;
    impl Observer for Looks {
        fn job_ended(&self, job: &EndedJob) {
            black_box(job);
        }
    }
    let counters = pool.counters().expect("a pool has some");
    counters.observers().expect("it is measured").add(Arc::new(Looks));
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
