//! Requests to a pool as a whole: to warm up, to be idle, to end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::panics::drop_catching;
use executor_core::{Future, JobOptions, Pool, ShutdownPolicy, ShutdownReport, Stats};

use crate::pool::ThreadHandle;
use crate::submit::Submitter;

impl ThreadHandle {
    /// A handle whose jobs have `options`, in place of those of this handle. It can do whatever this one can.
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

    /// The options that jobs get here: none but for what [`with`](Self::with) has made.
    pub fn options(&self) -> &JobOptions {
        static NONE: JobOptions = JobOptions::new();
        self.0.options.as_deref().unwrap_or(&NONE)
    }

    /// Starts the threads that have not been started, and has each run the pool's
    /// [`initializer`](crate::ThreadPoolBuilder::initializer), so that the first jobs need not wait for that. Returns at once, before the
    /// threads are ready. An initializer that panics here runs again before its worker's first job. Does nothing for a
    /// `RayonPool`, whose threads run from the start.
    pub fn prestart(&self) {
        self.0.scheduler.prestart();
    }

    /// Runs `f` once on each worker, before its other jobs, and returns a future for each: to warm caches, or to load
    /// a configuration again. All threads are started first; each gets to it when its job is done.
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

    /// Blocks until nothing is queued, delayed or running: then everything that was accepted has its outcome. A job of
    /// [`every`](Self::every) counts only while a run of it is queued or running, not while that waits for its time. The pool
    /// stays open. Others may submit meanwhile, and then it waits for their jobs, too. On a thread of this pool, whose
    /// own job runs, it returns at once.
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

    /// As `wait_idle`, until `deadline` at most. Returns whether the pool is idle.
    pub fn wait_idle_until(&self, deadline: Instant) -> bool {
        self.0.scheduler.wait_idle(Some(deadline))
    }

    /// As `wait_idle`, for at most `limit`. Returns whether the pool is idle.
    pub fn wait_idle_timeout(&self, limit: Duration) -> bool {
        self.0.scheduler.wait_idle(Instant::now().checked_add(limit))
    }

    /// Reports what the pool is doing, and how its jobs have ended so far. Never blocks. Includes how long jobs waited and ran if the
    /// pool was built to [`measure`](crate::ThreadPoolBuilder::measure) that. After the pool is gone, a handle still reports how the
    /// jobs ended.
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

    /// A future that ends when the pool is shut down, and its last thread is done: for async code, which should not block
    /// in [`shutdown`](Self::shutdown).
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

    /// Shuts down as `policy` says, and reports how the jobs that the pool had ended. Blocks as long as the policy
    /// allows; not on a thread of this pool.
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

impl Pool for ThreadHandle {
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
