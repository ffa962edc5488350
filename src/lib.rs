//! Thread and process pools with futures. Every accepted job gets exactly one outcome.
//!
//! | to | see |
//! |---|---|
//! | run jobs that wait (files, sockets) | [`ThreadPool`], [`ThreadHandle`] |
//! | run jobs that use `par_iter` inside | `RayonPool`, `RayonHandle` (feature `rayon`) |
//! | run jobs that compute, leak or crash | `ProcessPool`, `ProcessHandle` (feature `process`) |
//! | run one job in a process of its own | `Process`, `ProcessBuilder` (feature `process`) |
//! | share large bytes with processes, or talk to a job | `Blob`, `channel`, `duplex`, `queue`, `Sender`, `Receiver`, `Duplex`, `os_str` (feature `process`) |
//! | share values, queues and locks with processes | `Manager`, and its handles in `manager` (feature `process`) |
//! | describe the work | a closure, [`Job`], [`call()`] and [`call!`] for functions that move to a process |
//! | set names, priorities and time limits | [`JobOptions`], `with` on thread and process pools |
//! | bound the queue | [`QueueLimit`], [`WhenFull`] on the builders of thread and process pools |
//! | run a job again and again | `every` on thread and process pools: [`Period`], [`Periodic`] |
//! | get the outcome | [`Future`], [`JobError`], [`RemoteError`] |
//! | wait for several | [`wait()`], [`as_completed`], [`join_all`], [`try_join_all`], [`JobSet`] |
//! | apply a function to many items | `map` on each pool: [`Map`] |
//! | stop a job | [`Future::cancel`], [`Future::abort`], [`Canceller`], [`AbortOnDrop`] |
//! | see what a pool is doing | `stats` on each pool: [`Stats`], [`Histogram`] |
//! | signal between jobs | [`Event`] |
//! | ask from inside a job | [`current`] |
//! | be generic over threads and processes | [`Executor`], [`ClosureExecutor`], [`Pool`], [`Shutdown`] |
//! | write an executor | [`promise()`], [`extend`] |
//!
//! ```
//! use executor::ThreadPool;
//!
//! let pool = ThreadPool::new(2);
//! let sum = pool.submit(|| (1..=100).sum::<u32>());
//! assert_eq!(sum.result()?, 5050);
//! # Ok::<(), executor::JobError>(())
//! ```

#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use executor_core::{
    AbortOnDrop, AsCompleted, Backtrace, Broken, BuildError, Call, Cancelled, Canceller, ClosureExecutor,
    ClosureMapper, CodecError, Crashed, Event, Executor, Exit, Failed, Frame, Future, Helper, Histogram, Job, JobError,
    JobId, JobOptions, JobSet, Label, Map, Mapper, OwnedArguments, Panicked, Pool, Portable, PortableJob, Priority,
    Promise, QueueLimit, Refused, Rejected, Rejection, RemoteError, Saved, Saving, Shutdown, ShutdownPolicy,
    ShutdownReport, ShutdownStep, Stats, Status, TimedOut, Unordered, Until, Waited, WhenFull, as_completed, call,
    current, join_all, promise, try_join_all, wait, wait_timeout,
};
#[cfg(all(feature = "process", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use executor_process::{
    Blob, CallMapper, Codec, Duplex, Manager, Messages, Outcomes, Process, ProcessBuilder, ProcessHandle, ProcessPool,
    ProcessPoolBuilder, Receiver, RecvError, SendError, Sender, SpawnError, SubmitPortable, channel, channel_with,
    duplex, duplex_with, manager, os_str, queue,
};
pub use executor_thread::{
    Period, Periodic, Scope, ScopedFuture, SubmitAsync, ThreadHandle, ThreadPool, ThreadPoolBuilder,
};
#[cfg(feature = "rayon")]
pub use executor_thread::{RayonHandle, RayonPool, RayonPoolBuilder};

/// For those who write executors: the parts that the pools are made of.
///
/// - [`cell`](extend::cell): the one allocation that a queue and a future share;
/// - [`scheduler`](extend::scheduler): a queue with workers, which run jobs as your [`Runner`](extend::scheduler::Runner) says;
/// - [`queue_id`](extend::queue_id), [`registry`](extend::registry) and [`job_counters`](extend::job_counters): the queue that a job
///   waits in, and the counters of its outcome;
/// - [`drive`](extend::drive): waits of threads that run the executor themselves;
/// - [`fork`](extend::fork): whether this process is a fork of the one that made something;
/// - [`bytes`](extend::bytes) and [`panics`](extend::panics): one place for each that needs care.
pub mod extend {
    pub use executor_core::{
        JobName, JobPath, OptionValues, bytes, cell, drive, job_counters, panics, queue_id, registry, spin,
    };
    pub use executor_thread::{fork, scheduler};
}

#[cfg(doc)]
pub mod examples;
#[cfg(all(any(doc, doctest), feature = "process", feature = "rayon"))]
mod pages;
#[cfg(all(any(doc, doctest), feature = "process", feature = "rayon"))]
pub use pages::*;
