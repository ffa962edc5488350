//! The side that submits jobs.

pub(crate) mod builder;
mod callbacks;
mod engine;
pub(crate) mod executor;
mod hosts;
mod job;
mod pool;
mod publisher;
mod shared;
