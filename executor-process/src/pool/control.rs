//! Operations on a pool as a whole: warm-up, waiting until it is idle, shutdown.

use std::time::{Duration, Instant};

use executor_core::{Future, JobOptions, Pool, PortableJob, Rejection, ShutdownPolicy, ShutdownReport, Stats};

use crate::pool::handle::ProcessHandle;
use crate::pool::submit::Submitter;

impl ProcessHandle {
    /// A handle whose jobs have `options`, in place of those of this handle. It can do whatever this one can.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{JobError, JobOptions, ProcessPool, call};
    ///
    /// fn wait_for_input() { std::thread::park() }
    ///
    /// let pool = ProcessPool::new(1)?;
    /// let _busy = pool.submit(call!(wait_for_input())).abort_on_drop();
    /// let hasty = pool.with(JobOptions::new().name("poll").start_by(Duration::from_millis(5)));
    /// let error = hasty.submit(call!(u32::pow(2, 5))).result().unwrap_err();
    /// assert_eq!(error.to_string(), "job `poll` did not start within 5 ms; raise the limit or add workers");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with(&self, options: JobOptions) -> ProcessHandle {
        Self(Submitter { options, ..self.0.clone() })
    }

    /// The options that jobs get here: none but for what [`with`](Self::with) has made.
    pub fn options(&self) -> &JobOptions {
        &self.0.options
    }

    /// Starts the worker processes that are not there, so that the first jobs need not wait for that. Does not wait for them.
    ///
    /// ```
    /// use executor::ProcessPool;
    ///
    /// let pool = ProcessPool::new(2)?;
    /// pool.prestart();
    /// while pool.pids().len() < 2 {
    ///     std::thread::yield_now();
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prestart(&self) {
        self.0.scheduler.prestart();
    }

    /// Runs `job` once in each worker process, before its other jobs, and returns a future for each: to warm caches, or to load
    /// a configuration again. All workers are started first; each gets to it when its job is done.
    ///
    /// Workers that are started later, in place of one that died, have not run it: what every worker must have belongs in the
    /// [`initializer`](crate::ProcessPoolBuilder::initializer).
    ///
    /// ```
    /// use std::collections::HashSet;
    /// use executor::{ProcessPool, call, try_join_all};
    ///
    /// let pool = ProcessPool::new(2)?;
    /// let pids = try_join_all(pool.broadcast(call(std::process::id, ())))?;
    /// assert_eq!(pids.into_iter().collect::<HashSet<_>>().len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn broadcast<J: PortableJob + Clone>(&self, job: J) -> Vec<Future<J::Output>> {
        self.0.broadcast(job)
    }

    /// Blocks until nothing is queued, delayed or running: then everything that was accepted has its outcome. A job of
    /// [`every`](Self::every) counts only while a run of it is queued or running, not while that waits for its time. The pool
    /// stays open. Others may submit meanwhile, and then it waits for their jobs, too. In a callback of a job of this pool it
    /// returns at once.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// let pool = ProcessPool::new(2)?;
    /// let futures: Vec<_> = (0..10).map(|n| pool.submit(call!(u32::pow(2, n)))).collect();
    /// pool.wait_idle();
    /// assert!(futures.iter().all(|future| future.is_done()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_idle(&self) {
        self.0.scheduler.wait_idle(None);
    }

    /// As `wait_idle`, until `deadline` at most. Returns whether the pool is idle.
    pub fn wait_idle_until(&self, deadline: Instant) -> bool {
        self.0.scheduler.wait_idle(Some(deadline))
    }

    /// As `wait_idle`, for at most `limit`. Says whether it came to that.
    pub fn wait_idle_timeout(&self, limit: Duration) -> bool {
        self.0.scheduler.wait_idle(Instant::now().checked_add(limit))
    }

    /// Reports what the pool is doing, and how its jobs so far ended. Never blocks. Includes how long jobs waited and ran, if the pool
    /// was built to [`measure`](crate::ProcessPoolBuilder::measure) that. `workers` and `idle` count the threads that have a process
    /// each, or start one for their next job; [`pids`](crate::ProcessHandle::pids) lists the processes. A handle still reports how
    /// the jobs ended when the pool is gone.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// fn crash() { std::process::abort() }
    ///
    /// let pool = ProcessPool::new(1)?;
    /// pool.execute(call!(crash()));
    /// pool.execute(call!(u32::pow(2, 5)));
    /// pool.wait_idle();
    /// let stats = pool.stats();
    /// assert_eq!((stats.completed, stats.crashed, stats.queued, stats.running), (1, 1, 0, 0));
    /// println!("{stats}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stats(&self) -> Stats {
        self.0.scheduler.stats()
    }

    /// Whether the pool broke down: its jobs ended as [`JobError::Broken`](executor_core::JobError::Broken), with the reason, and later ones are rejected as
    /// [`Rejection::Broken`](executor_core::Rejection::Broken). It stays so; a service reports itself as unhealthy, or makes
    /// another pool. A job's crash breaks no pool: what does, is a spent
    /// [`restart_budget`](crate::ProcessPoolBuilder::restart_budget), or a spent
    /// [`crash_budget`](crate::ProcessPoolBuilder::crash_budget). Never blocks. False of a handle whose pool is gone.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// fn crash() { std::process::abort() }
    ///
    /// let pool = ProcessPool::new(1)?;
    /// assert!(pool.submit(call!(crash())).result().is_err());
    /// assert!(!pool.is_broken() && !pool.handle().is_broken());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_broken(&self) -> bool {
        self.0.scheduler.refusal() == Some(Rejection::Broken)
    }

    /// A future that ends when the pool is shut down, and its last process is gone: for async code, which should not block
    /// in [`shutdown`](Self::shutdown).
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// let pool = ProcessPool::new(1)?;
    /// pool.execute(call!(u32::pow(2, 5)));
    /// pool.shutdown(false);
    /// pool.closed().result()?; // or `.await`
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn closed(&self) -> Future<()> {
        self.0.scheduler.closed()
    }

    /// Shuts down as `policy` says, and tells what became of the jobs that the pool had. Blocks as long as the policy
    /// allows; not in a callback of a job of this pool. To kill is to send SIGKILL to each worker that has a job, and to what that
    /// started in its process group: the job ends as [`JobError::Cancelled`](executor_core::JobError::Cancelled).
    ///
    /// ```
    /// use executor::{ProcessPool, ShutdownPolicy, call};
    ///
    /// fn spin() -> u32 { loop { std::hint::spin_loop() } }
    ///
    /// let pool = ProcessPool::new(1)?;
    /// let spinning = pool.submit(call!(spin()));
    /// let report = pool.shutdown_with(ShutdownPolicy::kill());
    /// assert_eq!(report.to_string(), "0 completed, 0 failed, 1 cancelled, 0 still running");
    /// assert!(spinning.is_cancelled());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        self.0.scheduler.shutdown_with(policy)
    }
}

impl Pool for ProcessHandle {
    fn workers(&self) -> usize {
        Self::workers(self)
    }

    fn stats(&self) -> Stats {
        Self::stats(self)
    }

    fn prestart(&self) {
        Self::prestart(self);
    }

    fn wait_idle(&self) {
        Self::wait_idle(self);
    }

    fn wait_idle_until(&self, deadline: Instant) -> bool {
        Self::wait_idle_until(self, deadline)
    }

    fn closed(&self) -> Future<()> {
        Self::closed(self)
    }

    fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        Self::shutdown_with(self, policy)
    }
}
