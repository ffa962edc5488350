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

/// A process of its own for one job: it runs the job, then ends.
///
/// It is this same program, started again; `main` does not run in it. The job is a function call whose arguments own
/// their data ([`call!`](executor_core::call!)), or a type of your own that implements [`Job`](executor_core::Job)
/// and serde's traits. [`join`](Process::join) returns the job's result, or the same errors as a pool's job: a crash
/// is [`JobError::Crashed`], with a backtrace where the build has symbols.
///
/// The process's stdin is `/dev/null`. It ignores SIGINT, and it ends if this process dies in any way.
///
/// Dropping a `Process` blocks until the process has ended, unless it was built with
/// [`kill_on_drop`](ProcessBuilder::kill_on_drop). Async code can await it without blocking (`process.await`);
/// [`into_future`](IntoFuture::into_future) gives its [`Future`].
///
/// For more than a few jobs, use a pool, which reuses its processes: starting a process takes milliseconds.
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
    /// Returns a builder with default settings; finish with [`spawn`](ProcessBuilder::spawn).
    pub fn builder() -> ProcessBuilder {
        ProcessBuilder::new()
    }

    /// Starts a process that runs `job`, with default settings. Blocks until the process is ready to run it: some
    /// milliseconds.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if the job cannot be encoded, or the process cannot be started.
    pub fn spawn<J: PortableJob>(job: J) -> Result<Process<J::Output>, SpawnError> {
        Self::builder().spawn(job)
    }
}

impl<T> Process<T> {
    /// Returns the process id. After the process has ended, the system may give this id to another process: to signal
    /// the process safely, use [`kill`](Process::kill) or [`terminate`](Process::terminate).
    pub fn pid(&self) -> u32 {
        self.owner.child.pid()
    }

    /// Returns the name given to the builder, or `process-` and a number. In the process,
    /// [`current::worker_name`](executor_core::current::worker_name) returns the same name.
    pub fn name(&self) -> &str {
        &self.owner.name
    }

    /// Returns whether the process has not ended yet. It lives for a moment longer than its job. Never blocks.
    pub fn is_alive(&self) -> bool {
        !self.owner.child.is_gone()
    }

    /// Returns how the process ended, or `None` while it lives. Never blocks.
    ///
    /// The exit code is 0 if the job returned, 101 if it panicked or its result could not be encoded, or the code
    /// that the job passed to `exit`. If a signal ended the process, the signal is returned. It is also `None` if
    /// other code in this program collects the exit status of all child processes.
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

    /// Blocks until the process has ended, and returns how it ended, like [`exit_code`](Process::exit_code). Returns
    /// at once in a callback of this process's job.
    pub fn wait(&self) -> Option<Exit> {
        self.owner.wait();
        self.exit_code()
    }

    /// Blocks until the process has ended, and returns the outcome of its job.
    ///
    /// # Errors
    ///
    /// The same as for a pool's job: for instance [`JobError::Panicked`] if the job panicked, or
    /// [`JobError::Crashed`] if the process died, was [killed](Process::kill) or was
    /// [terminated](Process::terminate).
    pub fn join(self) -> Result<T, JobError> {
        let Self { future, owner } = self;
        if !owner.child.is_ours() {
            return Err(JobError::Broken(Broken::new(
                "this process is a fork (`fork()`) of the one that started the job's process; join it in the parent",
            )));
        }
        let outcome = future.result();
        owner.wait();
        outcome
    }

    /// Joins like [`join`](Process::join), but blocks for at most `limit`.
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
    /// Returns the `Process` if it has not ended within `limit`.
    pub fn join_timeout(self, limit: Duration) -> Result<Result<T, JobError>, Self> {
        // A limit beyond the clock's range is no limit.
        let deadline = Instant::now().checked_add(limit);
        if self.future.wait_timeout(limit) && self.owner.child.wait_until(deadline) {
            Ok(self.join())
        } else {
            Err(self)
        }
    }

    /// Sends SIGTERM to the process and to the processes in its process group. This ends the process, unless its job
    /// has installed a handler. Does not block; does nothing if the process has ended.
    ///
    /// While this program lives, a SIGTERM or SIGHUP from another process does not end the process. The reason: a service
    /// manager sends these signals to every process of a service, but this program decides when its own processes end. A job
    /// that must react to such a signal installs a handler.
    pub fn terminate(&self) {
        self.owner.child.ask_to_end();
    }

    /// Sends SIGKILL to the process and to the processes in its process group, which ends them at once in any state.
    /// Does not block; does nothing if the process has ended.
    pub fn kill(&self) {
        self.owner.child.kill();
    }
}

/// Converts into the future of the job, for `await`, [`wait`](executor_core::wait()) and `join_all`. The future
/// completes a moment before the process has ended.
///
/// After the conversion no drop blocks: if the future is dropped, the process runs on. To kill it, call
/// [`abort`](Future::abort); to kill it on drop, use [`abort_on_drop`](Future::abort_on_drop).
/// [`kill_on_drop`](ProcessBuilder::kill_on_drop) has no effect any more.
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
