//! The outcome of a remote job as bytes.

use executor_core::panics::drop_catching;
use executor_core::{JobError, PortableJob};

use super::frame::{self, DamagedJob, Kind};
use super::portable_error::PortableError;
use super::result::RemoteResult;

/// The outcome of a [`RemoteJob`](super::RemoteJob) as bytes: its result, or the error of the executor that ran it.
///
/// ```
/// use executor::extend::remote::RemoteOutcome;
/// use executor::JobError;
///
/// let outcome = RemoteOutcome::new(Err(JobError::cancelled()), "web-3");
/// let outcome = RemoteOutcome::from_bytes(&outcome.to_bytes())?;
/// assert!(outcome.error().is_some_and(JobError::is_cancelled));
/// assert_eq!(outcome.host(), "web-3");
/// # Ok::<(), executor::extend::remote::DamagedJob>(())
/// ```
#[derive(Clone, Debug)]
pub struct RemoteOutcome {
    outcome: Result<RemoteResult, JobError>,
    host: String,
}

impl RemoteOutcome {
    /// Creates the outcome of a job that this process ran, on the host with this name.
    ///
    /// Of an error, the payload of a panic and the file that the job was [saved](JobError::saved) to do not leave the host. A
    /// [`JobError::Crashed`] tells the host's name. Blocks while the symbols of a backtrace are read, which can take a second.
    #[must_use]
    pub fn new(outcome: Result<RemoteResult, JobError>, host: &str) -> Self {
        let error = |error| match portable(error) {
            // A job that was forwarded twice keeps the host that it crashed on.
            JobError::Crashed(crash) if crash.host().is_none() => JobError::Crashed(crash.with_host(Some(host))),
            other => other,
        };
        Self { outcome: outcome.map_err(error), host: host.to_owned() }
    }

    /// Returns the outcome as bytes, for [`from_bytes`](RemoteOutcome::from_bytes) in another process.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let outcome = self.outcome.as_ref().map_err(PortableError::of);
        frame::seal(Kind::Outcome, &(&self.host, outcome))
    }

    /// Returns the outcome that the bytes hold. Allocates at most a small multiple of their length.
    ///
    /// # Errors
    ///
    /// If the bytes are damaged or forged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DamagedJob> {
        let (host, outcome): (String, Result<RemoteResult, PortableError>) = frame::open(Kind::Outcome, bytes)?;
        let outcome = match outcome {
            Ok(result) => Ok(result),
            Err(error) => Err(error.into_error().ok_or_else(|| DamagedJob::new("its error has too many causes"))?),
        };
        Ok(Self { outcome, host })
    }

    /// Returns the name of the host that made the outcome.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the error of the executor that ran the job. `None` if the job has run to its end.
    pub fn error(&self) -> Option<&JobError> {
        self.outcome.as_ref().err()
    }

    /// Returns the result, still encoded.
    ///
    /// # Errors
    ///
    /// The error of the executor that ran the job.
    pub fn into_result(self) -> Result<RemoteResult, JobError> {
        self.outcome
    }

    /// Decodes the result. `J` is the type of the job that the [`RemoteJob`](super::RemoteJob) was made from.
    ///
    /// # Errors
    ///
    /// The error of the executor that ran the job, with the same text; and [`JobError::Codec`], if the job or its result could not be decoded
    /// or encoded.
    pub fn open<J: PortableJob>(self) -> Result<J::Output, JobError> {
        self.outcome?.open::<J>()
    }
}

/// The error as it is on another host.
fn portable(error: JobError) -> JobError {
    let portable = PortableError::of(&error).into_error();
    let portable = portable.unwrap_or_else(|| error.clone());
    // It may hold a value of the user's: an error, or the payload of a panic.
    drop_catching(error);
    portable
}
