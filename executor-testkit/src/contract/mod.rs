//! The contract of executors: the laws that hold for every one of them, and checks that find where they are broken.
//!
//! One line tests an executor: [`contract!`](crate::contract!), the macro of the same name. To run the checks in another way, or to
//! write others, use its parts: [`portable_checks`] and [`closure_checks`] are the checks as values.

mod check;
mod laws;
mod macros;
mod subject;
mod table;
pub mod tools;

#[doc(hidden)]
pub mod closures;
#[doc(hidden)]
pub mod portable;

#[doc(hidden)]
pub use check::test;
pub use check::{Broken, Check};
pub use laws::Law;
#[doc(hidden)]
pub use macros::needs;
pub use subject::{Closures, Make, Subject};
pub use tools::jobs::Do;

/// The checks for every executor, whose jobs are [`Do`].
///
/// ```
/// use std::time::Duration;
/// use executor_testkit::ManualExecutor;
/// use executor_testkit::contract::{Law, Make, Subject, portable_checks};
///
/// let make = || {
///     let manual = ManualExecutor::new();
///     manual.run_on_thread();
///     Subject::new(manual, 1)
/// };
/// let checks = portable_checks();
/// for check in checks.iter().filter(|check| check.law() == Law::Callbacks) {
///     let make: Box<Make> = Box::new(make);
///     check.run("my executor", make, Duration::from_secs(60))?;
/// }
/// # Ok::<(), executor_testkit::contract::Broken>(())
/// ```
pub fn portable_checks() -> Vec<Check<Make>> {
    crate::__portable_checks! { __list_checks [Make] }
}

/// The checks for executors that run closures, besides.
pub fn closure_checks<E: Closures>() -> Vec<Check<dyn Fn() -> E + Send + Sync>> {
    crate::__closure_checks! { __list_checks [(dyn Fn() -> E + Send + Sync + 'static)] }
}
