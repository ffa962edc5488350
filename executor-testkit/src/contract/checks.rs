//! The table as a list of checks.

use super::check::Check;
use super::subject::{Closures, Make};
use super::table::{__closure_checks, __portable_checks};

/// Returns the checks for every executor. Their jobs are of type `Do`.
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
    __portable_checks! { __list_checks [Make] }
}

/// Returns the further checks for executors that run closures.
pub fn closure_checks<E: Closures>() -> Vec<Check<dyn Fn() -> E + Send + Sync>> {
    __closure_checks! { __list_checks [(dyn Fn() -> E + Send + Sync + 'static)] }
}
