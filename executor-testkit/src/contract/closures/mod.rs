//! Checks whose jobs are closures.

pub mod aborts;
mod boxed;
pub mod captures;
pub mod handles;
pub mod maps;
pub mod memory;
pub mod nested_waits;
pub mod panics;
pub mod progress;
pub mod reentrancy;
pub mod shutdown_inside;
pub mod wakeups;

pub use boxed::{Boxed, made};
