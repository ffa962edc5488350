//! An executor that runs a job when it is told to, on virtual time.

mod builder;
mod clock;
mod driving;
mod inside;
mod lanes;
mod own_thread;
mod room;
mod shared;
mod submit;
mod view;

use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::{JobError, JobId, JobOptions, ShutdownPolicy, ShutdownReport, Stats};

pub use builder::ManualExecutorBuilder;
use shared::Shared;
use submit::submits_jobs;
pub use view::ManualView;

/// Runs jobs when it is told to, one at a time, on the thread that tells it, and on a clock that moves when it is told to.
///
/// It is a [`ClosureExecutor`](executor_core::ClosureExecutor) and an [`Executor`](executor_core::Executor) of every job, so in tests it
/// stands in for a `ThreadPool` in code that is generic over what runs its jobs. Such a test takes no time, whatever delays, time limits and
/// shutdowns are in it, and does the same each time it is run.
///
/// | to | see |
/// |---|---|
/// | run jobs | [`run_next`](Self::run_next), [`run_until_idle`](Self::run_until_idle), [`run_nth`](Self::run_nth), [`fail_next`](Self::fail_next) |
/// | let time pass | [`advance`](Self::advance), and [`elapse`](Self::elapse), which a job calls that takes time |
/// | look | [`now`](Self::now), [`pending`](Self::pending), [`delayed`](Self::delayed), [`next_due`](Self::next_due), [`stats`](Self::stats) |
/// | try other orders | [`seeded`](Self::seeded) |
/// | end it | [`shutdown`](Self::shutdown), [`shutdown_with`](Self::shutdown_with), [`wait_idle`](Self::wait_idle) |
///
/// # Waiting
///
/// The thread that made the executor drives it, and so does each thread that has told it to run a job. If such a thread waits for a
/// [`Future`](executor_core::Future), a set of them or an [`Event`](executor_core::Event), in a job or not, no other thread would run the
/// job that it waits for. So the wait runs jobs. A wait without a time limit for a queued job runs this job, before those ahead of it; any
/// other wait runs one job after the other, and lets time pass when no job is left. If a wait is only for jobs of this executor, its limit
/// is in virtual time. A wait that can never end panics and says so. Other threads wait until the job was run, as with any executor.
///
/// One thing needs threads: two jobs that are to run at the same time, each waiting for the other to do something. Dropping it is
/// `shutdown(true)`; on a thread that panics, jobs that have not started are cancelled instead.
///
/// ```
/// use std::time::Duration;
/// use executor_core::{ClosureExecutor, Future, JobError};
/// use executor_testkit::ManualExecutor;
///
/// // The code under test: it does not know what runs its jobs.
/// fn remind(executor: &impl ClosureExecutor) -> Future<&'static str> {
///     executor.submit_after(Duration::from_secs(3600), || "time for tea")
/// }
///
/// let manual = ManualExecutor::new();
/// let reminder = remind(&manual);
/// manual.advance(Duration::from_secs(3599));
/// assert!(!reminder.is_done());
/// manual.advance(Duration::from_secs(1));
/// assert_eq!(reminder.result()?, "time for tea");
/// # Ok::<(), JobError>(())
/// ```
pub struct ManualExecutor {
    shared: Arc<Shared>,
}

/// Submits to a [`ManualExecutor`], and drives it, without keeping it open: when the executor is gone, jobs are rejected. Cheap to clone.
#[derive(Clone)]
pub struct ManualHandle {
    shared: Arc<Shared>,
}

submits_jobs!(ManualExecutor, ManualHandle, |this, way, job| view::submit(&this.shared, &JobOptions::new(), way, job));
submits_jobs!(ManualHandle, ManualHandle, |this, way, job| view::submit(&this.shared, &JobOptions::new(), way, job));
submits_jobs!(ManualView, ManualView, |this, way, job| this.submit_job(way, job), |this| this.options.get_timeout());

impl ManualExecutor {
    /// Jobs start in the order in which they were submitted, the more urgent first. This thread drives it.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// The next job is chosen as `seed` has it: in any order that a pool of several workers could start them in. The same seed and the same
    /// calls bring the same order.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use executor_testkit::ManualExecutor;
    ///
    /// let order = |seed| {
    ///     let (manual, (ran, order)) = (ManualExecutor::seeded(seed), mpsc::channel());
    ///     for n in 0..20 {
    ///         let ran = ran.clone();
    ///         manual.execute(move || ran.send(n).unwrap());
    ///     }
    ///     drop((manual, ran));
    ///     order.iter().collect::<Vec<u32>>()
    /// };
    /// assert_eq!(order(1), order(1));
    /// assert_ne!(order(1), order(2));
    /// ```
    pub fn seeded(seed: u64) -> Self {
        Self::builder().seed(seed).build()
    }

    /// Settings first, then [`build`](ManualExecutorBuilder::build).
    pub fn builder() -> ManualExecutorBuilder {
        ManualExecutorBuilder::default()
    }

    /// A handle, for a submitter that does not own the executor.
    pub fn handle(&self) -> ManualHandle {
        ManualHandle { shared: self.shared.clone() }
    }
}

impl ManualHandle {
    /// Another handle to the same executor.
    pub fn handle(&self) -> ManualHandle {
        self.clone()
    }
}

impl ManualView {
    /// Another view of the same executor, with the same options.
    pub fn handle(&self) -> ManualView {
        self.clone()
    }
}

/// The methods that the executor and its handle share.
macro_rules! is_driven {
    ($executor:ident) => {
        impl $executor {
            /// A view of the executor whose jobs have `options`: a priority, a name, a delay, or limits in virtual time.
            ///
            /// ```
            /// use std::time::Duration;
            /// use executor_core::{JobError, JobOptions, current};
            /// use executor_testkit::ManualExecutor;
            ///
            /// let manual = ManualExecutor::new();
            /// let strict = manual.with(JobOptions::new().name("poll").timeout(Duration::from_secs(5)));
            /// let handle = manual.handle();
            /// let slow = strict.submit(move || {
            ///     handle.elapse(Duration::from_secs(6)); // it takes so long
            ///     assert!(current::stop_requested());
            /// });
            /// assert_eq!(slow.result().unwrap_err().to_string(),
            ///            "job `poll` was not done within 5s; give it more time, or less to do");
            /// ```
            pub fn with(&self, options: JobOptions) -> ManualView {
                ManualView { shared: self.shared.clone(), options }
            }

            /// Runs the next job. False if none is queued.
            pub fn run_next(&self) -> bool {
                self.shared.driven_here();
                self.shared.run_one(None)
            }

            /// Runs the job that is number `n` of [`pending`](Self::pending), whatever is before it. False if there are no more than `n`.
            pub fn run_nth(&self, n: usize) -> bool {
                self.shared.driven_here();
                self.shared.run_one(Some(n))
            }

            /// Ends the next job with `error`, without running it. False if none is queued.
            pub fn fail_next(&self, error: JobError) -> bool {
                self.shared.fail_one(error)
            }

            /// Runs jobs until none is queued, those included that they submit. Says how many it was. Time stands still meanwhile, except
            /// for what jobs [let pass](Self::elapse).
            pub fn run_until_idle(&self) -> usize {
                self.shared.driven_here();
                self.shared.run_until_idle()
            }

            /// Lets `length` of time pass: runs what is queued, then goes to each time at which something is due, in order, and runs what is
            /// queued by then. Says how many jobs it ran. Inside of a job, call [`elapse`](Self::elapse): the one worker has no time for
            /// others.
            ///
            /// ```
            /// use std::time::Duration;
            /// use executor_testkit::ManualExecutor;
            ///
            /// let manual = ManualExecutor::new();
            /// let start = manual.now();
            /// let handle = manual.handle();
            /// let when = manual.submit_after(Duration::from_secs(60), move || handle.now());
            /// assert_eq!(manual.advance(Duration::from_secs(3600)), 1);
            /// assert_eq!(when.result()?, start + Duration::from_secs(60));
            /// assert_eq!(manual.now(), start + Duration::from_secs(3600));
            /// # Ok::<(), executor_core::JobError>(())
            /// ```
            pub fn advance(&self, length: Duration) -> usize {
                self.shared.driven_here();
                self.shared.advance(length)
            }

            /// Lets `length` of time pass and runs nothing, as if every worker were busy: delayed jobs are queued when they are due, and
            /// time limits end what has run or waited for too long. A job that takes time calls it.
            pub fn elapse(&self, length: Duration) {
                self.shared.elapse(length);
            }

            /// The jobs that are queued: the more urgent first, and of one priority those that came first.
            pub fn pending(&self) -> Vec<JobId> {
                self.shared.pending_ids()
            }

            /// How many jobs wait for their time.
            pub fn delayed(&self) -> usize {
                self.shared.lock().clock.delayed()
            }

            /// When something happens next, if nothing is run before: a delayed job is queued, or a time limit is up.
            pub fn next_due(&self) -> Option<Instant> {
                let mut off = Vec::new();
                let due = self.shared.lock().clock.next_due(&mut off);
                drop(off);
                due
            }

            /// Runs everything that was accepted, delayed jobs at their time. The executor stays open. Inside of a job or callback of
            /// this executor, does nothing.
            pub fn wait_idle(&self) {
                self.shared.drain();
            }

            /// Returns what it is doing and how its jobs ended so far.
            pub fn stats(&self) -> Stats {
                self.shared.stats()
            }

            /// Shuts down as `policy` says, with its limit in virtual time, and tells what became of the jobs that there were. Runs what the
            /// policy leaves on this thread.
            ///
            /// ```
            /// use std::time::Duration;
            /// use executor_core::ShutdownPolicy;
            /// use executor_testkit::ManualExecutor;
            ///
            /// let manual = ManualExecutor::new();
            /// let soon = manual.submit_after(Duration::from_secs(60), || ());
            /// let late = manual.submit_after(Duration::from_secs(7200), || ());
            /// let report = manual.shutdown_with(ShutdownPolicy::drain().within(Duration::from_secs(3600)));
            /// assert_eq!(report.to_string(), "1 completed, 0 failed, 1 cancelled, 0 still running");
            /// assert!(soon.result().is_ok() && late.is_cancelled());
            /// ```
            pub fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
                self.shared.shutdown_with(policy)
            }

            /// From now on a thread of its own runs the jobs, one at a time, by the world's clock, and others go on in its place while jobs
            /// wait: it is an executor like any other, and threads that wait for its jobs do not run them. Time that is let pass by
            /// [`elapse`](Self::elapse) comes on top.
            pub fn run_on_thread(&self) {
                self.shared.run_on_thread();
            }
        }
    };
}

is_driven!(ManualExecutor);
is_driven!(ManualHandle);

impl Default for ManualExecutor {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for ManualExecutor {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.close();
            self.shared.stop();
        }
        self.shutdown(true);
    }
}
