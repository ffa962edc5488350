//! The executors under test that need more than a line to make.

use std::time::{Duration, Instant};

#[cfg(feature = "rayon")]
use executor::RayonPool;
use executor::{ClosureExecutor, Executor, Future, Job, Rejected, Shutdown, ThreadPool};

#[cfg(feature = "rayon")]
pub(crate) fn rayon(threads: usize) -> RayonPool {
    RayonPool::new(threads).expect("a few threads")
}

#[cfg(feature = "rayon")]
pub(crate) fn bounded_rayon(threads: usize, bound: usize) -> RayonPool {
    let queue = executor::QueueLimit::bounded(bound, executor::WhenFull::Block);
    RayonPool::builder().threads(threads).queue(queue).build().expect("a few threads")
}

/// Rayon's threads are not ours there.
#[cfg(feature = "rayon")]
pub(crate) fn over_rayon() -> RayonPool {
    RayonPool::over(rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a few threads"))
}

/// A pool that is reached by a handle, or by a view, alone.
pub(crate) struct By<H> {
    handle: H,
    _pool: ThreadPool,
}

impl<H> By<H> {
    pub(crate) fn new(pool: ThreadPool, handle: fn(&ThreadPool) -> H) -> Self {
        Self { handle: handle(&pool), _pool: pool }
    }
}

impl<H: Shutdown> Shutdown for By<H> {
    fn shutdown(&self, wait: bool) {
        self.handle.shutdown(wait);
    }
}

impl<J: Job, H: Executor<J>> Executor<J> for By<H> {
    fn submit(&self, job: J) -> Future<J::Output> {
        self.handle.submit(job)
    }

    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.handle.try_submit(job)
    }
}

impl<H: ClosureExecutor> ClosureExecutor for By<H> {
    type Handle = H::Handle;

    fn submit<F, T>(&self, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.submit(job)
    }

    fn submit_after<F, T>(&self, delay: Duration, job: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.submit_after(delay, job)
    }

    fn now(&self) -> Instant {
        self.handle.now()
    }

    fn workers(&self) -> usize {
        self.handle.workers()
    }

    fn time_limit(&self) -> Option<Duration> {
        self.handle.time_limit()
    }

    fn handle(&self) -> H::Handle {
        self.handle.handle()
    }
}
