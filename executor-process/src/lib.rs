//! A pool of worker processes with futures, for CPU-bound and dangerous jobs.
//!
//! | to | see |
//! |---|---|
//! | run functions in other processes | [`ProcessPool`], [`ProcessPoolBuilder`], [`ProcessHandle`] |
//! | run one job in a process of its own | [`Process`], [`ProcessBuilder`], [`SpawnError`] |
//! | say how, and in what time | [`ProcessHandle::with`] |
//! | bound the queue | [`ProcessPoolBuilder::queue`], [`SubmitPortable`] |
//! | choose how arguments and results travel | [`Codec`] |
//! | share large bytes without a copy | [`Blob`] |
//! | send paths that are not UTF-8 | [`os_str`] |
//! | talk to a job while it runs | [`channel()`], [`Sender`], [`Receiver`], both ways by a [`duplex()`] |
//! | share work between processes | [`queue()`] |
//! | share values, queues and locks between processes | [`Manager`], and its handles in [`manager`] |
//! | run a job that failed again, alone | [`keep_failed`](ProcessPoolBuilder::keep_failed) |
//!
//! A worker is the same program, started again. It serves jobs before `main` would run, so there is no `init()` to call; what
//! `main` sets up (a logger, a panic hook, a `static`) is not there, and belongs in an
//! [`initializer`](ProcessPoolBuilder::initializer). Linux only.

#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod about;
mod attachments;
mod blob;
mod brake;
mod budget;
mod builder;
mod channel;
mod child;
mod chunk;
mod codec;
mod estimate;
mod exchange;
mod fall;
mod frame;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod host;
mod inbox;
mod job;
mod kind;
mod lifeline;
mod manage;
pub mod manager;
mod mapper;
mod memory;
pub mod os_str;
mod page;
mod payload;
mod peer;
mod periodic;
mod pool;
mod postmortem;
mod process;
mod random;
mod recycle;
mod rendezvous;
mod replay;
mod runner;
mod seat;
mod shortage;
mod socket;
mod spawn;
mod strays;
mod submit;
mod surroundings;
mod symbols;
mod text;
mod time_limit;
mod trace;
mod transport;
mod watcher;
mod worker;

pub use blob::Blob;
pub use builder::ProcessPoolBuilder;
pub use channel::{
    Duplex, Messages, Receiver, RecvError, SendError, Sender, channel, channel_with, duplex, duplex_with, queue,
};
pub use chunk::Outcomes;
pub use codec::Codec;
pub use manager::Manager;
pub use mapper::CallMapper;
pub use pool::{ProcessHandle, ProcessPool};
pub use process::{Process, ProcessBuilder, SpawnError};
pub use submit::SubmitPortable;
