//! Requests to a pool as a whole: to warm up, to be idle, to end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::job_counters::JobCounters;
use executor_core::panics::drop_catching;
use executor_core::{Dump, Future, JobOptions, NotMeasured, Pool, Recording, ShutdownPolicy, ShutdownReport, Stats};

use crate::pool::ThreadHandle;
use crate::submit::Submitter;

impl ThreadHandle {
    /// Returns a handle to the same pool whose jobs have `options`: a name, a priority, a delay or time limits. They replace the
    /// options of this handle.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{JobError, JobOptions, ThreadPool, current};
    ///
    /// let pool = ThreadPool::new(2);
    /// let strict = pool.with(JobOptions::new().name("poll").timeout(Duration::from_millis(5)));
    /// let future = strict.submit(|| while !current::stop_requested() { std::thread::yield_now() });
    /// let error = future.result().unwrap_err();
    /// assert_eq!(error.to_string(), "job `poll` did not finish within 5 ms; raise the limit or split the job");
    /// ```
    pub fn with(&self, options: JobOptions) -> ThreadHandle {
        let options = Some(Arc::new(options));
        Self(Submitter { options, ..self.0.clone() })
    }

    /// Returns the options of this handle's jobs, as given to [`with`](Self::with).
    pub fn options(&self) -> &JobOptions {
        self.0.options()
    }

    /// Starts all threads that are not running yet, and runs the pool's
    /// [`initializer`](crate::ThreadPoolBuilder::initializer) on each, so that the first jobs do not wait for either. Does not block: the threads
    /// get ready in the background.
    ///
    /// If the initializer panics here, it runs again before the thread's first job. Does nothing for a `RayonPool`, whose threads
    /// run from the start.
    pub fn prestart(&self) {
        self.0.scheduler.prestart();
    }

    /// Runs `f` once on each thread of the pool, ahead of queued jobs: to warm caches, or to reload a configuration. Does not block.
    ///
    /// Returns a future for each thread. Threads that are not running are started; a busy thread runs `f` after its current job.
    ///
    /// ```
    /// use std::collections::HashSet;
    /// use executor::{ThreadPool, try_join_all};
    ///
    /// let pool = ThreadPool::new(3);
    /// let threads = try_join_all(pool.broadcast(|| std::thread::current().id()))?;
    /// assert_eq!(threads.into_iter().collect::<HashSet<_>>().len(), 3);
    /// # Ok::<(), executor::JobError>(())
    /// ```
    #[track_caller]
    pub fn broadcast<F, T>(&self, f: F) -> Vec<Future<T>>
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        let f = Arc::new(f);
        self.0.broadcast(|| {
            let f = Arc::clone(&f);
            move || {
                let result = f();
                // The last one drops the function, before its future can tell that it is done.
                drop_catching(f);
                result
            }
        })
    }

    /// Blocks until no job is queued, delayed or running. The pool stays open.
    ///
    /// Waits also for jobs that are submitted meanwhile. A job of [`every`](Self::every) counts while one of its runs is queued or
    /// running, not between runs. On a thread of this pool, returns at once: the calling job itself is running.
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(2);
    /// let futures: Vec<_> = (0..10).map(|n| pool.submit(move || n)).collect();
    /// pool.wait_idle();
    /// assert!(futures.iter().all(|future| future.is_done()));
    /// ```
    pub fn wait_idle(&self) {
        self.0.scheduler.wait_idle(None);
    }

    /// Like [`wait_idle`](Self::wait_idle), but only until `deadline`. Returns whether the pool is idle.
    pub fn wait_idle_until(&self, deadline: Instant) -> bool {
        self.0.scheduler.wait_idle(Some(deadline))
    }

    /// Like [`wait_idle`](Self::wait_idle), but for at most `limit`. Returns whether the pool is idle.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// assert!(pool.wait_idle_timeout(Duration::ZERO));
    /// let later = pool.submit_after(Duration::from_secs(3600), || ());
    /// assert!(!pool.wait_idle_timeout(Duration::from_millis(1)));
    /// later.cancel();
    /// ```
    pub fn wait_idle_timeout(&self, limit: Duration) -> bool {
        self.0.scheduler.wait_idle(Instant::now().checked_add(limit))
    }

    /// Returns what the pool is doing, and how its jobs have ended so far. Never blocks.
    ///
    /// If the pool was built with [`measure(true)`](crate::ThreadPoolBuilder::measure), this includes how long jobs waited and ran. A handle
    /// still reports how jobs ended after the pool is gone.
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(2);
    /// let futures: Vec<_> = (0..10).map(|n| pool.submit(move || 10 / n)).collect();
    /// pool.wait_idle();
    /// let stats = pool.stats();
    /// assert_eq!((stats.completed, stats.panicked, stats.queued, stats.running), (9, 1, 0, 0));
    /// println!("{stats}");
    /// # drop(futures);
    /// ```
    pub fn stats(&self) -> Stats {
        self.0.scheduler.stats()
    }

    /// Starts a recording: which worker runs which job, when, and how the job ends. See [`Recording`], which draws it as a picture or saves it
    /// for Perfetto. Does not block.
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::builder().threads(1).measure(true).build()?;
    /// let recording = pool.record()?;
    /// pool.submit(|| ()).result()?;
    /// assert!(recording.svg().contains("1 job in "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotMeasured`] if the pool was built without [`measure(true)`](crate::ThreadPoolBuilder::measure).
    pub fn record(&self) -> Result<Recording, NotMeasured> {
        Pool::record(self)
    }

    /// Returns a report of what each worker runs, what waits for what, and why nothing moves. It can be called at any time, also when the
    /// pool is stuck. Blocks for a moment only.
    ///
    /// If the pool was built with [`measure(true)`](crate::ThreadPoolBuilder::measure), or the environment variable `EXECUTOR_MEASURE` is
    /// `1`, the report has the name, the time and the place of submission of each running job.
    ///
    /// ```
    /// use executor::{JobOptions, ThreadPool, current};
    ///
    /// let pool = ThreadPool::builder().threads(1).measure(true).build()?;
    /// let handle = pool.handle();
    /// let dump = pool.with(JobOptions::new().name("looks")).submit(move || handle.dump()).result()?;
    /// println!("{dump}");
    /// let running: Vec<_> = dump.running().map(|job| job.description.name.to_string()).collect();
    /// assert_eq!(running, ["looks"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dump(&self) -> Dump {
        self.0.scheduler.dump()
    }

    /// Returns a future that is ready when the pool is shut down and its last thread has ended. For async code, which should not
    /// block in [`shutdown`](Self::shutdown). Does not shut the pool down itself.
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// pool.execute(|| ());
    /// pool.shutdown(false);
    /// pool.closed().result()?; // or `.await`
    /// # Ok::<(), executor::JobError>(())
    /// ```
    pub fn closed(&self) -> Future<()> {
        self.0.scheduler.closed()
    }

    /// Closes the pool, and drains, cancels or stops its jobs as `policy` says. Blocks until the pool is empty or the policy's time limit
    /// is over. On a thread of this pool, does not block.
    ///
    /// Returns how many of the pool's jobs completed, failed, were cancelled, or still run.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{ShutdownPolicy, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1);
    /// let never = pool.submit_after(Duration::from_secs(3600), || ());
    /// let report = pool.shutdown_with(ShutdownPolicy::cancel_pending());
    /// assert_eq!(report.to_string(), "0 completed, 0 failed, 1 cancelled, 0 still running");
    /// assert!(never.is_cancelled());
    /// ```
    pub fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        self.0.scheduler.shutdown_with(policy)
    }
}

executor_core::impl_pool_by_methods!(ThreadHandle {
    fn counters(&self) -> Option<Arc<JobCounters>> {
        Some(self.0.scheduler.counters().clone())
    }
});
