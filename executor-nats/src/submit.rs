//! The side that submits jobs.

pub(crate) mod attached;
mod bounded;
pub(crate) mod builder;
mod callbacks;
mod cleaner;
mod endings;
mod engine;
pub(crate) mod executor;
pub(crate) mod hosts;
mod job;
pub(crate) mod key;
mod keyed;
mod losses;
pub(crate) mod map;
pub(crate) mod no_worker;
mod periodic;
mod pool;
mod presence;
mod publisher;
mod removals;
mod report;
mod shared;
mod stopping;
pub(crate) mod submission;
pub(crate) mod submit_async;
mod timers;
