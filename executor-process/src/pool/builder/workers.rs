//! The settings of the workers themselves: what is around them, and how long they live.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use executor_core::BuildError;

use super::ProcessPoolBuilder;
use crate::dispatch::restart_budget::Limit;

/// A loaded machine takes a second to start a worker; more is a constructor that hangs.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(30);

impl ProcessPoolBuilder {
    /// Sets a variable in the workers; the rest of the environment is inherited. It counts more than
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

    /// Removes a variable from the workers' environment, which they would inherit.
    pub fn env_remove(mut self, key: impl AsRef<OsStr>) -> Self {
        self.environment.set(key.as_ref().to_owned(), None);
        self
    }

    /// The directory that the workers start in. It must be there when the pool is built, and whenever a worker starts. Default: that of
    /// this process when it starts a worker.
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

    /// How much nicer than this process the workers are to others: -20 to 19 is added to the niceness, as nice(1) does, so that
    /// background work leaves the cores to others. Below 0 needs the right to it; without that, no worker starts, and the
    /// jobs' errors say so.
    pub fn nice(mut self, increment: i32) -> Self {
        self.environment.limits.nice = increment;
        self
    }

    /// Whether a worker that crashes may leave a core file, as large as the system allows. Default: false, whatever this process does.
    pub fn core_dumps(mut self, may_dump: bool) -> Self {
        self.environment.limits.may_dump_core = may_dump;
        self
    }

    /// How many bytes a worker may allocate, at least 16 MiB, enforced by the kernel at any time (`RLIMIT_DATA`: memory of its own that it may
    /// write to, touched or not, the stacks of its threads included; neither files nor [`Blob`](crate::Blob)s). Default: no limit.
    ///
    /// An allocation beyond it fails, which ends most Rust code with SIGABRT: the job ends as
    /// [`JobError::Crashed`](executor_core::JobError::Crashed), whose [`cause`](executor_core::Crashed::cause) names this limit, and no other
    /// process of the machine is pressed for memory. To give back what jobs leak, see [`recycle_above`](Self::recycle_above).
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

    /// How many bytes of its own a worker may keep in RAM between two jobs: one that keeps more is replaced, so that what jobs leak is given
    /// back. Looked at after each job; memory that it shares with others (the program's code, [`Blob`](crate::Blob)s) does not count. It costs no
    /// job and delays none, and limits nothing while a job runs: that is [`memory_limit`](Self::memory_limit). Default: never.
    pub fn recycle_above(mut self, bytes: u64) -> Self {
        self.span.memory = Some(bytes);
        self
    }

    /// How many jobs a worker runs at most before another takes its place, at least 1, for code that leaks. A chunk of a map is one. Each worker's own number is up to
    /// a tenth lower, by chance, so that they are not all replaced at once. It costs no job, and the next one waits for no more than
    /// the start of the new worker.
    pub fn max_jobs_per_process(mut self, n: u64) -> Self {
        self.span.jobs = Some(n);
        self
    }

    /// How long a worker may be idle before it ends, with its thread. The next job starts another. Default: workers stay as long
    /// as the pool.
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.idle_timeout = idle;
        self
    }

    /// Time allowed from the start of a worker until it is ready for jobs, its initializer included. A slower worker is killed, and its start
    /// has failed. Must not be zero. Default: 30 s; an initializer that loads much, or constructors that run before `main`, may need more.
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }

    /// How long a worker may live on after SIGTERM where its job is aborted
    /// ([`Future::abort`](executor_core::Future::abort)), or where it has not ended two seconds after the pool: then it is
    /// killed. SIGTERM goes to its process group. From this program, it ends a worker, unless a job has installed a handler, which can
    /// clean up. The aborted job has its outcome at once; its place in the pool is free when the worker is gone. Default: zero, and the kill comes at
    /// once. A time limit of a job always kills at once.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How many workers may fail to start, or die without a job, within `period`. With one more the pool breaks down: all its jobs end as
    /// [`JobError::Broken`](executor_core::JobError::Broken), which says why, later ones are rejected, and
    /// [`is_broken`](crate::ProcessHandle::is_broken) is true. For a job, up to four workers are started one after the other, with the initializer in each, and each that fails counts. Neither a crash of a job counts, nor an end that the pool gave to a worker itself.
    /// Default: 1,000 within 10 seconds.
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

    /// How many workers may die of their jobs within `period`. With one more the pool breaks down, as with
    /// [`restart_budget`](Self::restart_budget); the reason names the job that crashed most. Default: there is no limit, since a crash is
    /// its job's alone; one client with one bad file would end a pool that all share.
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
