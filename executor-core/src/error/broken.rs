//! A job that its worker or its pool could not run.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::job_name::JobName;
use super::line::line_or_all;
use super::not_run::Called;

/// The worker or the pool that should have run the job is gone or does not work.
///
/// ```
/// use executor::{JobError, promise};
///
/// let (promise, future) = promise::<u32>();
/// drop(promise);
/// let Err(JobError::Broken(broken)) = future.result() else { panic!("the promise was dropped") };
/// assert!(broken.reason().starts_with("its promise was dropped"));
/// ```
#[derive(Clone, Debug)]
pub struct Broken(Arc<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    reason: Arc<str>,
    job: Option<JobName>,
}

impl Broken {
    /// For authors of executors: `reason` says what is broken and what to do. The job's [cell](crate::cell) adds its name.
    pub fn new(reason: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(Parts { reason: reason.into(), job: None }))
    }

    /// For authors of executors: sets the job's name.
    #[must_use]
    pub fn with_job(mut self, job: Option<JobName>) -> Self {
        Arc::make_mut(&mut self.0).job = job;
        self
    }

    /// The cause and the remedy.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The name that the job was given, or else the path of its function or type. `None` if the error does not know the job.
    pub fn job(&self) -> Option<&str> {
        self.0.job.as_ref().map(JobName::as_str)
    }

    /// Jobs that a pool fails with one error share its reason, and each gets its own name.
    pub(super) fn set_name(&mut self, name: JobName) {
        Arc::make_mut(&mut self.0).job = Some(name);
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line_or_all(f, format_args!("{} did not complete: {}", Called(self.job()), self.reason()))
    }
}

impl Error for Broken {}
