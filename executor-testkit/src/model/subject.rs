//! The executor that the model tests.

use std::sync::Arc;
use std::time::Duration;

use executor_core::{Executor, Future, ShutdownPolicy, ShutdownReport, Stats};

use super::task::Task;

/// The executor under test. The model makes one for each script.
///
/// Implement the methods of those [abilities](super::Ability) that the [`Shape`](super::Shape) declares. The others are not called.
pub trait Subject: Executor<Task> + 'static {
    /// Runs the job once `delay` is over: [`Ability::Delay`](super::Ability::Delay).
    fn submit_after(&self, delay: Duration, job: Task) -> Future<u64> {
        let _ = (delay, job);
        lacks("submit_after", "Delay")
    }

    /// Shuts down, and reports how the jobs ended: [`Ability::Report`](super::Ability::Report).
    fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        let _ = policy;
        lacks("shutdown_with", "Report")
    }

    /// Blocks until nothing is queued, delayed or running: [`Ability::Idle`](super::Ability::Idle).
    fn wait_idle(&self) {
        lacks("wait_idle", "Idle")
    }

    /// Its state, and how its jobs ended: [`Ability::Stats`](super::Ability::Stats).
    fn stats(&self) -> Stats {
        lacks("stats", "Stats")
    }

    /// A handle that submits to it, and does not keep it alive: [`Ability::Handle`](super::Ability::Handle).
    fn handle(&self) -> Arc<dyn Subject> {
        lacks("handle", "Handle")
    }

    /// Runs a job that is queued, if there is one, and says whether there was: [`Ability::Manual`](super::Ability::Manual).
    fn run_next(&self) -> bool {
        lacks("run_next", "Manual")
    }

    /// Lets time pass, by the executor's clock: [`Ability::Manual`](super::Ability::Manual).
    fn advance(&self, time: Duration) {
        let _ = time;
        lacks("advance", "Manual")
    }
}

fn lacks(method: &str, ability: &str) -> ! {
    panic!(
        "the shape says `Ability::{ability}`, and the subject has no `{method}`; implement it, or take the ability off"
    )
}

/// Implements [`Subject`](crate::model::Subject) for a type that holds a pool, by the pool's methods `submit_after`, `shutdown_with`,
/// `wait_idle`, `stats` and `handle`. Takes the type, the pool in it, and the subject that is made of a handle.
///
/// ```
/// use executor::{ThreadHandle, ThreadPool};
/// use executor_testkit::{check_shutdown, model::Shape, subject_of_pool};
/// # use executor::{Executor, Future, Rejected, Shutdown};
/// # use executor_testkit::model::Task;
///
/// struct Mine<P>(P);
/// # impl<P: Shutdown> Shutdown for Mine<P> {
/// #     fn shutdown(&self, wait: bool) { self.0.shutdown(wait) }
/// # }
/// # impl<P: Executor<Task>> Executor<Task> for Mine<P> {
/// #     fn submit(&self, job: Task) -> Future<u64> { self.0.submit(job) }
/// #     fn try_submit(&self, job: Task) -> Result<Future<u64>, Rejected<Task>> { self.0.try_submit(job) }
/// # }
/// // `Mine` is an `Executor<Task>`.
/// subject_of_pool!(Mine<ThreadPool>, |this| this.0, |handle| Mine(handle));
/// subject_of_pool!(Mine<ThreadHandle>, |this| this.0, |handle| Mine(handle));
///
/// # #[allow(unused)] fn mine_shuts_down_as_the_laws_say() {
/// check_shutdown!(Shape::threads(2), || Mine(ThreadPool::new(2)));
/// # }
/// ```
#[macro_export]
macro_rules! subject_of_pool {
    ($subject:ty, |$this:ident| $pool:expr, |$handle:ident| $of_handle:expr) => {
        impl $crate::model::Subject for $subject {
            fn submit_after(
                &self,
                delay: ::std::time::Duration,
                job: $crate::model::Task,
            ) -> $crate::__core::Future<u64> {
                let $this = self;
                $pool.submit_after(delay, job)
            }

            fn shutdown_with(&self, policy: $crate::__core::ShutdownPolicy) -> $crate::__core::ShutdownReport {
                let $this = self;
                $pool.shutdown_with(policy)
            }

            fn wait_idle(&self) {
                let $this = self;
                $pool.wait_idle();
            }

            fn stats(&self) -> $crate::__core::Stats {
                let $this = self;
                $pool.stats()
            }

            fn handle(&self) -> ::std::sync::Arc<dyn $crate::model::Subject> {
                let $this = self;
                let $handle = $pool.handle();
                ::std::sync::Arc::new($of_handle)
            }
        }
    };
}
