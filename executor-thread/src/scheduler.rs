//! Hands jobs to workers. For those who want another kind of worker.
//!
//! A [`Scheduler`] owns a queue and up to `workers` threads. Each thread owns a [`Runner`], which says what the worker does
//! with a job: a thread pool's runs it in place, a process pool's sends it to the child process that it owns.
//!
//! Threads start on demand, only when no idle one can take the job, and end when they have been idle for long. How it works, and
//! why it is right, is in the README beside this module.
//!
//! ```
//! use std::sync::{Arc, mpsc};
//! use executor_core::JobError;
//! use executor_core::cell::{Captures, Notify};
//! use executor_core::home::HomeId;
//! use executor_thread::scheduler::{Batch, Config, Priority, Queued, Runner, Scheduler};
//!
//! struct Number(u32);
//! impl Queued for Number {
//!     fn fail(self, _: JobError) -> Option<Notify> { None }
//!     fn is_waiting(&self) -> bool { true }
//!     fn home(&self) -> Option<HomeId> { None }
//!     fn move_to(&self, _: HomeId) -> bool { true }
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
mod callbacks;
mod config;
mod counting;
mod dead;
mod debug;
mod delay;
mod ending;
mod guest;
mod hooks;
mod lanes;
#[cfg(all(test, loom))]
mod loom_models;
mod members;
#[cfg(test)]
mod number;
mod queued;
mod room;
mod shared;
#[cfg(all(test, shuttle))]
mod shuttle_tests;
mod state;
mod stops;
mod sync;
mod threads;
mod timer;
mod waiters;
mod worker;

use std::sync::{Arc, Weak};
use std::time::Instant;

use executor_core::cell::{Captures, Notify};
use executor_core::home::HomeId;
use executor_core::tally::Tally;
use executor_core::{Future, JobError, Rejection, ShutdownPolicy, ShutdownReport};

pub use self::batch::Batch;
pub use self::config::Config;
#[cfg(feature = "rayon")]
pub(crate) use self::delay::{Delayed, Due};
pub use self::hooks::Hooks;
#[cfg(feature = "rayon")]
pub(crate) use self::lanes::Lanes;
pub use self::queued::{Alarm, Queued};
use self::shared::Shared;
#[cfg(feature = "rayon")]
pub(crate) use self::threads::{cure, fail_all};
pub use self::waiters::Ticket;
use crate::fork::Origin;
pub use crate::limits::{StartAlarm, StartLimit};
pub use crate::periodic::Rounds;
pub use crate::push::{Fill, Line, Push, Pushed, push_until, time_after};
pub use executor_core::Priority;

/// What a worker owns, and does with a job. Made, used and dropped on its worker's thread.
pub trait Runner {
    /// What waits in the queue.
    type Job: Queued;

    /// Brings a job to its outcome. False if it had ended before it could be claimed. Should it panic, the worker goes on
    /// with a new runner.
    ///
    /// With `batch` it can take a few more jobs at once, for each of which it is then responsible in the same way.
    fn run(&mut self, job: Self::Job, batch: &mut Batch<'_, Self::Job>) -> bool;

    /// Prepares for jobs that may come. Called by [`prestart`](Scheduler::prestart), while there is nothing else to do.
    fn begin(&mut self) {}

    /// What ends a job that it runs, from another thread. Asked once, before anything else. `None` where jobs can only be asked to stop.
    fn stop(&self) -> Option<Arc<dyn Stop>> {
        None
    }
}

/// Ends what a runner does, for a shutdown that kills.
pub trait Stop: Send + Sync {
    /// Ends the jobs that it was given and has not begun, as [`JobError::Cancelled`], and those that it is given from now on. Called by any
    /// thread, on all that there are before any of them is to [`stop`](Stop::stop).
    fn revoke(&self) {}

    /// Ends the job that it runs, and those that it is given from now on, as [`JobError::Cancelled`]. Called by any thread.
    fn stop(&self);
}

/// A queue of jobs and the workers that run them. Dropping it is [`shutdown(true)`](Scheduler::shutdown).
pub struct Scheduler<R: Runner + 'static> {
    shared: Arc<Shared<R>>,
    /// Whether its drop blocks.
    waits: bool,
}

/// Pushes to a [`Scheduler`] without keeping it alive: when it is gone, jobs come back.
pub struct Handle<R: Runner> {
    shared: Weak<Shared<R>>,
    origin: Origin,
    workers: usize,
    queue: HomeId,
    delay: HomeId,
    tally: Arc<Tally>,
}

impl<R: Runner + 'static> Scheduler<R> {
    /// A scheduler with no thread yet. `make` makes the runner of each worker, on the worker's thread, from its name.
    pub fn new(config: Config, make: impl Fn(&Arc<str>) -> R + Send + Sync + 'static) -> Self {
        Self { shared: Shared::new(config, Box::new(make)), waits: true }
    }

    /// Lets go of it as [`shutdown(false)`](Scheduler::shutdown) does: what was accepted runs on, and the threads end after it.
    pub fn detach(mut self) {
        self.waits = false;
    }

    /// Pushes to the same queue without keeping the scheduler alive.
    pub fn handle(&self) -> Handle<R> {
        Handle {
            shared: Arc::downgrade(&self.shared),
            origin: self.shared.origin,
            workers: self.workers(),
            queue: self.queue(),
            delay: self.delay(),
            tally: self.shared.tally.clone(),
        }
    }

    /// How many jobs run at once.
    pub fn workers(&self) -> usize {
        self.shared.config.workers
    }

    /// The home of queued jobs: make those that are pushed there.
    pub fn queue(&self) -> HomeId {
        self.shared.queue.id()
    }

    /// The home of delayed jobs: make those that are pushed by [`push_at`](Scheduler::push_at) there.
    pub fn delay(&self) -> HomeId {
        self.shared.delay.id()
    }

    /// `None` in a process that was forked from its own: there, nobody serves it, and its locks may be held for ever.
    fn shared(&self) -> Option<&Arc<Shared<R>>> {
        self.shared.origin.is_here().then_some(&self.shared)
    }

    /// Why nothing is accepted where there is nobody to serve it.
    fn absence(&self) -> Rejection {
        self.shared.origin.absence()
    }
}

impl<R: Runner + 'static> Handle<R> {
    /// Another handle to the same queue.
    pub fn handle(&self) -> Self {
        self.clone()
    }

    /// As [`Scheduler::workers`].
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// As [`Scheduler::queue`].
    pub fn queue(&self) -> HomeId {
        self.queue
    }

    /// As [`Scheduler::delay`].
    pub fn delay(&self) -> HomeId {
        self.delay
    }

    fn shared(&self) -> Option<Arc<Shared<R>>> {
        if self.origin.is_here() { self.shared.upgrade() } else { None }
    }

    fn absence(&self) -> Rejection {
        self.origin.absence()
    }
}

/// Pushes a job, unless the scheduler is gone.
fn pushed<S, J>(
    shared: Option<S>,
    absence: impl FnOnce() -> Rejection,
    job: J,
    push: impl FnOnce(S, J) -> Result<(), (J, Rejection)>,
) -> Result<(), (J, Rejection)> {
    match shared {
        Some(shared) => push(shared, job),
        None => Err((job, absence())),
    }
}

/// What a scheduler and its handle both do.
macro_rules! takes_jobs {
    ($of:ident) => {
        impl<R: Runner + 'static> $of<R> {
            /// Puts a job in the queue at the time `when`, full or not. A shutdown waits for it. Never blocks.
            ///
            /// # Errors
            ///
            /// The job, after a shutdown.
            pub fn push_at(&self, when: Instant, priority: Priority, job: R::Job) -> Result<(), (R::Job, Rejection)> {
                pushed(self.shared(), || self.absence(), job, |shared, job| shared.push_at(when, priority, job))
            }

            /// Rings `alarm` at the time `when`, unless everything has ended by then. A shutdown does not wait for it. Never
            /// blocks.
            pub fn push_alarm(&self, when: Instant, alarm: Box<dyn Alarm>) {
                if let Some(shared) = self.shared() {
                    shared.push_alarm(when, alarm);
                }
            }

            /// Tells that an alarm was called off, so that what it holds can be dropped before its time.
            pub fn called_off(&self) {
                if let Some(shared) = self.shared() {
                    shared.fell_silent();
                }
            }

            /// Starts the workers that have not been started, and has each [`begin`](Runner::begin).
            pub fn prestart(&self) {
                if let Some(shared) = self.shared() {
                    shared.prestart();
                }
            }

            /// Gives each worker a job of its own, which it runs before any other. All are started first. The jobs must be made at
            /// the home [`delay`](Self::delay), so that none runs in the place of another worker.
            ///
            /// # Errors
            ///
            /// After a shutdown; then `job` was not called.
            pub fn broadcast(&self, job: impl FnMut() -> R::Job) -> Result<(), Rejection> {
                self.shared().map_or_else(|| Err(self.absence()), |shared| shared.broadcast(job))
            }

            /// Blocks until nothing is queued, delayed or running, until `deadline` at most. Says whether it came to that. Jobs that wait for their
            /// time and that a shutdown [would cancel](Self::push_until_shutdown) do not count. On a thread of this very scheduler it does not
            /// wait.
            pub fn wait_idle(&self, deadline: Option<Instant>) -> bool {
                self.shared().is_none_or(|shared| shared.wait_idle(deadline))
            }

            /// A future that ends when the scheduler is shut down and its last worker is done.
            pub fn closed(&self) -> Future<()> {
                self.shared().map_or_else(|| Future::ready(()), |shared| shared.closed())
            }

            /// Shuts down as `policy` says, and tells what became of the jobs. Blocks as long as that says; but not on a thread of
            /// this very scheduler.
            pub fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
                self.shared().map_or_else(ShutdownReport::default, |shared| shared.shutdown_with(policy))
            }

            /// As `push_at`, but a shutdown does not wait for the job: if its time has not come, it ends as
            /// [`JobError::Cancelled`].
            ///
            /// # Errors
            ///
            /// The job, after a shutdown.
            pub fn push_until_shutdown(
                &self,
                when: Instant,
                priority: Priority,
                job: R::Job,
            ) -> Result<(), (R::Job, Rejection)> {
                pushed(
                    self.shared(),
                    || self.absence(),
                    job,
                    |shared, job| shared.push_delayed(when, priority, job, true),
                )
            }

            /// Closes it for good, because it cannot work any more: everything that is queued or delayed ends with `error`, and so does what
            /// a runner [gives back](Batch::give_back) later. Later pushes are refused as [`Rejection::Broken`]. What runs goes on, and the
            /// threads end as after a shutdown. Of several errors, the first stays. Never blocks; callbacks run as [`call_back`](Self::call_back) does.
            pub fn break_down(&self, error: JobError) {
                if let Some(shared) = self.shared() {
                    shared.break_down(error);
                }
            }

            /// As [`Batch::give_back`], on any thread, while the runner that took the job is still in its `run`.
            pub fn give_back(&self, job: R::Job, priority: Priority) {
                match self.shared() {
                    Some(shared) => shared.give_back(None, job, priority),
                    None => drop(job.fail(JobError::Rejected(self.absence()))),
                }
            }

            /// Fires `notify`, a callback on a thread that is there for callbacks alone: one after the other, each as slow as it likes. Anything
            /// else is fired here and now. Never blocks. The thread starts when it is needed, and ends when it has been idle for as long as a
            /// worker may be. A shutdown waits for it; one that a callback calls does not.
            pub fn call_back(&self, notify: Notify) {
                match self.shared() {
                    Some(shared) => shared.call_back(notify),
                    None => notify.fire(),
                }
            }

            /// Drops what a job had captured that ended without running, on a thread that is there for such drops alone. Never blocks. As with
            /// [`call_back`](Self::call_back), a shutdown waits for the thread.
            pub fn drop_aside(&self, captures: Captures) {
                match self.shared() {
                    Some(shared) => shared.drop_aside(captures),
                    None => drop(captures),
                }
            }

            /// Why no job is accepted any more. `None` while they are.
            pub fn refusal(&self) -> Option<Rejection> {
                self.shared().map_or_else(|| Some(self.absence()), |shared| shared.refusal())
            }

            /// Whether jobs are still accepted.
            pub fn is_open(&self) -> bool {
                self.shared().is_some_and(|shared| shared.is_open())
            }

            /// Accepts no more jobs, and ends each worker when the queue is empty.
            ///
            /// With `wait`, returns when the last thread is gone; but not on a thread of this very scheduler, which
            /// cannot wait for itself.
            pub fn shutdown(&self, wait: bool) {
                if let Some(shared) = self.shared() {
                    shared.shutdown(wait);
                }
            }
        }
    };
}

takes_jobs!(Scheduler);
takes_jobs!(Handle);

impl<R: Runner + 'static> Drop for Scheduler<R> {
    fn drop(&mut self) {
        match self.shared() {
            Some(shared) => shared.shutdown(self.waits),
            // Whatever it holds is the business of the process that made it.
            None => std::mem::forget(Arc::clone(&self.shared)),
        }
    }
}

impl<R: Runner> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), tally: self.tally.clone(), ..*self }
    }
}
