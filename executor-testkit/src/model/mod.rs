//! Looks for a course of events in which an executor breaks a law: submits, waits, cancels, aborts, panics, deaths, drops and shutdowns, one after
//! the other and at the same time.
//!
//! The executor runs on its own threads or processes; what is not determined by the laws, such as which of two idle workers takes a job, the model
//! leaves open. It holds every state that the executor may be in, and complains when none agrees with what it sees: with who ran, how each job
//! ended, what each call answered, the reports and the stats. Most is determined, though, for the script holds jobs and lets them go on.
//!
//! Tell it how to make the executor, and what it [can do](Shape):
//!
//! ```
//! use executor_testkit::check_shutdown;
//! use executor_testkit::model::Shape;
//! # use executor_core::{Executor, Future, JobError, Job, Rejected, Rejection, Shutdown};
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
//! #         let run: Arc<dyn executor_core::cell::Run> = cell;
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
//! It shortens the script that breaks a law, and prints it as a test to be pasted, in calls of [`Script`]. A script can be written by
//! hand as well.

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

/// Looks for a course of events in which an executor breaks a law: `check_shutdown!(shape, make)`. See [`model`](crate::model).
///
/// [`Check`] has settings. This one gives it the code of both arguments, for the test that it prints.
///
/// # Panics
///
/// When a law is broken; see [`Check::run`].
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
