//! The jobs of `executor` on many machines, over NATS `JetStream`.
//!
//! A program submits jobs to a [`NatsExecutor`], which is an [`Executor`](executor_core::Executor) as the pools are. Any number of hosts
//! [`serve`] the same namespace with a pool of their own, and run the jobs. Both sides are the same program.
//!
//! ```no_run
//! use executor::{ProcessPool, call};
//! use executor_nats::{NatsExecutor, serve};
//!
//! fn square(n: u64) -> u64 {
//!     n * n
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! if std::env::args().nth(1).as_deref() == Some("serve") {
//!     let pool = ProcessPool::default_size()?;
//!     serve("nats://127.0.0.1:4222", "squares", &pool)?.wait();
//!     return Ok(());
//! }
//! let executor = NatsExecutor::connect("nats://127.0.0.1:4222", "squares")?;
//! assert_eq!(executor.submit(call!(square(7))).result()?, 49);
//! # Ok(())
//! # }
//! ```
//!
//! | To | use |
//! |---|---|
//! | submit jobs | [`NatsExecutor`], and the handles of one: [`NatsHandle`] |
//! | run jobs on a host | [`serve`] |
//! | log in, encrypt | [`Connection`] |
//! | set limits, replicas, the lease of a host | [`Namespace`] |
//! | be sure that jobs are stored | [`flush`](NatsHandle::flush) |
//! | take a result in another program, or after a restart | [`submit_keyed`](NatsHandle::submit_keyed), [`reattach`](NatsHandle::reattach) |
//! | see which hosts there are | [`hosts`](NatsHandle::hosts), [`NoWorker`] |
//!
//! # What the server keeps
//!
//! A job's message stays until a host has run the job. Its outcome stays until the submitter's process has it, and is removed within seconds,
//! together with others. An outcome that no process takes stays until [`keep_outcomes`](Namespace::keep_outcomes) is over. Arguments and
//! results that are larger than the server's `max_payload` go through the namespace's object store, and are removed with their job.

// Empty on other targets, so that the workspace builds there.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![forbid(unsafe_code)]

/// The pages and the README, whose code is compiled.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../README.md")]
    struct Readme;

    #[doc = include_str!("../deploy/README.md")]
    struct Deployment;

    #[doc = include_str!("../../docs/MANY_MACHINES.md")]
    struct ManyMachines;
}

mod connection;
mod error;
mod link;
mod namespace;
mod protocol;
mod runtime;
mod serve;
mod submit;

pub use connection::Connection;
pub use error::ConnectError;
pub use namespace::Namespace;
pub use serve::{Host, Server, serve};
pub use submit::attached::ReattachError;
pub use submit::builder::NatsExecutorBuilder;
pub use submit::executor::{NatsExecutor, NatsHandle};
pub use submit::hosts::HostInfo;
pub use submit::key::{InvalidKey, ReattachKey};
pub use submit::map::RemoteMapper;
pub use submit::no_worker::NoWorker;
pub use submit::submit_async::SubmitRemote;
