//! Searches for a script of events in which an executor breaks a law: submits, waits, cancels, aborts, panics, crashes, drops and shutdowns, one
//! after the other and at the same time.
//!
//! The executor runs on its own threads or processes. The model keeps every state that the laws allow, and fails when no state agrees with
//! the facts: which jobs ran, how each job ended, what each call returned, the reports and the stats. Where the laws leave a choice, such as
//! which of two idle workers takes a job, the model allows each.
//!
//! Pass a function that makes the executor, and the executor's [`Shape`]:
//!
//! ```
//! use executor_testkit::check_shutdown;
//! use executor_testkit::model::Shape;
//! # use executor::{Executor, Future, JobError, Job, Rejected, Rejection, Shutdown};
//! # use executor_testkit::model::{Subject, Task};
//! # use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
//! # struct MyPool(AtomicBool);
//! # impl MyPool { fn new() -> Self { Self(AtomicBool::new(false)) } }
//! # impl Shutdown for MyPool { fn shutdown(&self, _: bool) { self.0.store(true, Ordering::SeqCst); } }
//! # impl Executor<Task> for MyPool {
//! #     fn submit(&self, job: Task) -> Future<u64> {
//! #         self.try_submit(job).unwrap_or_else(|rejected| Future::failed(JobError::rejected(rejected.reason())))
//! #     }
//! #     fn try_submit(&self, job: Task) -> Result<Future<u64>, Rejected<Task>> {
//! #         if self.0.load(Ordering::SeqCst) { return Err(Rejected::new(job, Rejection::Shutdown)) }
//! #         let (cell, future) = Future::of_job(job);
//! #         let run: Arc<dyn executor::extend::cell::Run> = cell;
//! #         std::thread::spawn(move || run.run());
//! #         Ok(future)
//! #     }
//! # }
//! # impl Subject for MyPool {}
//! # #[allow(unused)] fn my_pool_shuts_down_as_the_laws_say() {
//! check_shutdown!(Shape::new(1), || MyPool::new());
//! # }
//! ```
//!
//! A script that breaks a law is shortened, and printed as a test to paste, in calls of [`Script`]. You can also write scripts by hand.

mod check;
mod closures;
mod coordinator;
mod driver;
mod machine;
mod manual;
mod op;
mod script;
mod shape;
mod subject;
mod task;
mod watchdog;
mod world;

pub use check::{Broken, Check};
pub use closures::Closures;
pub use op::{Act, Delay, JobNumber, Policy, Work};
pub use script::Script;
pub use shape::{Ability, Full, Shape};
pub use subject::Subject;
pub use task::Task;

/// Searches for a script of events in which an executor breaks a law: `check_shutdown!(shape, make)`. See [`model`](crate::model).
///
/// A third argument changes the settings of the [`Check`]: `check_shutdown!(shape, make, |check| check.cases(64))`.
///
/// # Panics
///
/// If a law is broken; see [`Check::run`].
#[macro_export]
macro_rules! check_shutdown {
    ($shape:expr, $make:expr $(,)?) => {
        $crate::check_shutdown!($shape, $make, |check| check)
    };
    ($shape:expr, $make:expr, |$check:ident| $settings:expr $(,)?) => {{
        let $check = $crate::model::Check::new($shape).named(stringify!($shape), stringify!($make));
        let check: $crate::model::Check = $settings;
        check.run($make)
    }};
}

/// Implements [`Subject`] for a type that holds a pool, by the pool's methods `submit_after`, `shutdown_with`,
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
