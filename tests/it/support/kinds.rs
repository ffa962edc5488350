//! The executors under test. A law is written once, as a function of how to make one, and holds for each kind.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "process")]
use executor::ProcessPool;
#[cfg(feature = "rayon")]
use executor::RayonPool;
use executor::{ClosureExecutor, Executor, Future, Job, Rejected, Shutdown, ThreadHandle, ThreadPool};

use super::door::{Door, Guest};
use super::jobs::Do;

/// An executor of whatever kind, seen as its users see it.
pub(crate) struct Subject {
    executor: Arc<dyn Later>,
    /// How many jobs it runs at once.
    pub(crate) workers: usize,
}

impl Subject {
    pub(crate) fn new(executor: impl Later + 'static, workers: usize) -> Self {
        Self { executor: Arc::new(executor), workers }
    }

    /// A second owner: the executor is dropped with the last of them.
    pub(crate) fn share(&self) -> Arc<dyn Executor<Do>> {
        self.executor.clone()
    }

    /// Keeps every worker busy, each with a guest.
    pub(crate) fn block(&self, door: &Door) -> Vec<Guest> {
        for number in 0..self.workers as u64 {
            drop(self.submit(Do::Ring(door.bell(), number)));
        }
        door.answer_all(self.workers)
    }
}

impl Deref for Subject {
    type Target = dyn Later;

    fn deref(&self) -> &Self::Target {
        &*self.executor
    }
}

/// An executor that can wait with a job.
pub(crate) trait Later: Executor<Do> {
    fn submit_after(&self, delay: Duration, job: Do) -> Future<u64>;
}

macro_rules! later {
    ($executor:ty, |$this:ident| $pool:expr) => {
        impl Later for $executor {
            fn submit_after(&self, delay: Duration, job: Do) -> Future<u64> {
                let $this = self;
                $pool.submit_after(delay, job)
            }
        }
    };
}

later!(ThreadPool, |this| this);
later!(ByHandle, |this| this.handle);
#[cfg(feature = "rayon")]
later!(RayonPool, |this| this);
#[cfg(feature = "process")]
later!(ProcessPool, |this| this);

/// How to make an executor of some kind.
pub(crate) type Make = fn() -> Subject;

pub(crate) fn threads_1() -> Subject {
    Subject::new(ThreadPool::new(1), 1)
}

pub(crate) fn threads_2() -> Subject {
    Subject::new(ThreadPool::new(2), 2)
}

pub(crate) fn threads_8() -> Subject {
    Subject::new(ThreadPool::new(8), 8)
}

pub(crate) fn thread_handle() -> Subject {
    Subject::new(ByHandle::new(2), 2)
}

#[cfg(feature = "process")]
pub(crate) fn processes_1() -> Subject {
    Subject::new(ProcessPool::new(1).expect("a pool of one process"), 1)
}

#[cfg(feature = "process")]
pub(crate) fn processes_2() -> Subject {
    Subject::new(ProcessPool::new(2).expect("a pool of two processes"), 2)
}

#[cfg(feature = "rayon")]
pub(crate) fn rayon_1() -> Subject {
    Subject::new(rayon(1), 1)
}

#[cfg(feature = "rayon")]
pub(crate) fn rayon_2() -> Subject {
    Subject::new(rayon(2), 2)
}

/// Rayon's threads are not ours there.
#[cfg(feature = "rayon")]
pub(crate) fn rayon_over() -> Subject {
    Subject::new(over_rayon(), 2)
}

#[cfg(feature = "rayon")]
pub(crate) fn rayon(threads: usize) -> RayonPool {
    RayonPool::new(threads).expect("a few threads")
}

#[cfg(feature = "rayon")]
pub(crate) fn over_rayon() -> RayonPool {
    RayonPool::over(rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a few threads"))
}

/// A pool that is reached by its handle alone.
pub(crate) struct ByHandle {
    handle: ThreadHandle,
    _pool: ThreadPool,
}

impl ByHandle {
    pub(crate) fn new(threads: usize) -> Self {
        let pool = ThreadPool::new(threads);
        Self { handle: pool.handle(), _pool: pool }
    }
}

impl Shutdown for ByHandle {
    fn shutdown(&self, wait: bool) {
        self.handle.shutdown(wait);
    }
}

impl<J: Job> Executor<J> for ByHandle {
    fn submit(&self, job: J) -> Future<J::Output> {
        self.handle.submit(job)
    }

    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.handle.try_submit(job)
    }
}

impl ClosureExecutor for ByHandle {
    type Handle = ThreadHandle;

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

    fn handle(&self) -> ThreadHandle {
        self.handle.handle()
    }
}

/// Tests each law, a `fn(Make)`, on every kind of executor.
macro_rules! on_every_executor {
    ($($law:ident),* $(,)?) => {
        $crate::support::kinds::on!(threads_1, [$($law)*]);
        $crate::support::kinds::on!(threads_2, [$($law)*]);
        $crate::support::kinds::on!(threads_8, [$($law)*]);
        $crate::support::kinds::on!(thread_handle, [$($law)*]);
        #[cfg(feature = "rayon")]
        $crate::support::kinds::on!(rayon_1, [$($law)*]);
        #[cfg(feature = "rayon")]
        $crate::support::kinds::on!(rayon_2, [$($law)*]);
        #[cfg(feature = "rayon")]
        $crate::support::kinds::on!(rayon_over, [$($law)*]);
        #[cfg(feature = "process")]
        $crate::support::kinds::on!(processes_1, [$($law)*]);
        #[cfg(feature = "process")]
        $crate::support::kinds::on!(processes_2, [$($law)*]);
    };
}
pub(crate) use on_every_executor;

/// Tests each law, a `fn(Make)`, on the kinds that have one worker.
macro_rules! on_one_worker {
    ($($law:ident),* $(,)?) => {
        $crate::support::kinds::on!(threads_1, [$($law)*]);
        #[cfg(feature = "rayon")]
        $crate::support::kinds::on!(rayon_1, [$($law)*]);
        #[cfg(feature = "process")]
        $crate::support::kinds::on!(processes_1, [$($law)*]);
    };
}
pub(crate) use on_one_worker;

macro_rules! on {
    ($kind:ident, [$($law:ident)*]) => {
        mod $kind {
            $(
                #[test]
                fn $law() {
                    $crate::support::within_patience(|| super::$law($crate::support::kinds::$kind));
                }
            )*
        }
    };
}
pub(crate) use on;

/// Tests each law, generic over `E: ClosureExecutor` and a function of how to make one, on every kind that runs closures.
macro_rules! on_every_closure_executor {
    ($($law:ident),* $(,)?) => {
        $crate::support::kinds::on_closures!(threads_1, || executor::ThreadPool::new(1), [$($law)*]);
        $crate::support::kinds::on_closures!(threads_2, || executor::ThreadPool::new(2), [$($law)*]);
        $crate::support::kinds::on_closures!(threads_8, || executor::ThreadPool::new(8), [$($law)*]);
        $crate::support::kinds::on_closures!(thread_handle, || $crate::support::kinds::ByHandle::new(2), [$($law)*]);
        #[cfg(feature = "rayon")]
        $crate::support::kinds::on_closures!(rayon_1, || $crate::support::kinds::rayon(1), [$($law)*]);
        #[cfg(feature = "rayon")]
        $crate::support::kinds::on_closures!(rayon_2, || $crate::support::kinds::rayon(2), [$($law)*]);
        #[cfg(feature = "rayon")]
        $crate::support::kinds::on_closures!(rayon_over, $crate::support::kinds::over_rayon, [$($law)*]);
    };
}
pub(crate) use on_every_closure_executor;

macro_rules! on_closures {
    ($kind:ident, $make:expr, [$($law:ident)*]) => {
        mod $kind {
            $(
                #[test]
                fn $law() {
                    $crate::support::within_patience(|| super::$law($make));
                }
            )*
        }
    };
}
pub(crate) use on_closures;
