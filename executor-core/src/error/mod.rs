//! The errors of jobs. Their texts say what happened, to which job, and what to do.

mod backtrace;
mod broken;
mod crash;
mod exit;
mod job_name;
mod line;
mod not_run;
mod panic;
mod questions;
mod saved;
mod timed_out;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use self::line::{line_or_all, with_causes};
pub use backtrace::{Backtrace, Frame};
pub use broken::Broken;
pub use crash::Crashed;
pub use exit::Exit;
pub use job_name::{JobName, JobPath};
pub use not_run::{Cancelled, Refused};
pub use panic::Panicked;
pub use saved::{Saved, Saving};
pub use timed_out::{Spaced, TimedOut};

/// Why a job has no result.
///
/// `{}` writes one line, for logs: what happened, to which job, and what to do. `{:#}` adds the causes, the file that the job was saved to,
/// a backtrace, and the end of a crashed job's stderr.
///
/// `{:#}` may block: the first backtrace reads the program's symbols, which can take a second or more. For a [`TimedOut`], `{:#}` also waits
/// until the file is written.
///
/// Cheap to clone. It is `Send + Sync + Error`, so `?` converts it into `anyhow::Error`, `Box<dyn Error>` and the like.
///
/// ```
/// use executor::{JobError, ThreadPool};
///
/// let pool = ThreadPool::new(1);
/// match pool.submit(|| -> u32 { panic!("no luck") }).result() {
///     Err(JobError::Panicked(panicked)) => assert_eq!(panicked.message(), "no luck"),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum JobError {
    /// The job was cancelled before it started, or killed by an abort or a shutdown.
    Cancelled(Cancelled),
    /// The pool did not accept the job, or dropped it from a full queue.
    Rejected(Refused),
    /// The job panicked.
    Panicked(Panicked),
    /// The job did not finish, or did not start, within its time limit.
    TimedOut(TimedOut),
    /// The process that ran the job died.
    Crashed(Crashed),
    /// The job or its result could not be encoded or decoded, to move between processes.
    Codec(CodecError),
    /// The worker or pool that should have run the job is gone or does not work.
    Broken(Broken),
    /// The job returned an error, which [`Future::flatten`](crate::Future::flatten) has turned into this.
    Failed(Failed),
}

impl JobError {
    /// Creates the error of a job that returned an error, as [`Future::flatten`](crate::Future::flatten) does.
    ///
    /// ```
    /// use executor::JobError;
    ///
    /// let error = JobError::failed("the page has no title");
    /// assert_eq!(error.to_string(), "the page has no title");
    /// assert!(matches!(error, JobError::Failed(_)));
    /// ```
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(Failed::new(error))
    }

    /// Returns the file that the failed job was saved to, if its process pool was built with `keep_failed`. `None` if the job was not saved.
    /// Blocks while the file of a [`TimedOut`] job is still being written.
    pub fn saved(&self) -> Option<&Path> {
        match self {
            Self::Panicked(error) => error.saved(),
            Self::TimedOut(error) => error.saved(),
            Self::Crashed(error) => error.saved(),
            _ => None,
        }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(e) => e.fmt(f),
            Self::Rejected(e) => e.fmt(f),
            Self::Panicked(e) => e.fmt(f),
            Self::TimedOut(e) => e.fmt(f),
            Self::Crashed(e) => e.fmt(f),
            Self::Codec(e) => e.fmt(f),
            Self::Broken(e) => e.fmt(f),
            Self::Failed(e) => e.fmt(f),
        }
    }
}

impl Error for JobError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(e) => e.0.source(),
            _ => None,
        }
    }
}

/// Why an executor rejected a job. `{}` writes the reason and what to do.
///
/// ```
/// use executor::{Rejection, ThreadPool};
///
/// let pool = ThreadPool::new(1);
/// pool.shutdown(true);
/// let error = pool.submit(|| 7).result().unwrap_err();
/// assert_eq!(error.rejection(), Some(Rejection::Shutdown));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// The executor was shut down or dropped before.
    Shutdown,
    /// The bounded queue is full.
    Full,
    /// The queue was full, and dropped the job ([`WhenFull::DropOldest`](crate::WhenFull::DropOldest) or `DropNewest`).
    Dropped,
    /// The executor is broken. The jobs that it had then ended as [`JobError::Broken`], with the reason.
    Broken,
    /// This process is a fork of the one that created the executor, and has none of its threads.
    Forked,
}

impl Rejection {
    /// The reason and the remedy.
    const fn explanation(self) -> &'static str {
        match self {
            Self::Shutdown => {
                "the executor was shut down or dropped; submit before the shutdown, or to another executor"
            }
            Self::Full => "the executor's queue is full; try again later, or raise the queue's limit",
            Self::Dropped => "it was dropped because the executor's queue was full; raise the queue's limit",
            Self::Broken => {
                "the executor is broken; the errors of its earlier jobs give the reason; fix that, then create a new executor"
            }
            Self::Forked => {
                "the executor belongs to the parent process: this process is a fork (`fork()`) without its threads and \
                 worker processes; create an executor after the fork"
            }
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the job was rejected: {}", self.explanation())
    }
}

impl Error for Rejection {}

/// A job or a result could not be encoded or decoded, to move between processes. No other job is affected.
#[derive(Clone, Debug)]
pub struct CodecError(Arc<CodecParts>);

#[derive(Debug)]
struct CodecParts {
    action: Cow<'static, str>,
    job: String,
    output: String,
    cause: String,
}

impl CodecError {
    /// For authors of executors. `action` is what failed (`"encode the job"`), `job` and `output` are the names
    /// of the two types, and `cause` is the codec's own text.
    pub fn new(
        action: impl Into<Cow<'static, str>>,
        job: impl Into<String>,
        output: impl Into<String>,
        cause: impl fmt::Display,
    ) -> Self {
        Self(Arc::new(CodecParts {
            action: action.into(),
            job: job.into(),
            output: output.into(),
            cause: cause.to_string(),
        }))
    }

    /// Returns what failed, such as "decode the result".
    pub fn action(&self) -> &str {
        &self.0.action
    }

    /// Returns the type of the job, or the path of its function.
    pub fn job(&self) -> &str {
        &self.0.job
    }

    /// Returns the type of the job's result.
    pub fn output(&self) -> &str {
        &self.0.output
    }

    /// Returns the message of the codec.
    pub fn cause(&self) -> &str {
        &self.0.cause
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CodecParts { action, job, output, cause } = &*self.0;
        line_or_all(
            f,
            format_args!(
                "job `{job}` (result `{output}`): could not {action}: {cause}; \
                 its types must survive a round trip through the pool's codec"
            ),
        )
    }
}

impl Error for CodecError {}

/// The error that a job returned. Made by [`Future::flatten`](crate::Future::flatten).
///
/// `{}` writes its text in one line. `{:#}` adds its causes, each after a colon.
#[derive(Clone, Debug)]
pub struct Failed(Arc<dyn Error + Send + Sync>);

impl Failed {
    /// Wraps an error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into().into())
    }

    /// Returns the error, for a downcast.
    ///
    /// ```
    /// use std::num::ParseIntError;
    /// use executor::{JobError, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1);
    /// let Err(JobError::Failed(failed)) = pool.submit(|| "x".parse::<u32>()).flatten().result() else { panic!("no number") };
    /// assert!(failed.get_ref().is::<ParseIntError>());
    /// ```
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        with_causes(f, &*self.0)
    }
}

/// Why a pool cannot be built: a setting has a value that is not allowed, or the system lacks something.
///
/// ```
/// use executor::ThreadPool;
///
/// let error = ThreadPool::builder().threads(4).min_threads(9).build().unwrap_err();
/// assert_eq!(error.name(), "min_threads");
/// assert_eq!(error.problem(), "is 9, but must be at most `threads`, which is 4");
/// ```
#[derive(Clone, Debug)]
pub struct BuildError {
    setting: &'static str,
    problem: String,
}

impl BuildError {
    /// For authors of executors: `setting` has the value `value`; `allowed` completes "must be …".
    pub fn setting(setting: &'static str, value: impl fmt::Display, allowed: impl fmt::Display) -> Self {
        Self { setting, problem: format!("is {value}, but must be {allowed}") }
    }

    /// For authors of executors: `problem` says what is wrong with `subject`, a part of the system, and what to do.
    pub fn host(subject: &'static str, problem: impl Into<String>) -> Self {
        Self { setting: subject, problem: problem.into() }
    }

    /// Returns the name of the setting, or of the part of the system.
    pub fn name(&self) -> &str {
        self.setting
    }

    /// Returns the problem and the remedy, as the rest of a sentence that begins with the name.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot build the pool: `{}` {}", self.setting, self.problem)
    }
}

impl Error for BuildError {}
