//! tokio's pool for what blocks.

use std::time::Duration;

use futures_lite::future::block_on;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::{Contender, Job};

/// `spawn_blocking` of a runtime that does nothing else, and its join handle, waited for without the runtime: entering
/// that for each of many results would only cost.
pub(crate) struct Tokio(Runtime);

impl Contender for Tokio {
    const NAME: &'static str = "tokio spawn_blocking";

    type Future<T: Send + 'static> = JoinHandle<T>;

    fn new(threads: usize) -> Self {
        let mut builder = Builder::new_current_thread();
        builder.max_blocking_threads(threads).thread_keep_alive(Duration::from_secs(3600));
        Self(builder.build().expect("a runtime without drivers needs nothing"))
    }

    fn submit<T: Send + 'static>(&self, job: impl Job<T>) -> Self::Future<T> {
        self.0.spawn_blocking(job)
    }

    fn result<T: Send + 'static>(future: Self::Future<T>) -> T {
        block_on(future).expect("no job of a benchmark fails")
    }
}
