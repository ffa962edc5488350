//! Thread and process pools, with one [`Future`] for the result of every job.
//!
//! Every accepted job gets exactly one outcome, and a process job that crashes costs only itself. A shutdown returns when the last job has its
//! outcome and no thread or process of the pool is left.
//!
//! ```
//! use executor::ThreadPool;
//!
//! let pool = ThreadPool::new(2);
//! let sum = pool.submit(|| (1..=100).sum::<u32>());
//! assert_eq!(sum.result()?, 5050); // or, in async code: `sum.await?`
//! # Ok::<(), executor::JobError>(())
//! ```
//!
//! A job in a process is a function with arguments that own their data:
//!
//! ```
//! # #[cfg(all(feature = "process", target_os = "linux"))]
//! # {
//! use executor::{JobError, ProcessPool, call};
//!
//! fn half(n: u32) -> u32 {
//!     if n % 2 == 0 { n / 2 } else { std::process::abort() }
//! }
//!
//! let pool = ProcessPool::new(2)?;
//! assert_eq!(pool.submit(call!(half(10))).result()?, 5);
//! let crash = pool.submit(call!(half(11))).result();
//! assert!(matches!(crash, Err(JobError::Crashed(_))));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Pages
//!
//! | page | for |
//! |---|---|
//! | [Choosing](crate::choosing) | which pool; coming from rayon, `spawn_blocking`, threadpool, `std::thread`, procspawn |
//! | [Guide](crate::guide) | sizing, back-pressure, deadlines, shutdown, values between processes, mistakes |
//! | [Web services](crate::web_services) | pools behind an async server |
//! | [Data](crate::data) | arrays, files and models in workers |
//! | [Cookbook](crate::cookbook) | retry, hedge, rate limit, cache, progress: ten lines each |
//! | [From one machine to many](crate::many_machines) | the same jobs on other machines, by `executor-nats` |
//! | [Twelve tasks](crate::tasks) | tasks of a web developer, a data engineer and a tester, with answers |
//! | [Testing shutdown](crate::testing_shutdown) | the tools of `executor-testkit`, and which of them first |
//! | [Platforms](crate::platforms) | targets, Rust versions, containers, semver policy |
//! | [Security](crate::security) | what a worker can and cannot do to its parent |
//! | [Performance](crate::performance) | costs, and when not to use this crate |
//! | [From Python](crate::from_python) | a row for each name of Python's modules |
//! | [Examples](crate::examples) | whole programs |
//!
//! # Contents
//!
//! ## Run jobs
//!
//! | to run | use |
//! |---|---|
//! | jobs that wait: files, sockets, locks | [`ThreadPool`], [`ThreadPoolBuilder`] |
//! | jobs that use `par_iter` inside | [`RayonPool`], [`RayonPoolBuilder`] |
//! | jobs that may crash, leak or hang | [`ProcessPool`], [`ProcessPoolBuilder`] |
//! | one job in its own process | [`Process`], [`ProcessBuilder`] |
//! | jobs from many places, without owning the pool | [`ThreadHandle`], [`RayonHandle`], [`ProcessHandle`] |
//! | a function on many items | `map` on each pool: [`Map`], [`Unordered`] |
//! | jobs that borrow | [`ThreadHandle::scope`]: [`Scope`], [`ScopedFuture`] |
//! | a job again and again | [`ThreadHandle::every`], [`ProcessHandle::every`]: [`Period`], [`Periodic`] |
//!
//! ## Describe a job
//!
//! | to | use |
//! |---|---|
//! | write a job | a closure, or [`Job`] for a type of your own |
//! | write a job for a process | [`call!`], [`call()`], [`Call`], [`PortableJob`] |
//! | set name, priority, delay, time limits, retries | [`JobOptions`], [`Priority`], and `with` on each pool |
//! | run code around each job, with a context of its submitter | `wrap_jobs` on each builder; `trace_jobs` (feature `tracing`) |
//! | bound the queue | [`QueueLimit`], [`WhenFull`], and `queue` on each builder |
//! | wait for room in the queue, in async code | `submit_async` on each pool: [`SubmitAsync`], [`SubmitPortable`] |
//!
//! ## Get the outcome
//!
//! | to | use |
//! |---|---|
//! | wait for one job | [`Future::result`], [`Future::result_timeout`], `.await` |
//! | wait for several | [`join_all`], [`try_join_all`], [`as_completed`], [`wait()`], [`wait_timeout`], [`Until`], [`JobSet`] |
//! | convert it | [`Future::map_ok`], [`Future::flatten`], [`Future::on_done`] |
//! | know why it failed | [`JobError`]: [`Panicked`], [`Crashed`], [`TimedOut`], [`Cancelled`], [`Refused`], [`CodecError`], [`Broken`], [`Failed`] |
//! | look at a crash | [`Exit`], [`Backtrace`], [`Frame`]; [`Saved`], the file that replays the job |
//! | fail in a process with any error | [`RemoteError`] |
//! | get back a job that was not accepted | `try_submit` on each pool: [`Rejected`], [`Rejection`] |
//! | know why a pool or process did not start | [`BuildError`], [`SpawnError`] |
//!
//! ## Stop
//!
//! | to | use |
//! |---|---|
//! | stop a job | [`Future::cancel`] before it starts, [`Future::abort`] at any time |
//! | stop it from elsewhere, or when a task ends | [`Canceller`], [`AbortOnDrop`] |
//! | shut a pool down | `shutdown` and `shutdown_with` on each pool: [`ShutdownPolicy`], [`ShutdownReport`], [`ShutdownStep`] |
//!
//! ## See and signal
//!
//! | to | use |
//! |---|---|
//! | see what a pool is doing | `stats` on each pool: [`Stats`], [`Histogram`], [`Insights`]: [`WorkerStats`], [`WorkTimes`], [`SlowJob`], [`JobOutcome`] |
//! | see what jobs write in worker processes | `capture_output` on [`ProcessPoolBuilder`] and [`ProcessBuilder`]: [`OutputLine`], [`OutputStream`] |
//! | draw what a pool did | `record` on each pool: [`Recording`], [`NotMeasured`] |
//! | export counters and times to Prometheus and others | [`metrics::PoolMetrics`] (feature `metrics`) |
//! | see why jobs do not run | `dump` on each pool: [`Dump`]; `on_stall` on each builder: [`Stall`] |
//! | see where a job is | [`Future::status`], [`Status`], [`JobId`] |
//! | know about itself, in a job | [`current`]: id, attempt, deadline, stop request, worker state |
//! | signal between jobs | [`Event`] |
//!
//! ## Share with processes
//!
//! | to share | use |
//! |---|---|
//! | large bytes | [`Blob`] |
//! | large arrays of numbers | [`SharedSlice`], [`Plain`], [`CastError`], [`AsPart`] |
//! | a value that many jobs read | [`Shared`], by `share` on each process pool |
//! | a table or model that is loaded once, for all workers | [`ProcessPoolBuilder::template`] |
//! | messages | [`channel`], [`Sender`], [`Receiver`]; [`duplex`], [`Duplex`]; [`queue`]; [`SendError`], [`RecvError`] |
//! | maps, lists, values, locks | [`Manager`], and its handles in [`manager`] |
//! | values that need a self-describing format | [`Codec`] |
//! | paths that are not UTF-8 | [`os_str`] |
//!
//! ## Build on it
//!
//! | to | use |
//! |---|---|
//! | be generic over threads and processes | [`Executor`], [`ClosureExecutor`], [`Pool`], [`Shutdown`] |
//! | make a future of your own | [`promise()`], [`Promise`] |
//! | write an executor | [`extend`], [`Mapper`], [`Helper`] |
//! | test one, or a service on top of one | the crate `executor-testkit` |
//!
//! # Features and platforms
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `process` | on | [`ProcessPool`], [`Process`], [`Manager`] and all that is shared with processes |
//! | `rayon` | on | [`RayonPool`] |
//! | `bytemuck` | off | structs that are `bytemuck::Pod` in [`SharedSlice`] and [`Blob::cast`], not only numbers |
//! | `log` | off | [`forward_logs`]: records that jobs log in worker processes reach the program's logger |
//! | `metrics` | off | [`metrics`]: counters, gauges and histograms of a pool, for Prometheus and others |
//! | `tracing` | off | `trace_jobs` on the builders of pools: a span for each job, also in worker processes; `forward_traces` |
//!
//! Processes need Linux on x86-64 or aarch64. Elsewhere, as on macOS and Windows, the default features build, and the items of `process` are
//! absent. Rust 1.88 is needed with `process`, and 1.85 without. [Platforms](crate::platforms) has the details.

#![cfg_attr(
    not(all(feature = "process", feature = "rayon", feature = "log", feature = "metrics", target_os = "linux")),
    allow(rustdoc::broken_intra_doc_links)
)]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "metrics")]
pub mod metrics;

pub use executor_core::{
    AbortOnDrop, AsCompleted, Backtrace, Broken, BuildError, Call, Cancelled, Canceller, ClosureExecutor,
    ClosureMapper, CodecError, Crashed, Dump, Event, Executor, Exit, Failed, Frame, Future, Helper, Histogram,
    Insights, Job, JobError, JobId, JobOptions, JobOutcome, JobSet, Label, Map, Mapper, NotMeasured, OwnedArguments,
    Panicked, Pool, Portable, PortableJob, Priority, Promise, QueueLimit, Recording, Refused, Rejected, Rejection,
    RemoteError, Saved, Saving, Shutdown, ShutdownPolicy, ShutdownReport, ShutdownStep, SlowJob, Stall, Stats, Status,
    TimedOut, Unordered, Until, Waited, WhenFull, WorkTimes, WorkerStats, as_completed, call, current, join_all,
    promise, try_join_all, wait, wait_timeout,
};
#[cfg(all(
    feature = "log",
    feature = "process",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub use executor_process::forward_logs;
#[cfg(all(
    feature = "tracing",
    feature = "process",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub use executor_process::forward_traces;
#[cfg(all(feature = "process", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use executor_process::{
    AsPart, Blob, CallMapper, CastError, Codec, Duplex, Manager, Messages, Outcomes, OutputLine, OutputStream, Plain,
    Process, ProcessBuilder, ProcessHandle, ProcessPool, ProcessPoolBuilder, Receiver, RecvError, SendError, Sender,
    Shared, SharedSlice, SpawnError, SubmitPortable, channel, channel_with, duplex, duplex_with, manager, os_str,
    queue,
};
pub use executor_thread::{
    Period, Periodic, Scope, ScopedFuture, SubmitAsync, ThreadHandle, ThreadPool, ThreadPoolBuilder,
};
#[cfg(feature = "rayon")]
pub use executor_thread::{RayonHandle, RayonPool, RayonPoolBuilder};

/// Parts for writing an executor: what the pools are made of.
///
/// - [`cell`](extend::cell): the one allocation that a queue and a future share;
/// - [`scheduler`](extend::scheduler): a queue with workers, which run jobs as your [`Runner`](extend::scheduler::Runner) says;
/// - [`queue_id`](extend::queue_id), [`registry`](extend::registry) and [`job_counters`](extend::job_counters): the queue that a job
///   waits in, and the counters of its outcome;
/// - [`observe`](extend::observe): the jobs of a measured pool that run, and each of them when it has run;
/// - [`wrap`](extend::wrap): code around jobs, with a context that is captured where each job is submitted;
/// - [`dump`](extend::dump): the parts of a report of what a pool is doing;
/// - [`drive`](extend::drive): waits of threads that run the executor themselves;
/// - [`fork`](extend::fork): whether this process is a fork of the one that made something;
/// - [`remote`](extend::remote): jobs and outcomes as bytes, to run jobs on other hosts;
/// - [`bytes`](extend::bytes) and [`panics`](extend::panics): one place for each that needs care.
pub mod extend {
    #[cfg(feature = "tracing")]
    pub use executor_core::trace;
    pub use executor_core::{
        JobName, JobPath, OptionValues, bytes, cell, drive, dump, job_counters, observe, panics, queue_id, registry,
        spin, wrap,
    };
    #[cfg(all(feature = "process", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub use executor_process::remote;
    pub use executor_thread::{fork, scheduler};
}

// Rustdoc sets `doc` for documentation tests, too.
#[cfg(all(doc, not(doctest)))]
pub mod examples;
#[cfg(all(any(doc, doctest), feature = "process", feature = "rayon"))]
mod pages;
#[cfg(all(any(doc, doctest), feature = "process", feature = "rayon"))]
pub use pages::*;
