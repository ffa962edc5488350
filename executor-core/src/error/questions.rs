//! Methods of `JobError` that help a caller decide what to do.

use std::io;

use super::{JobError, Panicked, Rejection};

impl JobError {
    /// Returns whether the job was cancelled before it started, or killed by an abort or a shutdown.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// Returns why the executor rejected the job. `None` for any other error.
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

    /// Returns whether the job panicked, on a thread or in a worker process.
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

    /// Returns whether the job ran for too long, or waited for too long before it started:
    /// [`TimedOut::has_started`](super::TimedOut::has_started) tells which.
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut(_))
    }

    /// Returns the name that the job was given, or else the path of its function or type. `None` if the error does not know the job.
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

    /// Returns the panic, to [resume](Panicked::resume) it, say.
    ///
    /// # Errors
    ///
    /// The error itself, if it is of another kind.
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

/// Converts the error for code that returns [`io::Error`]. The job's error is its [inner error](io::Error::get_ref).
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
