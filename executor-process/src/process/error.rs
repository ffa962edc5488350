//! Why a process was not started.

use std::error::Error;
use std::fmt;

use executor_core::{BuildError, JobError};

/// The error of a [`Process`](crate::Process) that could not be started. Its text gives the reason and a remedy.
///
/// ```
/// use executor::{Process, call};
///
/// let error = Process::builder().nice(100).spawn(call!(u32::pow(2, 5))).unwrap_err();
/// assert_eq!(error.to_string(), "the process could not be started: `nice` is 100, but must be from -20 to 19");
/// ```
#[derive(Debug)]
pub struct SpawnError(Reason);

#[derive(Debug)]
pub(super) enum Reason {
    /// A setting that cannot be, or a program that cannot start processes.
    Build(BuildError),
    /// The job cannot be encoded, or there is no thread to own its process.
    Job(JobError),
    /// The process that was started is of no use.
    Start(String),
}

impl From<Reason> for SpawnError {
    fn from(reason: Reason) -> Self {
        Self(reason)
    }
}

impl From<BuildError> for SpawnError {
    fn from(error: BuildError) -> Self {
        Self(Reason::Build(error))
    }
}

impl From<JobError> for SpawnError {
    fn from(error: JobError) -> Self {
        Self(Reason::Job(error))
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the process could not be started: ")?;
        match &self.0 {
            Reason::Build(error) => write!(f, "`{}` {}", error.name(), error.problem()),
            Reason::Job(error) => error.fmt(f),
            Reason::Start(reason) => f.write_str(reason),
        }
    }
}

impl Error for SpawnError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Reason::Job(error) => error.source(),
            Reason::Build(_) | Reason::Start(_) => None,
        }
    }
}
