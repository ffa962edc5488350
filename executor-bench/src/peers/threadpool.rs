//! The crate `threadpool`, which has `execute` but no futures.

use threadpool::ThreadPool;

use super::{Contender, Job};

/// A `threadpool::ThreadPool`, with a oneshot for each result.
pub(crate) struct Threadpool(ThreadPool);

impl Contender for Threadpool {
    const NAME: &'static str = "threadpool + oneshot";

    type Future<T: Send + 'static> = oneshot::Receiver<T>;

    fn new(threads: usize) -> Self {
        Self(ThreadPool::new(threads))
    }

    fn submit<T: Send + 'static>(&self, job: impl Job<T>) -> Self::Future<T> {
        let (result, future) = oneshot::channel();
        self.0.execute(move || drop(result.send(job())));
        future
    }

    fn result<T: Send + 'static>(future: Self::Future<T>) -> T {
        future.recv().expect("no job of a benchmark fails")
    }
}

impl Drop for Threadpool {
    fn drop(&mut self) {
        self.0.join();
    }
}
