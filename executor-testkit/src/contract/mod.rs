//! The contract of executors: the laws that hold for every executor, and checks that find where an executor breaks them.
//!
//! The macro [`contract!`](crate::contract!) tests an executor in one line. To run the checks in another way, use
//! [`portable_checks`] and [`closure_checks`], which return the checks as values.

mod check;
mod checks;
mod laws;
mod macros;
#[doc(hidden)]
pub mod needs;
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
pub use checks::{closure_checks, portable_checks};
pub use laws::Law;
pub use subject::{Closures, Make, Subject};
pub use tools::jobs::Do;
