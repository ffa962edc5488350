//! A pool of worker processes with futures, for CPU-bound and dangerous jobs. Part of the crate `executor`, which
//! re-exports all of it.
//!
//! | to | see |
//! |---|---|
//! | run functions in other processes | [`ProcessPool`], [`ProcessPoolBuilder`], [`ProcessHandle`] |
//! | run one job in a process of its own | [`Process`], [`ProcessBuilder`], [`SpawnError`] |
//! | set names, priorities and time limits | [`ProcessHandle::with`] |
//! | limit the queue | [`ProcessPoolBuilder::queue`], [`SubmitPortable`] |
//! | choose how arguments and results are encoded | [`Codec`] |
//! | share large byte buffers without a copy | [`Blob`] |
//! | share large arrays of numbers without a copy | [`SharedSlice`], [`Plain`], [`CastError`] |
//! | write the results of a `map` into a buffer | [`map_into`](ProcessHandle::map_into), [`AsPart`] |
//! | send a value that many jobs read once to each worker | [`share`](ProcessHandle::share), [`Shared`] |
//! | send paths that are not UTF-8 | [`os_str`] |
//! | talk to a running job | [`channel()`], [`Sender`], [`Receiver`]; in both directions: [`duplex()`], [`Duplex`] |
//! | share work between processes | [`queue()`] |
//! | share values, queues and locks between processes | [`Manager`], and its handles in [`manager`] |
//! | see what jobs write to stdout and stderr | [`capture_output`](ProcessPoolBuilder::capture_output), [`OutputLine`], [`OutputStream`] |
//! | see what jobs log | the feature `log` |
//! | debug a failed job on its own | [`keep_failed`](ProcessPoolBuilder::keep_failed) |
//! | write an executor that runs jobs on other hosts | [`remote`] |
//!
//! A worker is the same program, started again. It runs jobs before `main` would, so no `init()` call is needed.
//! Anything that `main` sets up (a logger, a panic hook, a `static`) is missing in a worker: set it up in an
//! [`initializer`](ProcessPoolBuilder::initializer). Linux on x86-64 and aarch64 only.

// Empty on other targets, so that `executor` builds there with its default features.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod diagnostics;
mod dispatch;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod ipc;
pub mod manager;
mod pool;
mod process;
mod protocol;
pub mod remote;
mod supervisor;
mod transport;
mod worker;

pub use dispatch::chunk::Outcomes;
pub use ipc::blob::Blob;
pub use ipc::channel::{
    Duplex, Messages, Receiver, RecvError, SendError, Sender, channel, channel_with, duplex, duplex_with, queue,
};
pub use ipc::codec::Codec;
pub use ipc::os_str;
pub use ipc::plain::{CastError, Plain};
pub use ipc::shared::Shared;
pub use ipc::shared_slice::SharedSlice;
pub use manager::Manager;
pub use pool::builder::ProcessPoolBuilder;
pub use pool::handle::{ProcessHandle, ProcessPool};
pub use pool::map::CallMapper;
pub use pool::map_into::AsPart;
pub use pool::submit::SubmitPortable;
pub use process::{Process, ProcessBuilder, SpawnError};
pub use supervisor::output::{OutputLine, OutputStream};
#[cfg(feature = "log")]
pub use worker::logger::forward_logs;
#[cfg(feature = "tracing")]
pub use worker::tracer::forward_traces;
