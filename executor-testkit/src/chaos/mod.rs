//! An executor around another that makes trouble, by a seed.

mod builder;
mod executor;
mod log;
mod submit;
#[cfg(test)]
mod tests;
mod trouble;

pub use builder::ChaosBuilder;
pub use executor::Chaos;
pub use log::{Deed, Trouble};
