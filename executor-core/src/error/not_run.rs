//! The errors of jobs that were cancelled or rejected.

use std::error::Error;
use std::fmt;

use super::job_name::JobName;
use super::line::line_or_all;
use super::{JobError, Rejection};

/// The job was cancelled before it started, or killed by an abort or a shutdown.
///
/// ```
/// use std::time::Duration;
/// use executor::{JobError, JobOptions, ThreadPool};
///
/// let pool = ThreadPool::new(1);
/// let named = pool.with(JobOptions::new().name("cleanup"));
/// let later = named.submit_after(Duration::from_secs(3600), || ());
/// assert!(later.cancel());
/// let Err(JobError::Cancelled(cancelled)) = later.result() else { panic!("it was cancelled") };
/// assert_eq!(cancelled.job(), Some("cleanup"));
/// assert_eq!(cancelled.to_string(), "job `cleanup` was cancelled");
/// ```
#[derive(Clone, Debug)]
pub struct Cancelled(Option<JobName>);

impl Cancelled {
    /// For authors of executors: creates the error of a job with this name. If it is `None`, the job's [cell](crate::cell) adds the name.
    pub const fn new(job: Option<JobName>) -> Self {
        Self(job)
    }

    /// Returns the name that the job was given, or else the path of its function or type. `None` if there is no job, as for a promise.
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

/// The executor did not accept the job, or dropped it from a full queue.
///
/// `try_submit` returns [`Rejected`](crate::Rejected) instead, which gives the job back.
#[derive(Clone, Debug)]
pub struct Refused {
    job: Option<JobName>,
    reason: Rejection,
}

impl Refused {
    /// For authors of executors: creates the error of a job with this name. If it is `None`, the job's [cell](crate::cell) adds the name.
    pub const fn new(reason: Rejection, job: Option<JobName>) -> Self {
        Self { job, reason }
    }

    /// Returns why the job was rejected.
    pub const fn reason(&self) -> Rejection {
        self.reason
    }

    /// Returns the name that the job was given, or else the path of its function or type. `None` if the error does not know the job.
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
    /// For authors of executors: the job was cancelled. The job's [cell](crate::cell) adds its name.
    pub const fn cancelled() -> Self {
        Self::Cancelled(Cancelled::new(None))
    }

    /// For authors of executors: the job was rejected. The job's [cell](crate::cell) adds its name.
    pub const fn rejected(reason: Rejection) -> Self {
        Self::Rejected(Refused::new(reason, None))
    }

    /// Adds the job's name to an error that should have one and has none.
    pub(crate) fn add_name(&mut self, name: impl FnOnce() -> Option<JobName>) {
        if self.lacks_name() {
            self.set_name(name());
        }
    }

    fn lacks_name(&self) -> bool {
        match self {
            Self::Cancelled(Cancelled(job)) | Self::Rejected(Refused { job, .. }) => job.is_none(),
            Self::Broken(broken) => broken.job().is_none(),
            _ => false,
        }
    }

    fn set_name(&mut self, name: Option<JobName>) {
        match (self, name) {
            (Self::Cancelled(Cancelled(job)) | Self::Rejected(Refused { job, .. }), name) => *job = name,
            (Self::Broken(broken), Some(name)) => broken.set_name(name),
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
