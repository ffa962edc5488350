//! The crate `affinitypool`, a pool for jobs that block, made for a database.

use std::pin::Pin;

use affinitypool::{Builder, Threadpool};
use futures_lite::future::block_on;

use super::{Contender, Job};

/// An `affinitypool::Threadpool`, and its future, in a box: the future's type has no name.
pub(crate) struct Affinitypool(Threadpool);

impl Contender for Affinitypool {
    const NAME: &'static str = "affinitypool";

    type Future<T: Send + 'static> = Pin<Box<dyn Future<Output = T> + Send>>;

    fn new(threads: usize) -> Self {
        Self(Builder::new().worker_threads(threads).build())
    }

    fn submit<T: Send + 'static>(&self, job: impl Job<T>) -> Self::Future<T> {
        Box::pin(self.0.spawn(job))
    }

    fn result<T: Send + 'static>(future: Self::Future<T>) -> T {
        block_on(future)
    }
}
