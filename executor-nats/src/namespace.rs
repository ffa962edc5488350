//! The name under which programs share jobs, and the settings of its streams.

use std::time::Duration;

use crate::error::ConnectError;

const HOUR: Duration = Duration::from_secs(3600);

/// The name under which submitters and hosts find each other, and the settings of the streams behind it. Made from a name, or step by
/// step. The first program that connects makes the streams; all programs of a namespace should have the same settings.
///
/// ```
/// use std::time::Duration;
/// use executor_nats::Namespace;
///
/// let namespace = Namespace::new("thumbnails").replicas(3).capacity(1_000_000).lease(Duration::from_secs(5));
/// # let _ = namespace;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a namespace does nothing until it is connected to or served"]
pub struct Namespace {
    pub(crate) name: String,
    pub(crate) replicas: usize,
    pub(crate) capacity: Option<usize>,
    pub(crate) lease: Duration,
    pub(crate) keep_jobs: Duration,
    pub(crate) keep_outcomes: Duration,
}

impl Namespace {
    /// 1 to 32 letters, digits, `-` and `_`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            replicas: 1,
            capacity: None,
            lease: Duration::from_secs(10),
            keep_jobs: 24 * HOUR,
            keep_outcomes: 48 * HOUR,
        }
    }

    /// Sets on how many servers of a cluster everything is stored: 1, 3 or 5. Default: 1.
    pub fn replicas(self, replicas: usize) -> Self {
        Self { replicas, ..self }
    }

    /// Limits how many jobs may wait or run in the whole namespace. At the limit, a submitter does what its
    /// [`when_full`](crate::NatsExecutorBuilder::when_full) says. Default: no limit.
    ///
    /// A submitter that waits for room learns at once of its own jobs that end, and looks each 100 ms for room that others have made. A job
    /// that runs counts until its outcome is stored. With a limit, jobs are stored one by one, and each submit waits for the server.
    pub fn capacity(self, jobs: usize) -> Self {
        Self { capacity: Some(jobs), ..self }
    }

    /// Sets how long a host may be silent before its jobs count as lost, at least 1 s. Default: 10 s.
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Sets how long a job may wait and run in all. Default: 24 hours.
    ///
    /// After this time the server drops the job, and its future ends as [`TimedOut`](executor_core::TimedOut). If the job runs, its host is
    /// told to stop it. The submitter's clock counts, from the submit or the end of the delay; if the submitter is gone, the server's.
    pub fn keep_jobs(self, limit: Duration) -> Self {
        Self { keep_jobs: limit, ..self }
    }

    /// Sets how long an outcome that no program reads is kept, at least as long as [`keep_jobs`](Self::keep_jobs). Default: 48 hours.
    pub fn keep_outcomes(self, limit: Duration) -> Self {
        Self { keep_outcomes: limit, ..self }
    }

    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !(1..=32).contains(&self.name.len()) || !self.name.chars().all(is_allowed) {
            return Err(ConnectError::Namespace(self.name.clone()));
        }
        if self.lease < Duration::from_secs(1) {
            return Err(ConnectError::Setting(format!("a lease of {:?} is too short; use 1 s or more", self.lease)));
        }
        if self.capacity == Some(0) {
            return Err(ConnectError::Setting("a capacity of 0 lets no job in; use 1 or more".to_owned()));
        }
        if ![1, 3, 5].contains(&self.replicas) {
            return Err(ConnectError::Setting(format!("{} replicas are not possible; use 1, 3 or 5", self.replicas)));
        }
        if self.keep_outcomes < self.keep_jobs {
            return Err(ConnectError::Setting(format!(
                "outcomes are kept for {:?}, and jobs for {:?}; keep outcomes as long as jobs, so that no job can run twice",
                self.keep_outcomes, self.keep_jobs
            )));
        }
        Ok(())
    }
}

impl From<&str> for Namespace {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for Namespace {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}
