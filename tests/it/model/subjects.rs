//! The pools, as the model sees them.

use std::sync::Arc;
use std::time::Duration;

use executor::{
    Executor, Future, Queue, Rejected, Shutdown, ShutdownPolicy, ShutdownReport, Stats, ThreadHandle, ThreadPool,
    WhenFull,
};
use executor_testkit::model::{Subject, Task};

/// A pool, or a handle to one.
pub(super) struct Of<P>(pub(super) P);

impl<P: Shutdown> Shutdown for Of<P> {
    fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait);
    }
}

impl<P: Executor<Task>> Executor<Task> for Of<P> {
    fn submit(&self, job: Task) -> Future<u64> {
        self.0.submit(job)
    }

    fn try_submit(&self, job: Task) -> Result<Future<u64>, Rejected<Task>> {
        self.0.try_submit(job)
    }
}

macro_rules! has_everything {
    ($($pool:ty),*) => {
        $(
            impl Subject for Of<$pool> {
                fn submit_after(&self, delay: Duration, job: Task) -> Future<u64> {
                    self.0.submit_after(delay, job)
                }

                fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
                    self.0.shutdown_with(policy)
                }

                fn wait_idle(&self) {
                    self.0.wait_idle();
                }

                fn stats(&self) -> Stats {
                    self.0.stats()
                }

                fn handle(&self) -> Arc<dyn Subject> {
                    Arc::new(Of(self.0.handle()))
                }
            }
        )*
    };
}

has_everything!(ThreadPool, ThreadHandle);

pub(super) fn threads(threads: usize) -> Of<ThreadPool> {
    Of(ThreadPool::new(threads))
}

pub(super) fn bounded(threads: usize, bound: usize, when_full: WhenFull) -> Of<ThreadPool> {
    let queue = Queue::bounded(bound, when_full);
    Of(ThreadPool::builder().threads(threads).queue(queue).build().expect("a pool of threads"))
}
