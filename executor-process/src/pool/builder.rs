//! The settings of a process pool.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use executor_core::dump::{Inspect, OnStall};
use executor_core::{BuildError, JobOptions, Portable};
use executor_thread::scheduler::{Config, Scheduler};
use executor_thread::{QueueLimit, WhenFull};

use crate::diagnostics::inspect;
use crate::dispatch::restart_budget::{Budget, Limit};
use crate::dispatch::runner::ProcessRunner;
use crate::dispatch::settings::{PoolSettings, TRIES};
use crate::ipc::codec::Codec;
use crate::pool::handle::ProcessPool;
use crate::pool::submit::{SubmitPolicy, Submitter};
use crate::pool::wrap::{Wrapper, Wrappers};
use crate::protocol::replay_file;
use crate::supervisor::child::Pids;
use crate::supervisor::environment::{Environment, Threads};
use crate::supervisor::host_check;
use crate::supervisor::lifetime::LifetimeLimits;
use crate::supervisor::output::CaptureSettings;
use crate::supervisor::roster::Roster;
use crate::supervisor::start::WorkerSettings;

mod function;
mod output;
mod template;
mod workers;
mod wrap;

use function::Function;
pub(crate) use workers::{START_LIMIT, check_start_limit};

/// More processes than any machine should have; a number beyond is a mistake, such as `-1` cast to `usize`.
const MOST_PROCESSES: usize = 4096;

/// The default budget, which no healthy pool should spend: 100 workers a second for ten seconds.
const RESTART_BUDGET: Limit = Limit { most: 1000, period: Duration::from_secs(10) };

/// Settings of a [`ProcessPool`]; made by [`ProcessPool::builder`].
///
/// ```
/// use executor::{Codec, ProcessPool, call, current};
///
/// fn load_table(name: String) -> Vec<u32> { vec![1, 2, 3] /* from a file called `name` */ }
///
/// fn look_up(index: usize) -> u32 {
///     let table = current::state::<Vec<u32>>().expect("the initializer made it");
///     table[index]
/// }
///
/// let pool = ProcessPool::builder()
///     .processes(2)
///     .threads_per_process(1)
///     .initializer(call!(load_table("primes".to_owned()))) // once in each worker
///     .codec(Codec::MessagePack)
///     .build()?;
/// assert_eq!(pool.submit(call!(look_up(2))).result()?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "settings do nothing until they are built"]
pub struct ProcessPoolBuilder {
    /// The cores, if it is not set.
    processes: Option<usize>,
    threads: Option<usize>,
    name: Arc<str>,
    codec: Codec,
    queue: QueueLimit,
    retry: u32,
    initializer: Option<Function>,
    template: Option<Function>,
    keep_failed: Option<PathBuf>,
    environment: Environment,
    span: LifetimeLimits,
    idle_timeout: Duration,
    start_limit: Duration,
    grace: Duration,
    restarts: Limit,
    crashes: Option<Limit>,
    measure: bool,
    wrappers: Vec<Wrapper>,
    /// Whether jobs have spans.
    traces: bool,
    output: CaptureSettings,
    on_stall: Option<OnStall>,
}

impl ProcessPool {
    /// Creates a pool of up to `processes` worker processes, with default settings. Does not block: workers start
    /// when jobs need them.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if `processes` is 0 or above 4,096, or if this program cannot start workers; the text says why.
    pub fn new(processes: usize) -> Result<Self, BuildError> {
        Self::builder().processes(processes).build()
    }

    /// Creates a pool with a worker process for each core that this process may use. The number respects cgroup
    /// limits and CPU affinity: see [`available_parallelism`](std::thread::available_parallelism).
    ///
    /// # Errors
    ///
    /// [`BuildError`] if this program cannot start workers; the text says why.
    pub fn default_size() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// Returns a builder with default settings; finish with [`build`](ProcessPoolBuilder::build).
    pub fn builder() -> ProcessPoolBuilder {
        ProcessPoolBuilder::new()
    }
}

impl ProcessPoolBuilder {
    pub(crate) fn new() -> Self {
        Self {
            processes: None,
            threads: None,
            name: "executor".into(),
            codec: Codec::default(),
            queue: QueueLimit::unbounded(),
            retry: 0,
            initializer: None,
            template: None,
            keep_failed: None,
            restarts: RESTART_BUDGET,
            crashes: None,
            measure: false,
            wrappers: Vec::new(),
            traces: false,
            output: CaptureSettings::default(),
            on_stall: None,
            environment: Environment::default(),
            span: LifetimeLimits::default(),
            // A worker process is dear to start, and stays.
            idle_timeout: Duration::MAX,
            start_limit: START_LIMIT,
            grace: Duration::ZERO,
        }
    }

    /// Sets the number of worker processes, and so how many jobs can run at once: 1 to 4,096. Default: the number of
    /// cores that this process may use ([`available_parallelism`](std::thread::available_parallelism), which respects
    /// cgroup limits).
    pub fn processes(mut self, n: usize) -> Self {
        self.processes = Some(n);
        self
    }

    /// How many threads the libraries in each worker should start, at least 1. Default: the cores divided by the processes, so that
    /// n workers do not start n times as many threads as there are cores.
    ///
    /// Sets these variables in the workers: `RAYON_NUM_THREADS`, `POLARS_MAX_THREADS`, `MATMUL_NUM_THREADS` (ndarray), `TOKIO_WORKER_THREADS`,
    /// `OMP_NUM_THREADS`, `OPENBLAS_NUM_THREADS`, `MKL_NUM_THREADS`, `BLIS_NUM_THREADS`, `VECLIB_MAXIMUM_THREADS`, `NUMEXPR_NUM_THREADS` and
    /// `NUMBA_NUM_THREADS`. The default leaves a variable that this process already has. [`env`](Self::env) overrides both.
    pub fn threads_per_process(mut self, n: usize) -> Self {
        self.threads = Some(n);
        self
    }

    /// Sets the name of the workers; each worker appends its number: `name-0`. Default: `executor`.
    ///
    /// `ps` and `top` show a worker as `program:name-0`, in at most 15 bytes: both names are shortened where
    /// necessary, the number is not. A worker's arguments are only the program's first, so `args().next()` names the
    /// program there too.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets a job that each worker runs once, before its first other job: load a model, connect, set up logging. The
    /// worker keeps the returned value, and its jobs read that with
    /// [`current::state`](executor_core::current::state).
    ///
    /// If the initializer panics or ends its process, the job that was waiting for this worker fails with
    /// [`JobError::Broken`](executor_core::JobError::Broken), after up to four attempts. The next job starts a new
    /// worker. Failed attempts count towards the [`restart_budget`](Self::restart_budget). Default: no initializer.
    pub fn initializer<P: Portable>(mut self, job: P) -> Self {
        self.initializer = Some(Function::new(job));
        self
    }

    /// Sets the encoding of arguments and results. Default: [`Codec::Postcard`].
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Limits how many jobs may wait in the queue, and chooses what a submit does when the queue is full. Default: no
    /// limit.
    ///
    /// [`WhenFull::CallerRuns`] is refused by [`build`](Self::build): jobs of a process pool never run in the
    /// submitting process.
    ///
    /// ```
    /// use executor::{ProcessPool, QueueLimit, WhenFull, call};
    ///
    /// // A producer that is faster than the pool waits for it.
    /// let pool = ProcessPool::builder().processes(1).queue(QueueLimit::bounded(10, WhenFull::Block)).build()?;
    /// for n in 0..100 {
    ///     pool.execute(call!(u64::pow(n, 2)));
    /// }
    /// # let error = ProcessPool::builder().queue(QueueLimit::bounded(1, WhenFull::CallerRuns)).build().unwrap_err();
    /// # assert_eq!(error.name(), "queue");
    /// # Ok::<(), executor::BuildError>(())
    /// ```
    pub fn queue(mut self, queue: QueueLimit) -> Self {
        self.queue = queue;
        self
    }

    /// Saves each job that crashes, times out or panics to a file in `directory`, to run it again alone.
    /// [`JobError::saved`](executor_core::JobError::saved) returns the file's path. Default: nothing is saved.
    ///
    /// The file holds the function's position in the program, the encoded arguments, and the bytes of their
    /// [`Blob`](crate::Blob)s. Jobs whose arguments hold another handle (`Sender`, `Receiver`, or one of a
    /// [`Manager`](crate::Manager)) cannot be saved; their error says so. In a [`map`](ProcessPool::map), each item
    /// that crashes or times out is saved alone; items that panic are not saved.
    ///
    /// **To run a saved job again**, start the same build of this program with `EXECUTOR_REPLAY=`*file* in its
    /// environment, for instance under a debugger. Instead of `main`, the program runs the pool's initializer and the
    /// job in the foreground, and prints the outcome. It exits with code 0 if the job returned, 101 if the job
    /// panicked, and 65 if the file cannot be run. A saved file can run any function of the program: replay only
    /// files from sources that you trust. The functions of [`wrap_jobs`](Self::wrap_jobs) are not run.
    ///
    /// **Security.** Arguments may contain secrets, so only the file's owner can read it.
    /// [`build`](ProcessPoolBuilder::build) creates `directory` with mode 0700 if it does not exist. It refuses a
    /// directory that is a symbolic link, that belongs to another user, or that others can write to, such as `/tmp`.
    ///
    /// **Limits.** A directory holds at most 100 saved jobs and 1 GiB; beyond that, no job is saved, and the error
    /// says so. The pool never deletes saved jobs: delete those that you no longer need.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// fn crash(_page: u32) { std::process::abort() }
    ///
    /// # let state = std::env::temp_dir().join(format!("executor-doc-{}", std::process::id()));
    /// // A directory of this user's own: not /tmp, where others can write.
    /// let directory = state.join("failed-jobs"); // such as ~/.local/state/app/failed-jobs
    /// let pool = ProcessPool::builder().processes(1).keep_failed(&directory).build()?;
    /// let error = pool.submit(call!(crash(12))).result().unwrap_err();
    /// let file = error.saved().expect("the directory can be written to");
    /// assert!(file.starts_with(&directory));
    /// # std::fs::remove_dir_all(state)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keep_failed(mut self, directory: impl Into<PathBuf>) -> Self {
        self.keep_failed = Some(directory.into());
        self
    }

    /// Sets how many times a job is run again after its worker died while running it.
    /// [`JobOptions::retry`](executor_core::JobOptions::retry) overrides this for single jobs. Default: 0, so a job
    /// runs at most once.
    ///
    /// Use it only for jobs that can safely run twice.
    ///
    /// ```
    /// use executor::ProcessPool;
    ///
    /// let pool = ProcessPool::builder().processes(1).retry(1).build()?; // for jobs that can be run twice without harm
    /// # Ok::<(), executor::BuildError>(())
    /// ```
    pub fn retry(mut self, n: u32) -> Self {
        self.retry = n;
        self
    }

    /// Measures how long jobs wait before they are sent to a worker, and how long they run there, for
    /// [`stats`](crate::ProcessHandle::stats). Default: false, unless the environment variable `EXECUTOR_MEASURE` is
    /// `1`; both histograms are then `None`.
    ///
    /// A job whose worker dies is not measured. If a job is run again, its last run is measured. A job that is sent
    /// to a busy worker in advance counts as sent at that moment, not when the worker starts it.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// let pool = ProcessPool::builder().processes(1).measure(true).build()?;
    /// assert_eq!(pool.submit(call!(u32::pow(2, 5))).result()?, 32);
    /// assert_eq!(pool.stats().run.expect("it is measured").count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn measure(mut self, measures: bool) -> Self {
        self.measure = measures;
        self
    }

    /// Creates the pool. Does not block: the first worker starts when the first job is submitted.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the invalid setting, its value and the allowed values; or says why this program cannot
    /// start workers.
    pub fn build(self) -> Result<ProcessPool, BuildError> {
        let processes = self.processes.unwrap_or_else(cores);
        if !(1..=MOST_PROCESSES).contains(&processes) {
            return Err(BuildError::setting("processes", processes, format_args!("from 1 to {MOST_PROCESSES}")));
        }
        if self.threads == Some(0) {
            return Err(BuildError::setting("threads_per_process", 0, "at least 1"));
        }
        check_name(&self.name)?;
        self.check_workers()?;
        if self.queue.capacity() == Some(0) {
            return Err(BuildError::setting("queue", 0, "at least 1"));
        }
        if self.queue.when_full() == WhenFull::CallerRuns {
            let allowed = "one of `Block`, `Reject`, `DropOldest` and `DropNewest`: a job of a process pool never runs in the \
                           process that submits it";
            return Err(BuildError::setting("queue", "`CallerRuns` when it is full", allowed));
        }
        self.on_stall.as_ref().map_or(Ok(()), OnStall::check)?;
        host_check::check()?;
        let wrappers = Wrappers::new(self.wrappers)?;
        #[cfg(feature = "tracing")]
        let traced = self.traces.then(|| Arc::clone(&self.name));
        let (pids, roster) = (Arc::new(Pids::default()), Arc::new(Roster::default()));
        let worker = WorkerSettings {
            codec: self.codec,
            threads: self.threads.map_or(Threads::Default((cores() / processes).max(1)), Threads::Exactly),
            environment: self.environment,
            span: self.span,
            start_limit: self.start_limit,
            grace: self.grace,
            initializer: self.initializer.map(|job| job.encoded("initializer", self.codec)).transpose()?,
            is_template: false,
            template: None,
            pids: Arc::clone(&pids),
            roster: Arc::clone(&roster),
            keep_failed: replay_file::directory(self.keep_failed.as_deref())?,
            delivery: Arc::default(),
            capture: self.output.capture(),
            traces: self.traces,
        };
        let template = self.template.map(|job| template::of(job, &worker, &self.name)).transpose()?;
        let worker = Arc::new(WorkerSettings { template: template.clone(), ..worker });
        let delivery = Arc::clone(&worker.delivery);
        let settings =
            Arc::new(PoolSettings { worker, tries: TRIES, budget: Budget::new(self.restarts, self.crashes) });
        let make = move |name: &Arc<str>| ProcessRunner::new(Arc::clone(&settings), Arc::clone(name));
        let capacity = self.queue.capacity();
        let (keep_alive, kind, on_stall) = (self.idle_timeout, "ProcessPool", self.on_stall);
        let inspect = Some(Inspect::new(move |dump| inspect::add_to(dump, &roster)));
        let config = Config { keep_alive, capacity, kind, inspect, on_stall, ..Config::new(self.name, processes) };
        let config = config.with_measure(self.measure);
        let policy = SubmitPolicy { codec: self.codec, when_full: self.queue.when_full(), retry: self.retry };
        let scheduler = Scheduler::new(config, make);
        delivery.enlist_by(scheduler.thread_enlister());
        let pool = ProcessPool::over(Submitter {
            scheduler,
            policy,
            options: JobOptions::new(),
            pids,
            template,
            wrappers,
            #[cfg(feature = "tracing")]
            traced,
        });
        template::start(&pool)?;
        Ok(pool)
    }
}

/// The name of threads.
pub(crate) fn check_name(name: &str) -> Result<(), BuildError> {
    if name.contains('\0') {
        return Err(BuildError::setting("name", format!("{name:?}"), "free of NUL characters"));
    }
    Ok(())
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl fmt::Debug for ProcessPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPoolBuilder")
            .field("processes", &self.processes)
            .field("name", &self.name)
            .field("codec", &self.codec)
            .finish_non_exhaustive()
    }
}
