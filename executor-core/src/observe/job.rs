//! A job that runs, and one that has run.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::JobName;
use crate::label::Label;
use crate::status::JobId;

/// The name, tag and place of submission of a job.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JobDescription {
    /// The name that the job was given, or the path of its type or function.
    pub name: JobName,
    /// The name and tag that the job was given.
    pub label: Option<Arc<Label>>,
    /// The call that submitted the job, if the pool is measured.
    pub place: Option<&'static Location<'static>>,
}

impl JobDescription {
    /// Creates a description.
    pub fn new(name: JobName, label: Option<Arc<Label>>, place: Option<&'static Location<'static>>) -> Self {
        Self { name, label, place }
    }

    /// Returns the job's tag.
    pub fn tag(&self) -> Option<&str> {
        self.label.as_ref()?.tag.as_deref()
    }
}

/// A job that runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunningJob {
    /// The job's id.
    pub id: JobId,
    /// The job's name, tag and place of submission.
    pub description: JobDescription,
    /// How many times the job was started.
    pub attempt: u32,
    /// When the job came into the queue. The wait of a delayed job begins when its delay is over.
    pub queued_at: Instant,
    /// When the job started. If it was sent to a worker process behind other jobs: when it was sent.
    pub started_at: Instant,
    /// The name of the worker. If the submitter runs the job, the name of its thread.
    pub worker: Arc<str>,
    /// The worker process. `None` on a thread.
    pub pid: Option<u32>,
}

impl RunningJob {
    /// Sets the worker process and the attempt.
    #[must_use]
    pub fn in_process(mut self, pid: u32, attempt: u32) -> Self {
        (self.pid, self.attempt) = (Some(pid), attempt);
        self
    }

    /// Returns how long the job waited in the queue.
    pub fn waited(&self) -> Duration {
        self.started_at.saturating_duration_since(self.queued_at)
    }
}

/// A job that has run, just before its outcome can be seen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndedJob {
    /// The job, as it ran.
    pub job: RunningJob,
    /// How long it ran.
    pub ran: Duration,
    /// How it ended.
    pub outcome: JobOutcome,
}

/// How a job ended, without its result or error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobOutcome {
    /// It returned.
    Completed,
    /// It was killed by an abort or a shutdown.
    Cancelled,
    /// It panicked.
    Panicked,
    /// It exceeded its time limit.
    TimedOut,
    /// Its worker process died.
    Crashed,
    /// It ended in another way.
    Failed,
}

impl JobOutcome {
    /// Returns the outcome as a word in lower case, such as `timed out`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed out",
            Self::Crashed => "crashed",
            Self::Failed => "failed",
        }
    }

    /// Returns the outcome as an identifier, for labels and fields, such as `timed_out`: the field of [`Stats`](crate::Stats) that counts
    /// such jobs.
    pub fn as_key(self) -> &'static str {
        match self {
            Self::TimedOut => "timed_out",
            other => other.as_str(),
        }
    }
}

impl fmt::Display for JobOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Is told of the jobs of a measured pool.
///
/// Both methods are called on the thread that runs the job, or that serves its worker process, so they should be fast. A panic in them is
/// caught, and costs that call only.
pub trait Observer: Send + Sync {
    /// A job starts.
    fn job_started(&self, _job: &RunningJob) {}

    /// A job has run. Its outcome cannot be seen yet.
    fn job_ended(&self, job: &EndedJob);
}
