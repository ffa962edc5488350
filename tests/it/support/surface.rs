//! Everything that a pool does on the outside, whatever runs its jobs.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "rayon")]
use executor::RayonPool;
use executor::{
    Executor, Future, Job, JobError, JobOptions, Period, Periodic, QueueLimit, Rejected, Shutdown, ShutdownPolicy,
    ShutdownReport, Stats, ThreadHandle, ThreadPool,
};
#[cfg(feature = "process")]
use executor::{ProcessHandle, ProcessPool};

use super::jobs::Do;
use super::rendezvous::{Rendezvous, Waiter};

pub(crate) type Submitted = Result<Future<u64>, Rejected<Do>>;
pub(crate) type Outcomes = Box<dyn Iterator<Item = Result<u64, JobError>>>;

/// A pool, or a handle to one, with options or without.
pub(crate) trait Surface: Executor<Do> {
    fn workers(&self) -> usize;
    fn handle(&self) -> Box<dyn Surface>;
    fn execute(&self, job: Do);
    fn submit_after(&self, delay: Duration, job: Do) -> Future<u64>;
    fn submit_timeout(&self, job: Do, limit: Duration) -> Submitted;
    fn submit_async(&self, job: Do) -> Pin<Box<dyn std::future::Future<Output = Submitted> + Send>>;
    /// Twice each number.
    fn double(&self, numbers: std::ops::Range<u64>, buffered: usize) -> Outcomes;
    fn with(&self, options: JobOptions) -> Box<dyn Surface>;
    fn every(&self, period: Period, job: Do) -> Periodic;
    fn broadcast(&self, job: Do) -> Vec<Future<u64>>;
    fn prestart(&self);
    fn wait_idle(&self);
    fn wait_idle_timeout(&self, limit: Duration) -> bool;
    fn stats(&self) -> Stats;
    fn closed(&self) -> Future<()>;
    fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport;
}

/// A pool that is owned, apart from its type: so that what has a surface does not hide the methods of its handle.
struct Whole<P>(P);

impl<P: Shutdown> Shutdown for Whole<P> {
    fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait);
    }
}

impl<P: Executor<Do>> Executor<Do> for Whole<P> {
    fn submit(&self, job: Do) -> Future<u64> {
        Executor::submit(&self.0, job)
    }

    fn try_submit(&self, job: Do) -> Submitted {
        Executor::try_submit(&self.0, job)
    }
}

macro_rules! surface {
    ($pool:ty, |$this:ident| $handle:expr, |$job:ident| $every:expr, $broadcast:expr) => {
        impl Surface for $pool {
            fn workers(&self) -> usize {
                let $this = self;
                $handle.workers()
            }

            fn handle(&self) -> Box<dyn Surface> {
                let $this = self;
                Box::new($handle.handle())
            }

            fn execute(&self, job: Do) {
                let $this = self;
                $handle.execute(job);
            }

            fn submit_after(&self, delay: Duration, job: Do) -> Future<u64> {
                let $this = self;
                $handle.submit_after(delay, job)
            }

            fn submit_timeout(&self, job: Do, limit: Duration) -> Submitted {
                let $this = self;
                $handle.submit_timeout(job, limit)
            }

            fn submit_async(&self, job: Do) -> Pin<Box<dyn std::future::Future<Output = Submitted> + Send>> {
                let $this = self;
                Box::pin($handle.submit_async(job))
            }

            fn double(&self, numbers: std::ops::Range<u64>, buffered: usize) -> Outcomes {
                let $this = self;
                Box::new($handle.map(numbers, |n| 2 * n).buffered(buffered))
            }

            fn with(&self, options: JobOptions) -> Box<dyn Surface> {
                let $this = self;
                Box::new($handle.with(options))
            }

            fn every(&self, period: Period, $job: Do) -> Periodic {
                let $this = self;
                $handle.every(period, $every)
            }

            fn broadcast(&self, $job: Do) -> Vec<Future<u64>> {
                let $this = self;
                $handle.broadcast($broadcast)
            }

            fn prestart(&self) {
                let $this = self;
                $handle.prestart();
            }

            fn wait_idle(&self) {
                let $this = self;
                $handle.wait_idle();
            }

            fn wait_idle_timeout(&self, limit: Duration) -> bool {
                let $this = self;
                $handle.wait_idle_timeout(limit)
            }

            fn stats(&self) -> Stats {
                let $this = self;
                $handle.stats()
            }

            fn closed(&self) -> Future<()> {
                let $this = self;
                $handle.closed()
            }

            fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
                let $this = self;
                $handle.shutdown_with(policy)
            }
        }
    };
}

/// A periodic closure returns nothing.
trait Ignore: Sized {
    fn ignore(self) {}
}

impl Ignore for u64 {}

surface!(Whole<ThreadPool>, |whole| whole.0, |job| move || job.clone().run().ignore(), move || job.clone().run());
#[cfg(feature = "rayon")]
surface!(Whole<RayonPool>, |whole| whole.0, |job| move || job.clone().run().ignore(), move || job.clone().run());
surface!(ThreadHandle, |handle| handle, |job| move || job.clone().run().ignore(), move || job.clone().run());
#[cfg(feature = "process")]
surface!(Whole<ProcessPool>, |whole| whole.0, |job| job, job);
#[cfg(feature = "process")]
surface!(ProcessHandle, |handle| handle, |job| job, job);

/// How to make a pool of some kind, with this queue.
pub(crate) type Make = fn(QueueLimit) -> Arc<dyn Surface>;

pub(crate) fn threads_1(queue: QueueLimit) -> Arc<dyn Surface> {
    threads(1, queue)
}

pub(crate) fn threads_2(queue: QueueLimit) -> Arc<dyn Surface> {
    threads(2, queue)
}

pub(crate) fn threads_8(queue: QueueLimit) -> Arc<dyn Surface> {
    threads(8, queue)
}

fn threads(n: usize, queue: QueueLimit) -> Arc<dyn Surface> {
    Arc::new(Whole(ThreadPool::builder().threads(n).queue(queue).build().expect("a pool of threads")))
}

#[cfg(feature = "rayon")]
pub(crate) fn rayon_1(queue: QueueLimit) -> Arc<dyn Surface> {
    rayon(1, queue)
}

#[cfg(feature = "rayon")]
pub(crate) fn rayon_2(queue: QueueLimit) -> Arc<dyn Surface> {
    rayon(2, queue)
}

#[cfg(feature = "rayon")]
fn rayon(n: usize, queue: QueueLimit) -> Arc<dyn Surface> {
    Arc::new(Whole(RayonPool::builder().threads(n).queue(queue).build().expect("a few threads")))
}

#[cfg(feature = "process")]
pub(crate) fn processes_1(queue: QueueLimit) -> Arc<dyn Surface> {
    processes(1, queue)
}

#[cfg(feature = "process")]
pub(crate) fn processes_2(queue: QueueLimit) -> Arc<dyn Surface> {
    processes(2, queue)
}

#[cfg(feature = "process")]
fn processes(n: usize, queue: QueueLimit) -> Arc<dyn Surface> {
    Arc::new(Whole(ProcessPool::builder().processes(n).queue(queue).build().expect("a pool of processes")))
}

/// Keeps `n` workers busy, each with a waiter. One by one: there may be one place only for those that wait.
pub(crate) fn occupy(pool: &dyn Surface, n: usize, rendezvous: &Rendezvous) -> Vec<Waiter> {
    (0..n as u64)
        .map(|number| {
            drop(pool.submit(Do::Arrive(rendezvous.arrival(), number)));
            rendezvous.accept()
        })
        .collect()
}

/// Tests each law, a `fn(surface::Make)`, on every kind of pool that has the whole surface.
macro_rules! on_every_surface {
    ($($law:ident),* $(,)?) => {
        $crate::support::surface::on!(threads_1, [$($law)*]);
        $crate::support::surface::on!(threads_2, [$($law)*]);
        $crate::support::surface::on!(threads_8, [$($law)*]);
        #[cfg(feature = "rayon")]
        $crate::support::surface::on!(rayon_1, [$($law)*]);
        #[cfg(feature = "rayon")]
        $crate::support::surface::on!(rayon_2, [$($law)*]);
        #[cfg(feature = "process")]
        $crate::support::surface::on!(processes_1, [$($law)*]);
        #[cfg(feature = "process")]
        $crate::support::surface::on!(processes_2, [$($law)*]);
    };
}
pub(crate) use on_every_surface;

/// Tests each law on the kinds that have one worker.
macro_rules! on_one_worker_surface {
    ($($law:ident),* $(,)?) => {
        $crate::support::surface::on!(threads_1, [$($law)*]);
        #[cfg(feature = "rayon")]
        $crate::support::surface::on!(rayon_1, [$($law)*]);
        #[cfg(feature = "process")]
        $crate::support::surface::on!(processes_1, [$($law)*]);
    };
}
pub(crate) use on_one_worker_surface;

macro_rules! on {
    ($kind:ident, [$($law:ident)*]) => {
        mod $kind {
            $(
                #[test]
                fn $law() {
                    $crate::support::within_patience(|| super::$law($crate::support::surface::$kind));
                }
            )*
        }
    };
}
pub(crate) use on;
