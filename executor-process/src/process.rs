//! A process for one job: a pool of one worker that runs it, and ends.
//!
//! The thread of that pool owns the process, as a pool's threads own theirs: it has started the process, which lives no longer than
//! that thread, and it receives the job's outcome.

mod builder;
mod error;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::{Broken, Exit, Future, JobError, PortableJob};
use executor_thread::scheduler::Scheduler;

pub use builder::ProcessBuilder;
pub use error::SpawnError;

use crate::dispatch::runner::ProcessRunner;
use crate::supervisor::child::Child;
use crate::supervisor::claims::Kill;

/// A process of its own that runs one job, and ends with it.
///
/// It is what a pool's worker is: the same program, started again, in which `main` never runs. It has `/dev/null` for stdin, ignores SIGINT,
/// and ends with this process, however that ends. The job is a function with arguments that own their data
/// ([`call!`](executor_core::call!)), or a type of yours that implements [`Job`](executor_core::Job) and serde's traits. [`join`](Process::join)
/// has what came of it, in the same errors as a pool's jobs have: a crash is [`JobError::Crashed`], and tells where it was.
///
/// Dropping it blocks until the process has ended, unless it was built to be [killed then](ProcessBuilder::kill_on_drop). It is also a
/// std future, and a [`Future`] by [`into_future`](IntoFuture::into_future), which nothing blocks for: `process.await`.
///
/// A pool uses its processes again, and is the better choice for more than a few jobs: a process takes milliseconds to start.
///
/// ```
/// use executor::{Job, JobError, Process, call};
/// use serde::{Deserialize, Serialize};
///
/// fn crash() { std::process::abort() }
///
/// #[derive(Serialize, Deserialize)]
/// struct Greeter { whom: String }
///
/// impl Job for Greeter {
///     type Output = String;
///     fn run(self) -> String { format!("hello, {}, from process {}", self.whom, std::process::id()) }
/// }
///
/// let greeter = Process::spawn(Greeter { whom: "world".to_owned() })?;
/// let pid = greeter.pid();
/// assert_eq!(greeter.join()?, format!("hello, world, from process {pid}"));
///
/// match Process::spawn(call!(crash()))?.join() {
///     Err(JobError::Crashed(crash)) => assert_eq!(crash.signal(), Some("SIGABRT")),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it waits for its end"]
pub struct Process<T> {
    future: Future<T>,
    owner: Owner,
}

/// Owns the process. Separate from the future, so that a `join` can take that.
struct Owner {
    name: Arc<str>,
    child: Arc<Child>,
    /// `None` once it is left alone.
    scheduler: Option<Scheduler<ProcessRunner>>,
    kills: bool,
}

impl Process<()> {
    /// Settings first, then [`spawn`](ProcessBuilder::spawn).
    pub fn builder() -> ProcessBuilder {
        ProcessBuilder::new()
    }

    /// Starts a process that runs `job`. Blocks until it is ready to, which takes some milliseconds.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] when the job cannot be encoded, or the process cannot be started.
    pub fn spawn<J: PortableJob>(job: J) -> Result<Process<J::Output>, SpawnError> {
        Self::builder().spawn(job)
    }
}

impl<T> Process<T> {
    /// Its process id. A stranger may have it once the process has ended: to end it, use [`kill`](Process::kill), which knows.
    pub fn pid(&self) -> u32 {
        self.owner.child.pid()
    }

    /// The name that it was given, or `process-` and a number; in the process,
    /// [`current::worker_name`](executor_core::current::worker_name).
    pub fn name(&self) -> &str {
        &self.owner.name
    }

    /// Whether it has not ended yet. When its job has returned, it is there for some moments more.
    pub fn is_alive(&self) -> bool {
        !self.owner.child.is_gone()
    }

    /// How it ended: 0 when its job returned, 101 when that panicked or had a result that could not be encoded; what it
    /// passed to `exit`; or the signal that ended it. `None` while it lives; and where something else in this program takes the
    /// exit status of every child.
    ///
    /// ```
    /// use executor::{Exit, Process, call};
    ///
    /// fn wait_for_ever() { loop { std::thread::park() } }
    ///
    /// let process = Process::spawn(call!(wait_for_ever()))?;
    /// assert_eq!(process.exit_code(), None);
    /// process.terminate();
    /// let exit = process.wait().unwrap();
    /// assert_eq!((exit, exit.signal()), (Exit::Signal(15), Some("SIGTERM")));
    /// assert_eq!(process.exit_code(), Some(exit));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exit_code(&self) -> Option<Exit> {
        self.owner.child.ended().flatten()
    }

    /// Blocks until it has ended, and says how, as [`exit_code`](Process::exit_code) does. In a callback of its own job it returns at once.
    pub fn wait(&self) -> Option<Exit> {
        self.owner.wait();
        self.exit_code()
    }

    /// Blocks until it has ended, and says what came of its job.
    ///
    /// # Errors
    ///
    /// Those of a job of a pool, [`JobError::Crashed`] before all: also when it was [killed](Process::kill), or
    /// [terminated](Process::terminate).
    pub fn join(self) -> Result<T, JobError> {
        let Self { future, owner } = self;
        if !owner.child.is_ours() {
            return Err(JobError::Broken(Broken::new(
                "this process was forked (`fork()`) from the one that started the job's process; join it there",
            )));
        }
        let outcome = future.result();
        owner.wait();
        outcome
    }

    /// As [`join`](Process::join), and blocks no longer than `limit`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{Process, call};
    ///
    /// fn wait_for_ever() { loop { std::thread::park() } }
    ///
    /// let process = Process::spawn(call!(wait_for_ever()))?;
    /// let process = process.join_timeout(Duration::from_millis(5)).unwrap_err();
    /// process.kill();
    /// assert!(process.join().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The process, when it has not ended by then.
    pub fn join_timeout(self, limit: Duration) -> Result<Result<T, JobError>, Self> {
        // A limit beyond the clock's range is no limit.
        let deadline = Instant::now().checked_add(limit);
        if self.future.wait_timeout(limit) && self.owner.child.wait_until(deadline) {
            Ok(self.join())
        } else {
            Err(self)
        }
    }

    /// Sends SIGTERM to it, and to the processes that it started in its process group. That ends it, unless its job has installed a handler.
    /// Does not block. Nothing happens when it has ended.
    ///
    /// A SIGTERM or SIGHUP that another process sends does not end it while this program lives: a service manager sends both to all
    /// processes of a service, and this program decides when its own end. A job that wants to know of them installs a handler.
    pub fn terminate(&self) {
        self.owner.child.ask_to_end();
    }

    /// Ends it at once (SIGKILL), whatever its state, and the processes that it started in its process group. Does not block. Nothing happens when it has ended.
    pub fn kill(&self) {
        self.owner.child.kill();
    }
}

/// The future of its job, for `await`, [`wait`](executor_core::wait()) and their kin. It is ready a moment before the process has ended.
///
/// The process then has no owner: if the future is dropped, the process runs on, and [`abort`](Future::abort) kills it. To have it
/// [killed on drop](ProcessBuilder::kill_on_drop) still, use [`abort_on_drop`](Future::abort_on_drop).
///
/// ```
/// use executor::{Process, call, join_all};
///
/// let processes = [Process::spawn(call!(u32::pow(2, 5)))?, Process::spawn(call!(u32::pow(3, 2)))?];
/// let powers = join_all(processes.map(IntoFuture::into_future));
/// assert_eq!(powers.into_iter().collect::<Result<Vec<_>, _>>()?, [32, 9]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<T> IntoFuture for Process<T> {
    type Output = Result<T, JobError>;
    type IntoFuture = Future<T>;

    fn into_future(self) -> Future<T> {
        let Self { future, mut owner } = self;
        owner.leave();
        future
    }
}

impl Owner {
    fn wait(&self) {
        if let Some(scheduler) = &self.scheduler {
            scheduler.shutdown(true);
        }
    }

    fn leave(&mut self) {
        self.scheduler = None;
    }
}

impl Drop for Owner {
    /// Blocks until the process has ended, unless it was left alone.
    fn drop(&mut self) {
        if self.kills && self.scheduler.is_some() {
            self.child.kill();
        }
        self.wait();
    }
}

impl<T> fmt::Debug for Process<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("name", &self.owner.name)
            .field("pid", &self.pid())
            .field("exit_code", &self.exit_code())
            .finish_non_exhaustive()
    }
}
