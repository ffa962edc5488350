//! The contract of executors: the laws that hold for every one of them, and checks that find where they are broken.
//!
//! One line tests an executor: [`contract!`](crate::contract!), the macro of the same name. To run the checks in another way, or to
//! write others, use its parts: [`portable_checks`] and [`closure_checks`] are the checks as values.

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
