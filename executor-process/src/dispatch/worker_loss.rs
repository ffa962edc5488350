//! Why a worker was lost, and what that means for its jobs.

use std::fmt;
use std::time::Instant;

use executor_core::{Broken, JobError};

use crate::diagnostics::failed_job::FailedJob;
use crate::supervisor::child::Ended;
use crate::supervisor::start::Worker;

/// Why a worker is given up.
pub(crate) struct WorkerLoss {
    pub(crate) pid: u32,
    pub(crate) started: Instant,
    pub(crate) cause: Cause,
}

pub(crate) enum Cause {
    Death(Ended),
    /// It broke the protocol, as this text says.
    Invalid(String),
}

impl WorkerLoss {
    /// The error of the job that was running.
    pub(crate) fn error(&self, worker: &Worker, case: &FailedJob) -> JobError {
        match &self.cause {
            Cause::Death(ended) => case.crashed(worker, *ended, self.started.elapsed()),
            Cause::Invalid(said) => unreadable(self.pid, said),
        }
    }

    /// The error of a job that `tries` workers, one after the other, did not begin. With one try, it is the death of the worker that was
    /// started for the job.
    pub(crate) fn not_begun(&self, worker: &Worker, case: &FailedJob, tries: u32) -> JobError {
        if tries == 1 {
            return self.error(worker, case);
        }
        let why = match &self.cause {
            Cause::Death(Some(exit)) => format!("it {exit}{} before it started the job", worker.process.why_clause()),
            Cause::Death(None) => "it died before it started the job".to_owned(),
            Cause::Invalid(said) => format!("it broke the protocol: {said}"),
        };
        JobError::Broken(Broken::new(not_started(tries, &why)))
    }
}

impl fmt::Display for WorkerLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pid = self.pid;
        match &self.cause {
            Cause::Death(Some(exit)) => write!(f, "process {pid} {exit}"),
            Cause::Death(None) => write!(f, "process {pid} died"),
            Cause::Invalid(said) => write!(f, "process {pid} broke the protocol: {said}"),
        }
    }
}

/// The error of a job whose worker broke the protocol, and is killed for it.
pub(crate) fn unreadable(pid: u32, said: &str) -> JobError {
    let text = format!(
        "its worker process {pid} broke the protocol and was killed: {said}; a job may have written to a file \
         descriptor that it did not open, or have corrupted memory"
    );
    JobError::Broken(Broken::new(text))
}

/// The error text of a job that no worker has begun.
pub(crate) fn not_started(tries: u32, reason: &dyn fmt::Display) -> String {
    match tries {
        1 => format!("its process could not be started: {reason}"),
        _ => format!("its worker process could not be started in {tries} attempts: {reason}"),
    }
}
