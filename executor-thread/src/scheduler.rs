//! A queue with workers, for authors of executors who need another kind of worker.
//!
//! A [`Scheduler`] is a queue and up to `workers` threads. Each thread owns a [`Runner`], which brings jobs to their outcome. The runner
//! of a thread pool runs the job on the thread. The runner of a process pool sends the job to its child process.
//!
//! A thread starts only when a job is queued and no thread is idle, and ends when it has been idle for some time. The README beside this
//! module explains how the scheduler works, and why it is right.
//!
//! ```
//! use std::sync::{Arc, mpsc};
//! use executor::{JobError, extend::{cell::{Captures, Notify}, queue_id::QueueId, scheduler::{Batch, Config, Priority, Queued, Runner, Scheduler}}};
//!
//! struct Number(u32);
//! impl Queued for Number {
//!     fn fail(self, _: JobError) -> Option<Notify> { None }
//!     fn is_waiting(&self) -> bool { true }
//!     fn queue_id(&self) -> Option<QueueId> { None }
//!     fn move_to(&self, _: QueueId) -> bool { true }
//! }
//!
//! struct Adder(mpsc::Sender<u32>);
//! impl Runner for Adder {
//!     type Job = Number;
//!     fn run(&mut self, job: Number, _: &mut Batch<'_, Number>) -> bool {
//!         self.0.send(job.0 + 1).unwrap();
//!         true
//!     }
//! }
//!
//! let (results, sums) = mpsc::channel();
//! let scheduler = Scheduler::new(Config::new("adder", 1), move |_name| Adder(results.clone()));
//! assert!(scheduler.push(Priority::Normal, Number(41)).is_ok());
//! assert_eq!(sums.recv()?, 42);
//! scheduler.shutdown(true);
//! # Ok::<(), mpsc::RecvError>(())
//! ```

mod batch;
mod callback_queue;
mod callbacks;
mod caller_runs;
mod config;
mod counting;
mod delay;
mod dump;
mod ending;
mod extra;
mod handle;
mod hooks;
mod host;
mod identity;
mod inbox;
mod lanes;
mod lendable;
mod lending;
mod limits;
mod locked;
#[cfg(all(test, loom))]
mod loom_models;
mod mailboxes;
#[cfg(test)]
mod number;
#[cfg(test)]
mod owned;
mod periodic;
mod push;
mod queued;
mod registry;
mod runner;
mod shared;
#[cfg(all(test, shuttle))]
mod shuttle_tests;
mod slots;
mod stall;
mod stall_watch;
mod state;
mod stops;
mod supply;
mod sync;
mod threads;
mod timer;
mod tombstones;
#[cfg(feature = "rayon")]
mod turn;
mod waiters;
mod worker;
mod worker_state;
mod workers;

pub use executor_core::Priority;

pub use self::batch::Batch;
pub use self::config::Config;
pub use self::handle::Scheduler;
pub use self::hooks::Hooks;
pub(crate) use self::limits::RunLimit;
pub use self::limits::{StartLimit, StartTimer};
pub use self::periodic::{Period, Periodic, Schedule};
pub use self::push::{PushFuture, Way};
pub use self::queued::{Queued, TimerEvent};
pub use self::runner::{Lent, LentRun, Runner, Stop};
pub use self::shared::Pushed;
#[cfg(feature = "rayon")]
pub(crate) use self::supply::Supply;
#[cfg(feature = "rayon")]
pub(crate) use self::threads::cure;
pub use self::waiters::WaitToken;
