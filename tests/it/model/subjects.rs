//! The pools, as the model sees them.

use std::time::Duration;

use executor::{
    Executor, Future, QueueLimit, Rejected, Shutdown, ThreadHandle, ThreadPool, ThreadPoolBuilder, WhenFull,
};
use executor_testkit::model::Task;
use executor_testkit::subject_of_pool;

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

subject_of_pool!(Of<ThreadPool>, |this| this.0, |handle| Of(handle));
subject_of_pool!(Of<ThreadHandle>, |this| this.0, |handle| Of(handle));
#[cfg(feature = "rayon")]
subject_of_pool!(Of<executor::RayonPool>, |this| this.0, |handle| Of(handle));
#[cfg(feature = "process")]
subject_of_pool!(Of<executor::ProcessPool>, |this| this.0, |handle| Of(handle));
#[cfg(feature = "process")]
subject_of_pool!(Of<executor::ProcessHandle>, |this| this.0, |handle| Of(handle));

pub(super) fn threads(threads: usize) -> Of<ThreadPool> {
    Of(patient(threads).build().expect("a pool of threads"))
}

/// Its threads never leave for having waited long: who forgets to wake them leaves them asleep, and does not pass for slow.
fn patient(threads: usize) -> ThreadPoolBuilder {
    ThreadPool::builder().threads(threads).keep_alive(Duration::MAX)
}

pub(super) fn bounded(threads: usize, bound: usize, when_full: WhenFull) -> Of<ThreadPool> {
    let queue = QueueLimit::bounded(bound, when_full);
    Of(patient(threads).queue(queue).build().expect("a pool of threads"))
}

#[cfg(feature = "rayon")]
pub(super) fn rayon(threads: usize) -> Of<executor::RayonPool> {
    Of(executor::RayonPool::new(threads).expect("a few threads"))
}

#[cfg(feature = "rayon")]
pub(super) fn bounded_rayon(threads: usize, bound: usize, when_full: WhenFull) -> Of<executor::RayonPool> {
    let queue = QueueLimit::bounded(bound, when_full);
    Of(executor::RayonPool::builder().threads(threads).queue(queue).build().expect("a few threads"))
}

#[cfg(feature = "process")]
pub(super) fn processes(processes: usize) -> Of<executor::ProcessPool> {
    Of(executor::ProcessPool::new(processes).expect("a pool of processes"))
}

#[cfg(feature = "process")]
pub(super) fn bounded_processes(processes: usize, bound: usize, when_full: WhenFull) -> Of<executor::ProcessPool> {
    let queue = QueueLimit::bounded(bound, when_full);
    Of(executor::ProcessPool::builder().processes(processes).queue(queue).build().expect("a pool of processes"))
}
