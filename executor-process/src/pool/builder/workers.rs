//! The settings of the workers themselves: what is around them, and how long they live.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use executor_core::dump::OnStall;
use executor_core::{BuildError, Stall};

use super::ProcessPoolBuilder;
use crate::dispatch::restart_budget::Limit;

/// A loaded machine takes a second to start a worker; more is a constructor that hangs.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(30);

impl ProcessPoolBuilder {
    /// Sets a function that is called when a job has run for longer than `limit`, or when jobs wait and none has
    /// started for longer than `limit`. The [`Stall`] says which, and has a [`dump`](crate::ProcessHandle::dump) of the
    /// pool. Turns `measure` on. Default: none.
    ///
    /// The same stall is reported again when it has lasted twice as long, and so on. A stall of the queue may be found
    /// late, but before twice the limit is over. While the pool is idle, nothing looks.
    ///
    /// The function runs on a thread of its own, so it may block. If it panics, the panic hook reports that. A shutdown
    /// that waits also waits for a call that runs, and after that shutdown the function is not called.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use executor::{ProcessPool, call};
    ///
    /// let (stalls, stalled) = mpsc::channel();
    /// let pool = ProcessPool::builder()
    ///     .processes(1)
    ///     .on_stall(Duration::from_millis(10), move |stall| drop(stalls.send(stall.to_string())))
    ///     .build()?;
    /// let parked = pool.submit(call!(std::thread::park()));
    /// assert!(stalled.recv()?.contains("longer than 10 ms"));
    /// parked.abort();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_stall(mut self, limit: Duration, f: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        self.on_stall = Some(OnStall::new(limit, f));
        self
    }

    /// Sets an environment variable in the workers; they inherit all other variables. Overrides
    /// [`threads_per_process`](Self::threads_per_process).
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// fn mode() -> Option<String> { std::env::var("MODE").ok() }
    ///
    /// let pool = ProcessPool::builder().processes(1).env("MODE", "quiet").build()?;
    /// assert_eq!(pool.submit(call!(mode())).result()?.as_deref(), Some("quiet"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.set(key.as_ref().to_owned(), Some(value.as_ref().to_owned()));
        self
    }

    /// Removes an environment variable in the workers, which would otherwise inherit it.
    pub fn env_remove(mut self, key: impl AsRef<OsStr>) -> Self {
        self.environment.set(key.as_ref().to_owned(), None);
        self
    }

    /// Sets the working directory of the workers. The directory must exist when the pool is built and whenever a
    /// worker starts. Default: this process's working directory at the time when a worker starts.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// fn place() -> String { std::env::current_dir().unwrap().display().to_string() }
    ///
    /// let pool = ProcessPool::builder().processes(1).current_dir("/").build()?;
    /// assert_eq!(pool.submit(call!(place())).result()?, "/");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.environment.directory = Some(directory.into());
        self
    }

    /// Adds `increment` (-20 to 19) to the niceness of the workers, as `nice(1)` does: a higher value leaves more CPU
    /// time to other processes. Default: 0.
    ///
    /// A negative value needs a privilege (`CAP_SYS_NICE`); without the privilege no worker starts, and jobs fail
    /// with an error that says so.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// let background = ProcessPool::builder().processes(1).nice(10).build()?;
    /// assert_eq!(background.submit(call!(u32::pow(2, 5))).result()?, 32);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nice(mut self, increment: i32) -> Self {
        self.environment.limits.nice = increment;
        self
    }

    /// Allows a crashing worker to write a core file, as large as the system's hard limit permits. Default: false,
    /// even if this process may write core files.
    pub fn core_dumps(mut self, may_dump: bool) -> Self {
        self.environment.limits.may_dump_core = may_dump;
        self
    }

    /// Limits the memory that a worker may allocate, in bytes; at least 16 MiB. Default: no limit.
    ///
    /// The kernel enforces the limit at every allocation (`RLIMIT_DATA`). It counts all private writable memory, used
    /// or not, including thread stacks. It does not count files and [`Blob`](crate::Blob)s.
    ///
    /// An allocation beyond the limit fails, which aborts most Rust code: the job fails with
    /// [`JobError::Crashed`](executor_core::JobError::Crashed), whose [`cause`](executor_core::Crashed::cause) names
    /// this limit. Other processes of the machine are not affected. To reclaim memory that jobs leak, see
    /// [`recycle_above`](Self::recycle_above).
    ///
    /// Workers with a limit get `RUST_BACKTRACE=0`, unless [`env`](Self::env) sets it: if memory runs out while the standard library prints a
    /// backtrace, the worker hangs.
    ///
    /// ```
    /// use executor::{JobError, ProcessPool, call};
    ///
    /// fn zeros(mib: usize) -> usize { vec![1_u8; mib << 20].len() >> 20 }
    ///
    /// let pool = ProcessPool::builder().processes(1).memory_limit(128 << 20).build()?;
    /// assert_eq!(pool.submit(call!(zeros(16))).result()?, 16);
    /// match pool.submit(call!(zeros(600))).result() {
    ///     Err(JobError::Crashed(crash)) => assert!(crash.is_out_of_memory(), "{crash}"),
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.environment.limits.memory = Some(bytes);
        self
    }

    /// Replaces a worker that holds more than `bytes` of private memory in RAM after a job, so that memory leaked by
    /// jobs is returned to the system. Default: never.
    ///
    /// Shared memory (the program's code, [`Blob`](crate::Blob)s) does not count. No job is lost or delayed. A
    /// running job is not limited: for that, see [`memory_limit`](Self::memory_limit).
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// fn leak() { std::mem::forget(vec![1_u8; 64 << 20]) }
    ///
    /// let pool = ProcessPool::builder().processes(1).recycle_above(48 << 20).build()?;
    /// let first = pool.submit(call!(std::process::id())).result()?;
    /// pool.submit(call!(leak())).result()?;
    /// assert_ne!(pool.submit(call!(std::process::id())).result()?, first, "a new worker");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recycle_above(mut self, bytes: u64) -> Self {
        self.span.memory = Some(bytes);
        self
    }

    /// Replaces a worker after it has run `n` jobs (at least 1), for code that leaks. A chunk of a `map` counts as one
    /// job. Default: never.
    ///
    /// Each worker's own limit is up to a tenth lower, chosen at random, so that not all workers are replaced at
    /// once. No job is lost; the next job waits at most for the start of the new worker.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// let pool = ProcessPool::builder().processes(1).max_jobs_per_process(1).build()?;
    /// let first = pool.submit(call!(std::process::id())).result()?;
    /// let second = pool.submit(call!(std::process::id())).result()?;
    /// assert_ne!(first, second, "each job has a process of its own");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_jobs_per_process(mut self, n: u64) -> Self {
        self.span.jobs = Some(n);
        self
    }

    /// Ends a worker process, and its thread, after it has been idle for `idle`. The next job starts another.
    /// Default: workers live as long as the pool.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{ProcessPool, call};
    ///
    /// let pool = ProcessPool::builder().processes(1).idle_timeout(Duration::from_millis(10)).build()?;
    /// assert_eq!(pool.submit(call!(u32::pow(2, 5))).result()?, 32);
    /// while !pool.pids().is_empty() {
    ///     std::thread::yield_now();
    /// }
    /// assert_eq!(pool.submit(call!(u32::pow(3, 2))).result()?, 9, "in another worker");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.idle_timeout = idle;
        self
    }

    /// Sets the time allowed from spawning a worker until it has run its initializer. A slower worker is killed and
    /// counts as a failed start. Must not be zero. Default: 30 s, since a loaded machine needs about 1 s; raise it
    /// for an initializer that loads much data.
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }

    /// Sets the time between SIGTERM and SIGKILL for a worker that has to end. Default: zero, so that SIGKILL is sent at once.
    ///
    /// It applies if the worker's job is aborted ([`Future::abort`](executor_core::Future::abort)), or if the worker has not
    /// ended two seconds after the pool stopped using it. Both signals go to the worker's process group. SIGTERM from this program
    /// ends a worker unless a job has installed a handler, for instance to clean up. An aborted job has its outcome at once,
    /// but its worker is replaced only when the process has ended. A job that exceeds its time limit is always killed at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{ProcessPool, call};
    ///
    /// fn serve() { loop { std::thread::park() } }
    ///
    /// let pool = ProcessPool::builder().processes(1).grace(Duration::from_secs(2)).build()?;
    /// let serving = pool.submit(call!(serve()));
    /// assert!(serving.abort()); // SIGTERM now, and SIGKILL in 2 s if the worker still lives
    /// assert!(serving.is_cancelled());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Limits how many workers may fail to start, or die while running no job, within `period`. One more breaks the
    /// pool. Default: 1,000 within 10 s, which only a start that always fails reaches.
    ///
    /// All jobs of a broken pool fail with [`JobError::Broken`](executor_core::JobError::Broken), which gives the
    /// reason. Later jobs are rejected, and [`is_broken`](crate::ProcessHandle::is_broken) returns true. Up to four
    /// workers are started for a job, each running the initializer, and each that fails counts. A job that crashes
    /// its worker does not count, and neither does a worker that the pool ended itself.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{JobError, ProcessPool, Rejection, call};
    ///
    /// fn connect() { panic!("the license server does not answer") }
    ///
    /// let builder = ProcessPool::builder().processes(1).initializer(call!(connect()));
    /// let pool = builder.restart_budget(2, Duration::from_secs(60)).build()?;
    /// assert!(matches!(pool.submit(call!(u32::pow(2, 5))).result(), Err(JobError::Broken(_))));
    /// assert!(pool.is_broken());
    /// assert_eq!(pool.try_submit(call!(u32::pow(2, 5))).unwrap_err().reason(), Rejection::Broken);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn restart_budget(mut self, most: usize, period: Duration) -> Self {
        self.restarts = Limit { most, period };
        self
    }

    /// Limits how many workers may be crashed by jobs within `period`. One more breaks the pool, as described for
    /// [`restart_budget`](Self::restart_budget); the reason names the job that crashed most often. Default: no limit,
    /// since a crash affects only its own job.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{JobError, ProcessPool, call};
    ///
    /// fn crash() { std::process::abort() }
    ///
    /// let pool = ProcessPool::builder().processes(1).crash_budget(0, Duration::from_secs(1)).build()?;
    /// assert!(matches!(pool.submit(call!(crash())).result(), Err(JobError::Crashed(_))));
    /// pool.closed().result()?;
    /// assert!(pool.is_broken());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn crash_budget(mut self, most: usize, period: Duration) -> Self {
        self.crashes = Some(Limit { most, period });
        self
    }

    pub(super) fn check_workers(&self) -> Result<(), BuildError> {
        self.environment.check()?;
        if self.span.memory == Some(0) {
            return Err(BuildError::setting("recycle_above", "0 bytes", "at least 1"));
        }
        if self.span.jobs == Some(0) {
            return Err(BuildError::setting("max_jobs_per_process", 0, "at least 1"));
        }
        check_start_limit(self.start_limit)
    }
}

pub(crate) fn check_start_limit(limit: Duration) -> Result<(), BuildError> {
    if limit.is_zero() {
        return Err(BuildError::setting("start_limit", "zero", "longer"));
    }
    Ok(())
}
