//! A job that has come from the server.

use std::mem;
use std::time::Duration;

use async_nats::{Message, Subject};
use executor_process::remote::{DamagedJob, RemoteJob};

use super::pace::Pace;
use crate::protocol::batch::MOST_JOBS;
use crate::protocol::message::{Body, JobMessage, decode};
use crate::protocol::names::JobKey;
use crate::protocol::removal::Copy;

/// A job that has come, and is not decided about.
pub(super) struct Arrived {
    /// Where the server is told what became of the message.
    pub(super) reply: Subject,
    pub(super) key: JobKey,
    pub(super) copy: Copy,
    /// Without its arguments, if they came with it. `None` if its message is damaged.
    pub(super) job: Option<JobMessage>,
    /// Its arguments. `None` if they are in the object store.
    pub(super) remote: Option<Result<RemoteJob, DamagedJob>>,
    /// The time that it will probably run.
    pub(super) estimate: Duration,
    /// The jobs of a batch. Otherwise, there is none.
    pub(super) members: Vec<Member>,
}

/// A job of a batch.
pub(super) struct Member {
    pub(super) key: JobKey,
    /// Without its arguments.
    pub(super) job: JobMessage,
    pub(super) remote: Result<RemoteJob, DamagedJob>,
    pub(super) estimate: Duration,
}

impl Member {
    /// `None` if the message is not one of a job in this batch.
    fn new(message: &[u8], batch: &JobKey, pace: &Pace) -> Option<Self> {
        let mut job = decode::<JobMessage>(message).ok()?;
        let Body::Inline(bytes) = &mut job.body else { return None };
        let remote = RemoteJob::from_bytes(&mem::take(bytes));
        let is_of_batch = job.key.submitter == batch.submitter && !job.key.is_kept && job.retries == 0;
        let estimate = pace.estimate(remote.as_ref().ok().map(RemoteJob::name));
        is_of_batch.then(|| Self { key: job.key.clone(), job, remote, estimate })
    }
}

impl Arrived {
    /// If the message is not one of a job, returns where the server is told about the message, if it says so.
    pub(super) fn new(message: &Message, pace: &Pace) -> Result<Self, Option<Subject>> {
        let reply = message.reply.clone().ok_or(None)?;
        let (Some(key), Some(copy)) = (JobKey::of_subject(&message.subject), Copy::of_reply(&reply)) else {
            return Err(Some(reply));
        };
        let mut job = decode::<JobMessage>(&message.payload).ok().filter(|job| job.key == key && job.body.is_of(&key));
        let remote = job.as_mut().and_then(|job| match &mut job.body {
            Body::Inline(bytes) => Some(RemoteJob::from_bytes(&mem::take(bytes))),
            Body::Large(_) | Body::Batch(_) => None,
        });
        let mut members = Vec::new();
        if let Some(Body::Batch(pieces)) = job.as_ref().map(|job| &job.body) {
            members = pieces.iter().filter_map(|piece| Member::new(&piece.0, &key, pace)).collect();
            if members.len() != pieces.len() || !(1..=MOST_JOBS).contains(&members.len()) {
                (job, members) = (None, Vec::new());
            }
        }
        let function = remote.as_ref().and_then(|remote| Some(remote.as_ref().ok()?.name()));
        let estimate = match &members[..] {
            [] => pace.estimate(function),
            members => members.iter().fold(Duration::ZERO, |sum, member| sum.saturating_add(member.estimate)),
        };
        Ok(Self { reply, key, copy, job, remote, estimate, members })
    }

    /// How many jobs it is.
    pub(super) fn count(&self) -> usize {
        self.members.len().max(1)
    }
}
