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
