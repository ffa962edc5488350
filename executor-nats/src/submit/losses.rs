//! Jobs that no host will end: their host is gone and no other one is there, or the server has lost them.

use std::collections::BTreeMap;
use std::rc::Rc;

use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self, ErrorCode};
use executor_core::JobName;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::engine::Engine;
use super::job::{Job, Stage};
use crate::protocol::ledger::Standing;
use crate::protocol::loss::{DAMAGED_RECORD, LostJob};
use crate::protocol::message::{HostId, JobMessage, State, decode};

const LOST_STREAMS: &str = "the NATS server has lost its streams: their disk was lost, or they were deleted; whether the job has run is \
                            not known";

/// When a stream was made, in nanoseconds since 1970. A later time means that all it had is lost.
type Made = i128;

impl Engine {
    /// Looks once in a lease, as long as jobs are open, whether their hosts and the streams are there.
    pub(crate) async fn watch_jobs(self: Rc<Self>) {
        let made = |stream: &Stream| stream.cached_info().created.unix_timestamp_nanos();
        let mut known = (made(&self.streams.jobs), made(&self.streams.ledger));
        loop {
            if self.jobs.borrow().is_empty() {
                self.has_jobs.notified().await;
            }
            sleep(self.lease).await;
            if let Some(found) = self.streams_made().await
                && found != known
            {
                known = found;
                self.removals.streams_are_new();
                self.forget_revisions();
                self.ledger_is_new.notify_one();
                self.end_lost().await;
            }
            self.look_for_silent_hosts();
        }
    }

    /// Makes the streams if they are gone. `None` if no server answers.
    async fn streams_made(&self) -> Option<(Made, Made)> {
        loop {
            match (made(&self.streams.jobs).await, made(&self.streams.ledger).await) {
                (Ok(Some(jobs)), Ok(Some(ledger))) => return Some((jobs, ledger)),
                (Err(()), _) | (_, Err(())) => return None,
                _ => self.streams.make_again().await.ok()?,
            }
        }
    }

    /// The streams are new. Ends the jobs that were in the old ones.
    async fn end_lost(&self) {
        let stored: Vec<_> = self.jobs.borrow().values().filter(|job| job.sequence.get().is_some()).cloned().collect();
        for job in stored {
            if self.job_message(&job).await.is_some() {
                continue;
            }
            let revision = match self.streams.look(job.record_key()).await {
                Ok(None) => 0,
                // Another job of the batch was cancelled since.
                Ok(Some(Standing { revision, state: State::Batch(state), .. })) if !state.is_over() => revision,
                _ => continue,
            };
            // The reader of the ledger ends it.
            drop(self.streams.put_broken(job.record_key(), revision, LOST_STREAMS).await);
        }
    }

    /// The message of a job, if it is in the stream.
    async fn job_message(&self, job: &Job) -> Option<JobMessage> {
        let message = self.streams.jobs.get_raw_message(self.sequence_of(job).await?).await.ok()?;
        decode::<JobMessage>(&message.payload).ok().filter(|message| message.key == *job.record_key())
    }

    fn look_for_silent_hosts(self: &Rc<Self>) {
        let mut silent: BTreeMap<String, (Rc<HostId>, Vec<Rc<Job>>)> = BTreeMap::new();
        for job in self.jobs.borrow().values().filter(|job| job.progress.stage() == Stage::Started) {
            let host = job.host.borrow().clone();
            if let Some(host) = host.filter(|host| !self.shared.hosts.is_heard(&host.token, self.lease)) {
                silent.entry(host.token.clone()).or_insert_with(|| (host, Vec::new())).1.push(job.clone());
            }
        }
        for (token, (host, jobs)) in silent {
            let engine = self.clone();
            spawn_local(async move {
                if engine.streams.is_lost(&token, &jobs[0].key).await {
                    for job in jobs {
                        engine.end_of_host(&job, &host).await;
                    }
                }
            });
        }
    }

    /// The host of a job is lost.
    async fn end_of_host(self: &Rc<Self>, job: &Rc<Job>, host: &HostId) {
        if let Some((batch, _)) = job.batch.get() {
            return self.end_batch_of_host(batch, host).await;
        }
        match self.streams.look(&job.key).await {
            Ok(Some(Standing { revision, state: State::Started { host: last, attempt }, .. })) if last == *host => {
                let message = self.job_message(job).await;
                if attempt > message.as_ref().map_or(0, |message| message.retries) {
                    self.lost(job, revision, host, message).await;
                }
            }
            Ok(Some(standing)) => {
                job.saw(standing.revision);
                self.apply(job, standing.state);
            }
            Ok(None) => self.lost(job, 0, host, None).await,
            Err(_) => {}
        }
    }

    async fn lost(&self, job: &Job, revision: u64, host: &HostId, message: Option<JobMessage>) {
        let named = match message {
            Some(message) => self.streams.named(message).await,
            None => LostJob {
                function: Some(JobName::from(job.described.path).to_string()),
                name: job.described.given_name(),
            },
        };
        if self.streams.put_loss(&job.key, revision, host, named).await.is_ok()
            && let Some(sequence) = self.sequence_of(job).await
        {
            // No host needs to see it.
            self.streams.delete_job(sequence).await;
            self.room.notify_one();
        }
    }

    /// The last record of the job cannot be read. The record before it is lost.
    pub(crate) fn end_damaged(self: &Rc<Self>, job: &Rc<Job>) {
        let (engine, job) = (self.clone(), job.clone());
        // The reader of the ledger ends it then.
        spawn_local(async move {
            drop(engine.streams.put_broken(&job.key, job.revision.get(), DAMAGED_RECORD).await);
        });
    }
}

/// `None` if the stream is gone.
async fn made(stream: &Stream) -> Result<Option<Made>, ()> {
    match stream.get_info().await {
        Ok(info) => Ok(Some(info.created.unix_timestamp_nanos())),
        Err(error) => {
            let answer = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<jetstream::Error>());
            let is_gone = answer.is_some_and(|answer| answer.error_code() == ErrorCode::STREAM_NOT_FOUND);
            if is_gone { Ok(None) } else { Err(()) }
        }
    }
}
