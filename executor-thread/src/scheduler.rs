//! Hands jobs to workers. For those who want another kind of worker.
//!
//! A [`Scheduler`] owns a queue and up to `workers` threads. Each thread owns a [`Runner`], which says what the worker does
//! with a job: a thread pool's runs it in place, a process pool's sends it to the child process that it owns.
//!
//! Threads start on demand, only when no idle one can take the job. One lock guards the queue and the counts, so the
//! hard questions have one answer each: a submit that races a shutdown is either in the queue, and drained, or refused;
//! a push either finds an idle worker to wake, or starts one, or knows that one will look at the queue again. No user's
//! code runs under that lock.
//!
//! ```
//! use std::sync::{Arc, mpsc};
//! use executor_core::JobError;
//! use executor_thread::scheduler::{Batch, Config, Queued, Runner, Scheduler};
//!
//! struct Number(u32);
//! impl Queued for Number {
//!     fn fail(self, _: JobError) {}
//!     fn has_ended(&self) -> bool { false }
//! }
//!
//! struct Adder(mpsc::Sender<u32>);
//! impl Runner for Adder {
//!     type Job = Number;
//!     fn run(&mut self, job: Number, _: &mut Batch<'_, Number>) {
//!         self.0.send(job.0 + 1).unwrap();
//!     }
//! }
//!
//! let (results, sums) = mpsc::channel();
//! let scheduler = Scheduler::new(Config::new("adder", 1), move |_name| Adder(results.clone()));
//! assert!(scheduler.push(Number(41)).is_ok());
//! assert_eq!(sums.recv()?, 42);
//! scheduler.shutdown(true);
//! # Ok::<(), mpsc::RecvError>(())
//! ```

mod delay;
mod state;
mod worker;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Instant;

use executor_core::cell::{Control, Run, Task};
use executor_core::{JobError, Rejection};

#[cfg(feature = "rayon")]
pub(crate) use self::delay::Delayed;
use self::state::Shared;
#[cfg(feature = "rayon")]
pub(crate) use self::state::fail_all;
pub use self::worker::Batch;

/// What a worker owns, and does with a job. Made, used and dropped on its worker's thread.
pub trait Runner {
    /// What waits in the queue.
    type Job: Queued;

    /// Brings a job to its outcome. Should it panic, the worker goes on with a new runner.
    ///
    /// With `batch` it can take a few more jobs at once, for each of which it is then responsible in the same way.
    fn run(&mut self, job: Self::Job, batch: &mut Batch<'_, Self::Job>);
}

/// What a scheduler must be able to do with a job itself.
pub trait Queued: Send + 'static {
    /// Ends a job that no worker can take.
    fn fail(self, error: JobError);

    /// Whether it has ended while it waited: it was cancelled.
    fn has_ended(&self) -> bool;
}

impl Queued for Arc<dyn Run> {
    fn fail(self, error: JobError) {
        Control::fail(&*self, error);
    }

    fn has_ended(&self) -> bool {
        self.status().is_done()
    }
}

impl<P: 'static, O: 'static> Queued for Arc<dyn Task<P, O>> {
    fn fail(self, error: JobError) {
        Control::fail(&*self, error);
    }

    fn has_ended(&self) -> bool {
        self.status().is_done()
    }
}

/// The settings of a [`Scheduler`].
#[derive(Clone, Debug)]
pub struct Config {
    /// The workers' threads are called this and a number: `name-0`.
    pub name: Arc<str>,
    /// How many jobs run at once.
    pub workers: usize,
    /// The stack of a worker's thread, in bytes. `None` leaves it to the standard library (2 MiB, or `RUST_MIN_STACK`).
    pub stack_size: Option<usize>,
}

impl Config {
    /// Up to `workers` threads called `name-0`, `name-1`, and so on, each with a stack of the usual size.
    pub fn new(name: impl Into<Arc<str>>, workers: usize) -> Self {
        Self { name: name.into(), workers, stack_size: None }
    }
}

/// A queue of jobs and the workers that run them. Dropping it is [`shutdown(true)`](Scheduler::shutdown).
pub struct Scheduler<R: Runner> {
    shared: Arc<Shared<R>>,
}

impl<R: Runner + 'static> Scheduler<R> {
    /// A scheduler with no thread yet. `make` makes the runner of each worker, on the worker's thread, from its name.
    pub fn new(config: Config, make: impl Fn(&Arc<str>) -> R + Send + Sync + 'static) -> Self {
        Self { shared: Arc::new(Shared::new(config, Box::new(make))) }
    }

    /// Puts a job at the end of the queue. Never blocks.
    ///
    /// # Errors
    ///
    /// The job, after [`shutdown`](Scheduler::shutdown).
    pub fn push(&self, job: R::Job) -> Result<(), (R::Job, Rejection)> {
        self.shared.push(job)
    }

    /// Puts a job in the queue at the time `when`. A shutdown waits for it.
    ///
    /// # Errors
    ///
    /// The job, after [`shutdown`](Scheduler::shutdown).
    pub fn push_at(&self, when: Instant, job: R::Job) -> Result<(), (R::Job, Rejection)> {
        self.shared.push_at(when, job)
    }

    /// Whether jobs are still accepted.
    pub fn is_open(&self) -> bool {
        self.shared.is_open()
    }

    /// How many jobs run at once.
    pub fn workers(&self) -> usize {
        self.shared.config.workers
    }

    /// Accepts no more jobs, and ends each worker when the queue is empty.
    ///
    /// With `wait`, returns when the last thread is gone; but not on a worker of this very scheduler, which cannot wait
    /// for itself.
    pub fn shutdown(&self, wait: bool) {
        self.shared.shutdown(wait);
    }

    /// Pushes to the same queue without keeping the scheduler alive.
    pub fn handle(&self) -> Handle<R> {
        Handle { shared: Arc::downgrade(&self.shared), workers: self.workers() }
    }
}

impl<R: Runner> Drop for Scheduler<R> {
    fn drop(&mut self) {
        self.shared.shutdown(true);
    }
}

impl<R: Runner> fmt::Debug for Scheduler<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

/// Pushes to a [`Scheduler`] without keeping it alive.
pub struct Handle<R: Runner> {
    shared: Weak<Shared<R>>,
    workers: usize,
}

impl<R: Runner + 'static> Handle<R> {
    /// As [`Scheduler::push`].
    ///
    /// # Errors
    ///
    /// The job, when the scheduler is shut down or gone.
    pub fn push(&self, job: R::Job) -> Result<(), (R::Job, Rejection)> {
        match self.shared.upgrade() {
            Some(shared) => shared.push(job),
            None => Err((job, Rejection::Shutdown)),
        }
    }

    /// As [`Scheduler::push_at`].
    ///
    /// # Errors
    ///
    /// The job, when the scheduler is shut down or gone.
    pub fn push_at(&self, when: Instant, job: R::Job) -> Result<(), (R::Job, Rejection)> {
        match self.shared.upgrade() {
            Some(shared) => shared.push_at(when, job),
            None => Err((job, Rejection::Shutdown)),
        }
    }

    /// As [`Scheduler::is_open`].
    pub fn is_open(&self) -> bool {
        self.shared.upgrade().is_some_and(|shared| shared.is_open())
    }

    /// As [`Scheduler::workers`].
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// As [`Scheduler::shutdown`].
    pub fn shutdown(&self, wait: bool) {
        if let Some(shared) = self.shared.upgrade() {
            shared.shutdown(wait);
        }
    }
}

impl<R: Runner> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), workers: self.workers }
    }
}

impl<R: Runner> fmt::Debug for Handle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("workers", &self.workers).finish_non_exhaustive()
    }
}
