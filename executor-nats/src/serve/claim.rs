//! Decides by the ledger whether this host runs a job, and writes how the job ended.

use super::engine::Engine;
use super::run::Done;
use crate::protocol::ledger::{Put, Standing};
use crate::protocol::loss::{DAMAGED_RECORD, LostJob};
use crate::protocol::message::{Body, HostId, JobMessage, State};
use crate::protocol::names::JobKey;
use crate::protocol::removal::Copy;

/// The decision of the ledger.
pub(super) enum Claim {
    /// Run it, and write the outcome after this revision.
    Run { revision: u64, attempt: u32 },
    /// Another host has started it, for the `attempt`-th time.
    Suspect(Suspect),
    /// It has its outcome.
    Leave,
}

/// How an outcome was written.
pub(super) enum Written {
    Won,
    /// Not at all: the job counted as lost, and another host runs it.
    Elsewhere,
    /// Not at all: the job was aborted, or counted as lost.
    Ended,
}

/// A job that another host has started, and that came to this one.
pub(super) struct Suspect {
    host: HostId,
    revision: u64,
    attempt: u32,
}

impl Engine {
    /// Decides that this host runs the job, or says why not.
    pub(super) async fn claim(&self, key: &JobKey, copy: Copy) -> Claim {
        let (mut after, mut attempt) = (0, 1);
        loop {
            let started = State::Started { host: self.host.clone(), attempt };
            match self.streams.put(key, after, started, None).await {
                Ok(Put::Won(revision)) if after == 0 && !self.is_there(copy).await => {
                    // The job has ended, and its own record is removed. This one is of no use.
                    drop(self.streams.ledger.delete_message(revision).await);
                    return Claim::Leave;
                }
                Ok(Put::Won(revision)) => return Claim::Run { revision, attempt },
                Ok(Put::Lost(Standing { revision, state: State::Started { host, attempt }, .. })) => {
                    return Claim::Suspect(Suspect { host, revision, attempt });
                }
                Ok(Put::Lost(Standing { revision, state: State::Returned { attempt: next }, .. })) => {
                    (after, attempt) = (revision, next);
                }
                // It may have started: it must not start again.
                Ok(Put::Lost(Standing { revision, state: State::Damaged, .. })) => {
                    drop(self.streams.put_broken(key, revision, DAMAGED_RECORD).await);
                    return Claim::Leave;
                }
                _ => return Claim::Leave,
            }
        }
    }

    /// Whether a job that has no other record is to be run.
    pub(super) async fn is_there(&self, copy: Copy) -> bool {
        let is_only = self.copies.is_only(copy);
        !copy.may_be_stale(is_only, self.stalls.trusted()) || self.streams.has_job(copy).await
    }

    /// Finds out whether the host is there that has started the job. If not, writes the loss, or lets the job start again.
    pub(super) async fn judge(
        &self,
        key: &JobKey,
        suspect: Suspect,
        job: Option<JobMessage>,
        function: Option<String>,
    ) -> Done {
        let Suspect { host, revision, attempt } = suspect;
        // This host knows that it does not run the job.
        let is_lost = host == self.host || self.streams.is_lost(&host.token, key).await;
        if !is_lost {
            return Done::Leave;
        }
        if attempt <= job.as_ref().map_or(0, |job| job.retries) {
            return self.put_returned(key, revision, attempt.saturating_add(1)).await;
        }
        let job = match job {
            Some(job) if function.is_none() => self.streams.named(job).await,
            job => LostJob { function, name: job.and_then(|job| job.name) },
        };
        drop(self.streams.put_loss(key, revision, &host, job).await);
        Done::Acknowledge
    }

    /// The job has not started here or has lost its host, and another host may start it.
    pub(super) async fn put_returned(&self, key: &JobKey, revision: u64, attempt: u32) -> Done {
        match self.streams.put(key, revision, State::Returned { attempt }, None).await {
            Ok(Put::Won(_)) => Done::Return,
            // It was aborted, or counted as lost.
            _ => Done::Acknowledge,
        }
    }

    /// Writes the outcome of a job that this host has started.
    pub(super) async fn put_outcome(&self, key: &JobKey, revision: u64, body: Body) -> Written {
        let mut after = revision;
        loop {
            match self.streams.put(key, after, State::Ended { body: body.clone() }, None).await {
                Ok(Put::Won(_)) => return Written::Won,
                Ok(Put::Lost(Standing { revision, state: State::Damaged, .. })) => after = revision,
                Ok(Put::Lost(Standing { state: State::Started { .. } | State::Returned { .. }, .. })) => {
                    return Written::Elsewhere;
                }
                _ => return Written::Ended,
            }
        }
    }
}
