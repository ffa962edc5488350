//! Jobs that were cancelled or rejected.

use std::error::Error;
use std::fmt;

use super::job_name::JobName;
use super::line::line_or_all;
use super::{JobError, Rejection};

/// A job that was cancelled before it started, or aborted while it ran.
///
/// ```
/// use executor::{Future, JobError, extend::cell::Run};
///
/// struct Thumbnail;
///
/// impl executor::Job for Thumbnail {
///     type Output = ();
///     fn run(self) {}
/// }
///
/// let (_job, future) = Future::of_job(Thumbnail);
/// assert!(future.cancel());
/// let Err(JobError::Cancelled(cancelled)) = future.result() else { panic!("it was cancelled") };
/// assert!(cancelled.job().is_some_and(|job| job.ends_with("::Thumbnail")));
/// ```
#[derive(Clone, Debug)]
pub struct Cancelled(Option<JobName>);

impl Cancelled {
    /// For those who write executors: the job has this name. A [cell](crate::cell) adds the name where it is `None`.
    pub const fn new(job: Option<JobName>) -> Self {
        Self(job)
    }

    /// The name that the job was given, or else the path of its function or type. `None` where there was no job, such as of a promise.
    pub fn job(&self) -> Option<&str> {
        self.0.as_ref().map(JobName::as_str)
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line_or_all(f, format_args!("{} was cancelled", Called(self.job())))
    }
}

impl Error for Cancelled {}

/// A job that its executor did not take, or dropped from a full queue.
///
/// [`Rejected`](crate::Rejected) is the same with the job itself, where a `try_submit` gives that back.
#[derive(Clone, Debug)]
pub struct Refused {
    job: Option<JobName>,
    reason: Rejection,
}

impl Refused {
    /// For those who write executors: the job has this name. A [cell](crate::cell) adds the name where it is `None`.
    pub const fn new(reason: Rejection, job: Option<JobName>) -> Self {
        Self { job, reason }
    }

    /// Why the job was rejected.
    pub const fn reason(&self) -> Rejection {
        self.reason
    }

    /// The name that the job was given, or else the path of its function or type. `None` where the error does not know it.
    pub fn job(&self) -> Option<&str> {
        self.job.as_ref().map(JobName::as_str)
    }

    /// Whether there was no room, which there may be later.
    pub(super) fn is_for_room(&self) -> bool {
        matches!(self.reason, Rejection::Full | Rejection::Dropped)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line_or_all(f, format_args!("{} was rejected: {}", Called(self.job()), self.reason.explanation()))
    }
}

impl Error for Refused {}

impl JobError {
    /// For those who write executors: the job was cancelled. Its [cell](crate::cell) adds its name.
    pub const fn cancelled() -> Self {
        Self::Cancelled(Cancelled::new(None))
    }

    /// For those who write executors: the job was rejected. Its [cell](crate::cell) adds its name.
    pub const fn rejected(reason: Rejection) -> Self {
        Self::Rejected(Refused::new(reason, None))
    }

    /// Adds the job's name to an error that should have one and has none.
    pub(crate) fn add_name(&mut self, name: impl FnOnce() -> Option<JobName>) {
        match self {
            Self::Cancelled(Cancelled(job @ None)) | Self::Rejected(Refused { job: job @ None, .. }) => *job = name(),
            Self::Broken(broken) => broken.add_name(name),
            _ => {}
        }
    }
}

/// The subject of an error's text: the job, by its name if that is known.
pub(super) struct Called<'a>(pub(super) Option<&'a str>);

impl fmt::Display for Called<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "job `{name}`"),
            None => f.write_str("the job"),
        }
    }
}
