//! Operations on a pool as a whole: warm-up, waiting until it is idle, shutdown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::job_counters::JobCounters;
use executor_core::{
    Dump, Future, JobOptions, NotMeasured, Pool, PortableJob, Recording, Rejection, ShutdownPolicy, ShutdownReport,
    ShutdownStep, Stats,
};

use crate::pool::handle::ProcessHandle;
use crate::pool::submit::Submitter;

impl ProcessHandle {
    /// Returns a handle whose jobs have `options`, which replace this handle's options.
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

    /// Returns the options of this handle's jobs: those given to [`with`](Self::with), or else the defaults.
    pub fn options(&self) -> &JobOptions {
        &self.0.options
    }

    /// Starts all worker processes that do not yet live, so that the first jobs need not wait. Does not block until
    /// they are ready.
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

    /// Runs a copy of `job` once in each worker process, before the worker's other queued jobs, and returns a future
    /// for each copy. Use it to warm caches or to reload a configuration. Missing workers are started first; a busy
    /// worker runs its copy after its current job.
    ///
    /// Workers that start later, for instance in place of a crashed one, do not run it. For settings that every
    /// worker needs, use the [`initializer`](crate::ProcessPoolBuilder::initializer).
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
    #[track_caller]
    pub fn broadcast<J: PortableJob + Clone>(&self, job: J) -> Vec<Future<J::Output>> {
        self.0.broadcast(job)
    }

    /// Blocks until no job is queued, delayed or running, so that every accepted job has its outcome. The pool stays
    /// open, and jobs that others submit meanwhile are waited for too.
    ///
    /// A job of [`every`](Self::every) counts only while one of its runs is queued or running. In a callback of one
    /// of this pool's jobs, `wait_idle` returns at once.
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

    /// Blocks like [`wait_idle`](Self::wait_idle), but at most until `deadline`. Returns whether the pool is idle.
    pub fn wait_idle_until(&self, deadline: Instant) -> bool {
        self.0.scheduler.wait_idle(Some(deadline))
    }

    /// Blocks like [`wait_idle`](Self::wait_idle), but for at most `limit`. Returns whether the pool is idle.
    pub fn wait_idle_timeout(&self, limit: Duration) -> bool {
        self.0.scheduler.wait_idle(Instant::now().checked_add(limit))
    }

    /// Reports what the pool is doing, and how its jobs have ended so far. Never blocks.
    ///
    /// Histograms of waiting and running times are included if [`measure`](crate::ProcessPoolBuilder::measure) is
    /// set. `workers` and `idle` count the pool's threads that own a worker process or are starting one; for the
    /// processes, see [`pids`](crate::ProcessHandle::pids). A handle reports how jobs ended even after the pool is
    /// gone.
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

    /// Starts a recording: which worker process runs which job, when, and how the job ends. See [`Recording`], which draws it as a picture or
    /// saves it for Perfetto. Does not block.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// let pool = ProcessPool::builder().processes(1).measure(true).build()?;
    /// let recording = pool.record()?;
    /// pool.submit(call!(u32::pow(2, 5))).result()?;
    /// assert!(recording.svg().contains("1 job in "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotMeasured`] if the pool was built without [`measure(true)`](crate::ProcessPoolBuilder::measure).
    pub fn record(&self) -> Result<Recording, NotMeasured> {
        Pool::record(self)
    }

    /// Returns a report of what each worker process runs, what waits for what, and why nothing moves. It can be called
    /// at any time, also when the pool is stuck. Blocks for 100 ms at most.
    ///
    /// A worker whose job has run for a second is asked where the job is: the report has that stack. The question is
    /// a signal, which may end a system call of the job's early, as `EINTR`; the standard library tries again. A
    /// worker that is stopped, starting or in its initializer is shown as such.
    ///
    /// If the pool was built with [`measure(true)`](crate::ProcessPoolBuilder::measure), or the environment variable
    /// `EXECUTOR_MEASURE` is `1`, the report has the name, the time and the place of submission of each running job.
    /// Otherwise all running jobs are asked where they are.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// let pool = ProcessPool::builder().processes(1).measure(true).build()?;
    /// let parked = pool.submit(call!(std::thread::park()));
    /// while !parked.is_running() {
    ///     std::thread::yield_now();
    /// }
    /// let dump = pool.dump();
    /// println!("{dump}");
    /// let process = dump.workers[0].process.as_ref().expect("there is one");
    /// assert_eq!((process.pid, process.job), (pool.pids()[0], Some(parked.id())));
    /// parked.abort();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dump(&self) -> Dump {
        self.0.scheduler.dump()
    }

    /// Returns whether the pool is broken: too many workers failed, so that a
    /// [`restart_budget`](crate::ProcessPoolBuilder::restart_budget) or
    /// [`crash_budget`](crate::ProcessPoolBuilder::crash_budget) is spent. Never blocks.
    ///
    /// The jobs of a broken pool have failed with [`JobError::Broken`](executor_core::JobError::Broken), which gives
    /// the reason. Later jobs are rejected with [`Rejection::Broken`](executor_core::Rejection::Broken). A broken
    /// pool does not recover: report the service as unhealthy, or create another pool. A job's crash alone does not
    /// break a pool unless a crash budget is set. Returns false if the pool is gone.
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

    /// Returns a future that completes when the pool is shut down and its last worker process has ended: for async
    /// code, which must not block in [`shutdown`](Self::shutdown).
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
        self.0.closed()
    }

    /// Shuts down as `policy` says, and reports how the pool's jobs ended. Blocks as long as the policy allows, but
    /// returns at once in a callback of one of this pool's jobs.
    ///
    /// A kill sends SIGKILL to the process group of each worker that runs a job: to the worker and the processes it
    /// started. These jobs end as [`JobError::Cancelled`](executor_core::JobError::Cancelled).
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
        if policy.step() >= ShutdownStep::Kill {
            self.0.template.iter().for_each(|template| template.kill());
        }
        let deadline = policy.limit().and_then(|limit| Instant::now().checked_add(limit));
        let report = self.0.scheduler.shutdown_with(policy);
        self.0.end_template(true, deadline);
        report
    }
}

executor_core::impl_pool_by_methods!(ProcessHandle {
    fn counters(&self) -> Option<Arc<JobCounters>> {
        Some(self.0.scheduler.counters().clone())
    }
});
