//! The name under which programs share jobs, and the settings of its streams.

use std::time::Duration;

use crate::error::ConnectError;

/// The name under which submitters and hosts find each other, and the settings of the streams behind it. Made from a name, or step by
/// step.
///
/// The first program that connects makes the streams, with its settings and the defaults. The server keeps the settings, and each later
/// program takes them over. A later program that sets something else is refused: [`ConnectError::Setting`](crate::ConnectError::Setting)
/// names the setting and both values.
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
    pub(crate) wanted: Wanted,
}

/// The settings that the program has made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) replicas: Option<usize>,
    pub(crate) capacity: Option<usize>,
    pub(crate) lease: Option<Duration>,
    pub(crate) keep_jobs: Option<Duration>,
    pub(crate) keep_outcomes: Option<Duration>,
}

impl Namespace {
    /// 1 to 32 letters, digits, `-` and `_`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), wanted: Wanted::default() }
    }

    /// Sets on how many servers of a cluster everything is stored: 1, 3 or 5. Default: 1.
    pub fn replicas(self, replicas: usize) -> Self {
        self.with(|wanted| wanted.replicas = Some(replicas))
    }

    /// Limits how many jobs may wait or run in the whole namespace. At the limit, a submitter does what its
    /// [`when_full`](crate::NatsExecutorBuilder::when_full) says. Default: no limit.
    ///
    /// A submitter that waits for room learns at once of its own jobs that end, and looks each 100 ms for room that others have made. A job
    /// that runs counts until its outcome is stored. With a limit, jobs are stored one by one, and each submit waits for the server.
    pub fn capacity(self, jobs: usize) -> Self {
        self.with(|wanted| wanted.capacity = Some(jobs))
    }

    /// Sets how long a host may be silent before its jobs count as lost: 1 s to 100 years. Default: 10 s.
    pub fn lease(self, lease: Duration) -> Self {
        self.with(|wanted| wanted.lease = Some(lease))
    }

    /// Sets how long a job may wait and run in all: 100 ms to 100 years. Default: 24 hours.
    ///
    /// After this time the server drops the job, and its future ends as [`TimedOut`](executor_core::TimedOut). If the job runs, its host is
    /// told to stop it. The submitter's clock counts, from the submit or the end of the delay; if the submitter is gone, the server's.
    pub fn keep_jobs(self, limit: Duration) -> Self {
        self.with(|wanted| wanted.keep_jobs = Some(limit))
    }

    /// Sets how long an outcome that no program reads is kept: at least as long as [`keep_jobs`](Self::keep_jobs), and 100 years at most.
    /// Default: 48 hours, or as long as jobs are kept if that is longer.
    pub fn keep_outcomes(self, limit: Duration) -> Self {
        self.with(|wanted| wanted.keep_outcomes = Some(limit))
    }

    fn with(mut self, set: impl FnOnce(&mut Wanted)) -> Self {
        set(&mut self.wanted);
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !(1..=32).contains(&self.name.len()) || !self.name.chars().all(is_allowed) {
            return Err(ConnectError::Namespace(self.name.clone()));
        }
        let Wanted { replicas, capacity, lease, keep_jobs, keep_outcomes } = self.wanted;
        check_time("lease", lease, SHORTEST_LEASE)?;
        check_time("keep_jobs", keep_jobs, SHORTEST_KEPT)?;
        check_time("keep_outcomes", keep_outcomes, SHORTEST_KEPT)?;
        if capacity == Some(0) {
            return Err(ConnectError::Setting("a capacity of 0 lets no job in; use 1 or more".to_owned()));
        }
        match replicas.filter(|replicas| ![1, 3, 5].contains(replicas)) {
            Some(replicas) => {
                Err(ConnectError::Setting(format!("{replicas} replicas are not possible; use 1, 3 or 5")))
            }
            None => Ok(()),
        }
    }
}

/// So short that hosts have the time to report three times.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// The shortest time for which a server keeps messages.
const SHORTEST_KEPT: Duration = Duration::from_millis(100);

/// Servers count in nanoseconds, up to 292 years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Checks a setting that is a time, if it is set.
pub(crate) fn check_time(setting: &str, time: Option<Duration>, shortest: Duration) -> Result<(), ConnectError> {
    let Some(time) = time else { return Ok(()) };
    let wrong = if time < shortest {
        "short"
    } else if time > LONGEST {
        "long"
    } else {
        return Ok(());
    };
    Err(ConnectError::Setting(format!(
        "`{setting}` of {time:?} is too {wrong}; use {shortest:?} or more, and 100 years or less"
    )))
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
