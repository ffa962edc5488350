//! Tools for testing executors and code that uses them.
//!
//! For applications that must be sure of their shutdown, and for authors of executors.
//!
//! | you have | use | it does |
//! |---|---|---|
//! | code that submits jobs | [`ManualExecutor`] | runs jobs one by one, on virtual time |
//! | code that must survive faults | [`Chaos`] | wraps an executor and injects faults, by a seed |
//! | an executor of your own | [`contract!`], [`contract`](mod@contract) | makes a module of tests, for each promise of an executor |
//! | an executor with a shutdown | [`check_shutdown!`], [`model`] | draws random scripts of events until one breaks a law, and prints the shortest as a test |
//! | such a script | [`model::Script`] | keeps it as a test, or lets you write one by hand |
//!
//! Begin with a [`ManualExecutor`]: make your code generic over `executor::ClosureExecutor`, and give it one in tests.
//!
//! ```
//! use std::time::Duration;
//! use executor::{ClosureExecutor, Future};
//! use executor_testkit::ManualExecutor;
//!
//! fn remind(executor: &impl ClosureExecutor) -> Future<&'static str> {
//!     executor.submit_after(Duration::from_secs(3600), || "time for tea")
//! }
//!
//! let manual = ManualExecutor::new();
//! let reminder = remind(&manual);
//! manual.advance(Duration::from_secs(3600)); // takes no time
//! assert_eq!(reminder.result()?, "time for tea");
//! # Ok::<(), executor::JobError>(())
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod chaos;
#[cfg(unix)]
pub mod contract;
mod manual;
pub mod model;

pub use chaos::{Chaos, ChaosBuilder, Deed, Trouble};
pub use manual::{ManualExecutor, ManualExecutorBuilder, ManualHandle};

/// For the macros of this crate.
#[doc(hidden)]
pub use executor_core as __core;

/// The README's code, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
