//! rayon, which has `spawn` but no futures.

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Contender, Job};

/// A pool of rayon's own, to which jobs come from outside, with a oneshot for each result.
pub(crate) struct Rayon(ThreadPool);

impl Contender for Rayon {
    const NAME: &'static str = "rayon + oneshot";

    type Future<T: Send + 'static> = oneshot::Receiver<T>;

    fn new(threads: usize) -> Self {
        Self(ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started"))
    }

    fn submit<T: Send + 'static>(&self, job: impl Job<T>) -> Self::Future<T> {
        let (result, future) = oneshot::channel();
        self.0.spawn(move || drop(result.send(job())));
        future
    }

    fn result<T: Send + 'static>(future: Self::Future<T>) -> T {
        future.recv().expect("no job of a benchmark fails")
    }
}
