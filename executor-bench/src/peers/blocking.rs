//! smol's pool for what blocks.

use std::num::NonZero;

use blocking::{Task, set_max_blocking_threads, unblock};
use futures_lite::future::block_on;

use super::{Contender, Job};

/// `blocking::unblock`, and its task. There is one such pool in a process. It takes threads when many jobs wait, and
/// gives up those that were idle for half a second; only their largest number can be set.
pub(crate) struct Blocking;

impl Contender for Blocking {
    const NAME: &'static str = "blocking";

    type Future<T: Send + 'static> = Task<T>;

    fn new(threads: usize) -> Self {
        set_max_blocking_threads(NonZero::new(threads).expect("a pool has threads"));
        Self
    }

    fn submit<T: Send + 'static>(&self, job: impl Job<T>) -> Self::Future<T> {
        unblock(job)
    }

    fn result<T: Send + 'static>(future: Self::Future<T>) -> T {
        block_on(future)
    }
}
