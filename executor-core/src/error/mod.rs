//! How a job can end other than with its result. The texts say what happened, to which job, and what to do.

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
pub use timed_out::TimedOut;

/// Why a job has no result.
///
/// `{}` is one line, and cheap: for logs. `{:#}` is all that is known: the causes, the file that keeps the job, and where it was, a line
/// for each function. The first `{:#}` of a crash reads the program's symbols, which can take a second or more, and one of a [`TimedOut`] may
/// wait for the file; so print it where a thread may block.
///
/// Cheap to clone: what it holds is shared. It is `Send + Sync + Error`, so `?` takes it into any error type that does.
///
/// ```
/// use executor::{Future, JobError};
///
/// let future: Future<u32> = Future::failed(JobError::cancelled());
/// match future.result() {
///     Err(JobError::Cancelled(_)) => {}
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum JobError {
    /// It was cancelled before it started, or aborted while it ran.
    Cancelled(Cancelled),
    /// The executor did not take it.
    Rejected(Refused),
    /// Its code panicked.
    Panicked(Panicked),
    /// It was not done in the time it was given.
    TimedOut(TimedOut),
    /// The process that ran it died.
    Crashed(Crashed),
    /// It, or its result, could not be encoded or decoded.
    Codec(CodecError),
    /// The worker or pool that should have run it is gone or cannot work.
    Broken(Broken),
    /// Its result was an error; see [`Future::flatten`](crate::Future::flatten).
    Failed(Failed),
}

impl JobError {
    /// The error of a job that failed by itself, as [`Future::flatten`](crate::Future::flatten) makes it.
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

    /// The file that keeps the job, where its pool keeps those that crash, time out or panic. Blocks while that is being written, which
    /// a [`TimedOut`] does not wait for.
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

/// Why an executor refuses a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// The executor was shut down, or dropped, before.
    Shutdown,
    /// Its bounded queue is full.
    Full,
    /// It was accepted, and dropped from a full queue in favour of another job.
    Dropped,
    /// The executor broke down before. The jobs that it had then ended as [`JobError::Broken`], with the reason.
    Broken,
    /// This process was forked from the one that made the executor, whose threads and processes are not here.
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

/// A job or a result that could not be encoded or decoded. Only that job is affected.
#[derive(Clone, Debug)]
pub struct CodecError(Arc<CodecParts>);

#[derive(Debug)]
struct CodecParts {
    action: &'static str,
    job: String,
    output: String,
    cause: String,
}

impl CodecError {
    /// For those who write executors. `action` is what failed (`"encode the job"`), `job` and `output` are the names
    /// of the two types, and `cause` is the codec's own text.
    pub fn new(
        action: &'static str,
        job: impl Into<String>,
        output: impl Into<String>,
        cause: impl fmt::Display,
    ) -> Self {
        Self(Arc::new(CodecParts { action, job: job.into(), output: output.into(), cause: cause.to_string() }))
    }

    /// The type of the job, or the path of its function.
    pub fn job(&self) -> &str {
        &self.0.job
    }

    /// The type of its result.
    pub fn output(&self) -> &str {
        &self.0.output
    }

    /// The codec's own text.
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

/// The error that a job returned as its result.
///
/// `{}` is its text, in one line; `{:#}` has its causes behind it, each after a colon.
#[derive(Clone, Debug)]
pub struct Failed(Arc<dyn Error + Send + Sync>);

impl Failed {
    /// Of this error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into().into())
    }

    /// The error itself, to be downcast.
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        with_causes(f, &*self.0)
    }
}

/// A setting that a pool cannot be built with, or a host that it cannot run in.
#[derive(Clone, Debug)]
pub struct BuildError {
    setting: &'static str,
    problem: String,
}

impl BuildError {
    /// For those who write executors: `setting` is `value`, and `allowed` says what it may be.
    pub fn setting(setting: &'static str, value: impl fmt::Display, allowed: impl fmt::Display) -> Self {
        Self { setting, problem: format!("is {value}, but must be {allowed}") }
    }

    /// For those who write executors: what is wrong with `subject`, which is no setting, and what to do.
    pub fn host(subject: &'static str, problem: impl Into<String>) -> Self {
        Self { setting: subject, problem: problem.into() }
    }

    /// The setting, or the part of the host, that is the reason.
    pub fn name(&self) -> &str {
        self.setting
    }

    /// The problem and its remedy, to be read after the name.
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
