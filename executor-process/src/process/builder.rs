//! The settings of a process, and its start.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use executor_core::current::activity::ActivityKind;
use executor_core::panics::drop_catching;
use executor_core::{JobOptions, PortableJob, current};
use executor_thread::WhenFull;
use executor_thread::scheduler::{Config, Scheduler};
use parking_lot::Mutex;

use super::error::{Reason, SpawnError};
use super::{Owner, Process};
use crate::dispatch::restart_budget::Budget;
use crate::dispatch::runner::ProcessRunner;
use crate::dispatch::settings::PoolSettings;
use crate::ipc::codec::Codec;
use crate::pool::builder::{START_LIMIT, check_name, check_start_limit, cores};
use crate::pool::submit::{SubmitPolicy, Submitter, open};
use crate::protocol::replay_file;
use crate::supervisor::environment::{Environment, Threads};
use crate::supervisor::host_check;
use crate::supervisor::lifetime::LifetimeLimits;
use crate::supervisor::output::{CaptureSettings, OutputLine};
use crate::supervisor::start::WorkerSettings;

/// Settings of a [`Process`]; made by [`Process::builder`]. One builder can spawn several processes.
///
/// ```
/// use executor::{Process, call, current};
///
/// fn about() -> (Option<String>, String, String) {
///     let directory = std::env::current_dir().unwrap();
///     (std::env::var("MODE").ok(), directory.display().to_string(), current::worker_name().unwrap().to_string())
/// }
///
/// let builder = Process::builder().name("scanner").env("MODE", "quiet").current_dir("/").nice(5).kill_on_drop(true);
/// let process = builder.spawn(call!(about()))?;
/// assert_eq!(process.name(), "scanner");
/// assert_eq!(process.join()?, (Some("quiet".to_owned()), "/".to_owned(), "scanner".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until a process is spawned"]
pub struct ProcessBuilder {
    name: Option<Arc<str>>,
    codec: Codec,
    environment: Environment,
    start_limit: Duration,
    timeout: Option<Duration>,
    keep_failed: Option<PathBuf>,
    kills: bool,
    output: CaptureSettings,
}

impl ProcessBuilder {
    pub(super) fn new() -> Self {
        Self {
            name: None,
            codec: Codec::default(),
            environment: Environment::default(),
            start_limit: START_LIMIT,
            timeout: None,
            keep_failed: None,
            kills: false,
            output: CaptureSettings::default(),
        }
    }

    /// Sets the name of the process, which its job's errors show too. Default: `process-` and a number.
    ///
    /// `ps` and `top` show `program:name`, in at most 15 bytes.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the encoding of the job and its result. Default: [`Codec::Postcard`].
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Makes dropping the [`Process`] kill it, instead of waiting until it has ended. Default: false.
    ///
    /// ```
    /// use executor::{Process, call};
    ///
    /// fn serve() { loop { std::thread::park() } }
    ///
    /// let process = Process::builder().kill_on_drop(true).spawn(call!(serve()))?;
    /// drop(process); // sends SIGKILL and waits a moment, not for the endless job
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn kill_on_drop(mut self, kills: bool) -> Self {
        self.kills = kills;
        self
    }

    /// Limits the job's running time: after `limit` the job fails with
    /// [`JobError::TimedOut`](executor_core::JobError::TimedOut), and the process is killed. Default: no limit.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{JobError, Process, call};
    ///
    /// fn hang() { loop { std::thread::park() } }
    ///
    /// let process = Process::builder().timeout(Duration::from_millis(20)).spawn(call!(hang()))?;
    /// assert!(matches!(process.join(), Err(JobError::TimedOut(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Sets an environment variable in the process; it inherits all other variables.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.set(key.as_ref().to_owned(), Some(value.as_ref().to_owned()));
        self
    }

    /// Removes an environment variable in the process, which would otherwise inherit it.
    pub fn env_remove(mut self, key: impl AsRef<OsStr>) -> Self {
        self.environment.set(key.as_ref().to_owned(), None);
        self
    }

    /// Sets the working directory of the process; it must exist. Default: this process's working directory.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.environment.directory = Some(directory.into());
        self
    }

    /// Adds `increment` (-20 to 19) to the niceness of the process; see
    /// [`ProcessPoolBuilder::nice`](crate::ProcessPoolBuilder::nice). Default: 0.
    pub fn nice(mut self, increment: i32) -> Self {
        self.environment.limits.nice = increment;
        self
    }

    /// Allows the process to write a core file if it crashes. Default: false.
    pub fn core_dumps(mut self, may_dump: bool) -> Self {
        self.environment.limits.may_dump_core = may_dump;
        self
    }

    /// Limits the memory that the process may allocate, in bytes; see
    /// [`ProcessPoolBuilder::memory_limit`](crate::ProcessPoolBuilder::memory_limit). Default: no limit.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.environment.limits.memory = Some(bytes);
        self
    }

    /// Sets the time allowed from starting the process until it is ready to run its job. A slower process is killed,
    /// and [`spawn`](Self::spawn) fails. Must not be zero. Default: 30 s.
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }

    /// Saves the job to a file in `directory` if it fails, to run it again alone; see
    /// [`ProcessPoolBuilder::keep_failed`](crate::ProcessPoolBuilder::keep_failed). Default: nothing is saved.
    pub fn keep_failed(mut self, directory: impl Into<PathBuf>) -> Self {
        self.keep_failed = Some(directory.into());
        self
    }

    /// Passes each line that the process writes to stdout or stderr to `handler`, as
    /// [`ProcessPoolBuilder::capture_output`](crate::ProcessPoolBuilder::capture_output) does. Default: the process writes to the streams of
    /// this process.
    ///
    /// ```
    /// use executor::{OutputLine, Process, call};
    ///
    /// fn serve() { println!("listens") }
    ///
    /// // Prints: (server pid=4242) listens
    /// Process::builder().name("server").capture_output(OutputLine::print).spawn(call!(serve()))?.join()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn capture_output(mut self, handler: impl Fn(&OutputLine) + Send + Sync + 'static) -> Self {
        self.output.set_handler(handler);
        self
    }

    /// Limits how much output the handler of [`capture_output`](Self::capture_output) gets, in bytes; see
    /// [`ProcessPoolBuilder::output_limit`](crate::ProcessPoolBuilder::output_limit). Default: 1 MiB.
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output.limit = bytes;
        self
    }

    /// Starts a process that runs `job`. Blocks until the process is ready to run it: some milliseconds.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if a setting is invalid, the job cannot be encoded, or the process cannot be started.
    pub fn spawn<J: PortableJob>(&self, job: J) -> Result<Process<J::Output>, SpawnError> {
        let settings = Arc::new(self.settings()?);
        let pids = Arc::clone(&settings.worker.pids);
        let mut options = JobOptions::new();
        if let Some(name) = &self.name {
            options = options.name(Arc::clone(name));
        }
        if let Some(limit) = self.timeout {
            options = options.timeout(limit);
        }
        let name = self.name.clone().unwrap_or_else(next_name);
        let (first_start, ready) = oneshot::channel();
        let first_start = Mutex::new(Some(first_start));
        let called = Arc::clone(&name);
        let make = move |_: &Arc<str>| {
            ProcessRunner::telling(Arc::clone(&settings), Arc::clone(&called), first_start.lock().take())
        };
        let scheduler = Scheduler::new(Config::new(Arc::clone(&name), 1), make);
        let policy = SubmitPolicy { codec: self.codec, when_full: WhenFull::Block, retry: 0 };
        let submitter = Submitter {
            scheduler: scheduler.clone(),
            policy,
            options,
            pids,
            template: None,
            wrappers: None,
            #[cfg(feature = "tracing")]
            traced: None,
        };
        let encoded = submitter.encode(&job);
        // Its copy in the process is the one that runs.
        drop_catching(job);
        let future = submitter.submit_encoded(encoded?, open::<J>);
        scheduler.shutdown(false);
        // If there is no thread, the job has failed by now, and no start will be reported.
        let told = if future.is_done() { ready.try_recv().ok() } else { wait_for(ready) };
        match told {
            Some(Ok(child)) => {
                Ok(Process { future, owner: Owner { name, child, scheduler: Some(scheduler), kills: self.kills } })
            }
            Some(Err(reason)) => {
                scheduler.shutdown(true);
                Err(Reason::Start(reason).into())
            }
            None => {
                scheduler.shutdown(true);
                let error = future.result().err();
                Err(error.map_or_else(|| Reason::Start("its thread failed".to_owned()), Reason::Job).into())
            }
        }
    }

    fn settings(&self) -> Result<PoolSettings, SpawnError> {
        if let Some(name) = &self.name {
            check_name(name)?;
        }
        self.environment.check()?;
        check_start_limit(self.start_limit)?;
        host_check::check()?;
        let worker = WorkerSettings {
            codec: self.codec,
            threads: Threads::Default(cores()),
            environment: self.environment.clone(),
            // Its channel is closed as soon as its job is done, whatever a callback takes.
            span: LifetimeLimits { jobs: Some(1), memory: None },
            start_limit: self.start_limit,
            grace: Duration::ZERO,
            initializer: None,
            is_template: false,
            template: None,
            pids: Arc::default(),
            roster: Arc::default(),
            keep_failed: replay_file::directory(self.keep_failed.as_deref())?,
            delivery: Arc::default(),
            capture: self.output.capture(),
            traces: false,
        };
        Ok(PoolSettings { worker: Arc::new(worker), tries: 1, budget: Budget::endless() })
    }
}

/// Blocks until the process is ready, or has failed to start. `None` if its thread ended without a report.
fn wait_for<T>(ready: oneshot::Receiver<T>) -> Option<T> {
    let _blocked = current::block_in(ActivityKind::WaitForProcess, None);
    ready.recv().ok()
}

fn next_name() -> Arc<str> {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    // Relaxed: only the uniqueness of the number matters.
    format!("process-{}", COUNT.fetch_add(1, Ordering::Relaxed)).into()
}
