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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::{Piece, encode};

    fn job(number: u64) -> JobMessage {
        JobMessage {
            key: JobKey { submitter: "s".to_owned(), number, is_kept: false },
            id: number,
            name: None,
            tag: None,
            timeout: None,
            retries: 0,
            body: Body::Inline(vec![1]),
        }
    }

    /// A batch of these jobs, as it comes.
    fn arrived(jobs: &[JobMessage]) -> Arrived {
        let pieces = jobs.iter().map(|job| Piece(encode(job))).collect();
        let batch = JobMessage { body: Body::Batch(pieces), ..job(7) };
        let message = Message {
            subject: "executor.n.b.job.normal.s.0.7".into(),
            reply: Some("$JS.ACK.jobs.consumer.1.17.5.1700000000.0".into()),
            payload: encode(&batch).into(),
            headers: None,
            status: None,
            description: None,
            length: 0,
        };
        Arrived::new(&message, &Pace::default()).unwrap_or_else(|_| panic!("it is a job"))
    }

    #[test]
    fn batch_has_the_jobs_of_its_submitter() {
        let batch = arrived(&[job(1), job(2)]);
        let numbers: Vec<_> = batch.members.iter().map(|member| member.key.number).collect();
        assert_eq!((numbers, batch.count()), (vec![1, 2], 2));
        assert!(batch.job.is_some() && batch.estimate > Duration::from_secs(1), "of functions that have not run");
    }

    #[test]
    fn forged_batch_is_damaged_as_a_whole() {
        let foreign = JobKey { submitter: "t".to_owned(), ..job(2).key };
        let kept = JobKey { is_kept: true, ..job(2).key };
        for jobs in [
            vec![],
            vec![job(1), JobMessage { key: foreign, ..job(2) }],
            vec![job(1), JobMessage { key: kept, ..job(2) }],
            vec![job(1), JobMessage { retries: 1, ..job(2) }],
            vec![job(1), JobMessage { body: Body::Batch(vec![Piece(encode(&job(3)))]), ..job(2) }],
            (0..=MOST_JOBS as u64).map(job).collect(),
        ] {
            let batch = arrived(&jobs);
            assert!(batch.job.is_none() && batch.members.is_empty() && batch.count() == 1);
        }
    }
}
