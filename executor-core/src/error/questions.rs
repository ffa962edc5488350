//! Questions to an error that help a caller decide what to do.

use std::io;

use super::{JobError, Panicked, Rejection};

impl JobError {
    /// Whether the job was cancelled before it started, or aborted while it ran.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// Why the executor rejected the job. `None` if it did not.
    ///
    /// ```
    /// use executor::{JobError, Rejection};
    ///
    /// let error = JobError::rejected(Rejection::Full);
    /// assert_eq!(error.rejection(), Some(Rejection::Full));
    /// assert_eq!(JobError::cancelled().rejection(), None);
    /// ```
    pub fn rejection(&self) -> Option<Rejection> {
        if let Self::Rejected(refused) = self { Some(refused.reason()) } else { None }
    }

    /// Whether the job's code panicked, on a thread or in a worker process.
    ///
    /// ```
    /// use executor::{JobError, Panicked};
    ///
    /// let error = JobError::Panicked(Panicked::remote("no luck", None));
    /// assert!(error.is_panic() && !error.is_timed_out());
    /// ```
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }

    /// Whether the job ran for too long, or waited for too long before it started: [`TimedOut::has_started`](super::TimedOut::has_started)
    /// tells which.
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut(_))
    }

    /// The job: the name that it was given, or else the path of its function or type. `None` where the error does not know it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{JobError, TimedOut};
    ///
    /// let error = JobError::TimedOut(TimedOut::new("poll", Duration::from_secs(5)));
    /// assert_eq!(error.job(), Some("poll"));
    /// assert_eq!(JobError::cancelled().job(), None);
    /// ```
    pub fn job(&self) -> Option<&str> {
        match self {
            Self::Panicked(error) => error.name().or(error.job()),
            Self::TimedOut(error) => Some(error.job()),
            Self::Crashed(error) => error.name().or(Some(error.job())),
            Self::Codec(error) => Some(error.job()),
            Self::Cancelled(error) => error.job(),
            Self::Rejected(error) => error.job(),
            Self::Broken(error) => error.job(),
            Self::Failed(_) => None,
        }
    }

    /// The panic, such as to [resume](Panicked::resume) it.
    ///
    /// # Errors
    ///
    /// This error, if it is of another kind.
    ///
    /// ```
    /// use executor::{JobError, Panicked};
    ///
    /// let error = JobError::Panicked(Panicked::remote("no luck", None));
    /// assert_eq!(error.into_panic()?.message(), "no luck");
    /// assert!(JobError::cancelled().into_panic().is_err());
    /// # Ok::<(), JobError>(())
    /// ```
    pub fn into_panic(self) -> Result<Panicked, Self> {
        match self {
            Self::Panicked(panicked) => Ok(panicked),
            other => Err(other),
        }
    }
}

/// For code that returns errors of the system. The job's error is its [source](io::Error::get_ref).
///
/// ```
/// use std::io;
/// use std::time::Duration;
/// use executor::{JobError, TimedOut};
///
/// let error = io::Error::from(JobError::TimedOut(TimedOut::new("poll", Duration::from_secs(5))));
/// assert_eq!(error.kind(), io::ErrorKind::TimedOut);
/// assert!(error.get_ref().is_some_and(|inner| inner.is::<JobError>()));
/// ```
impl From<JobError> for io::Error {
    fn from(error: JobError) -> Self {
        let kind = match &error {
            JobError::TimedOut(_) => io::ErrorKind::TimedOut,
            JobError::Codec(_) => io::ErrorKind::InvalidData,
            JobError::Rejected(refused) if refused.is_for_room() => io::ErrorKind::WouldBlock,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
