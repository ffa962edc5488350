//! A job that has come from the server.

use std::mem;
use std::time::Duration;

use async_nats::{Message, Subject};
use executor_process::remote::{DamagedJob, RemoteJob};

use super::pace::Pace;
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
            Body::Large(_) => None,
        });
        let function = remote.as_ref().and_then(|remote| Some(remote.as_ref().ok()?.name()));
        let estimate = pace.estimate(function);
        Ok(Self { reply, key, copy, job, remote, estimate })
    }
}
