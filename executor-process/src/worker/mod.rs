//! Code that runs in a worker process.

mod clone;
mod comm;
mod core;
pub(crate) mod crash_handler;
pub(crate) mod entry;
pub(crate) mod entry_point;
mod fork_check;
#[cfg(feature = "log")]
pub(crate) mod logger;
mod output;
mod peak_memory;
pub(crate) mod process_setup;
#[cfg(feature = "_records")]
pub(crate) mod records;
mod registers;
pub(crate) mod remake;
mod replay;
mod requests;
pub(crate) mod run_chunk;
pub(crate) mod run_job;
mod serve;
pub(crate) mod stack_walk;
mod start_packet;
mod template;
mod termination;
#[cfg(feature = "tracing")]
pub(crate) mod tracer;
pub(crate) mod wrap;

pub(crate) use fork_check::end_copy;
pub(crate) use serve::{CANNOT_BEGIN, depth};
