//! Runs one job: asks the ledger, runs it on the local pool, and writes its outcome to the ledger.

use std::rc::Rc;
use std::time::Duration;

use async_nats::jetstream;
use executor_core::{Broken, Crashed, Exit, JobError, JobId, JobOptions};
use executor_process::remote::{RemoteJob, RemoteOutcome, RemoteResult};

use super::engine::{Engine, Run};
use crate::protocol::ledger::{Put, Standing};
use crate::protocol::message::{JobMessage, State, decode};
use crate::protocol::names::JobKey;

/// What the ledger allows.
enum Claim {
    /// Run it, and write the outcome after this revision.
    Run { revision: u64, attempt: u32 },
    /// It has its outcome, or another host is at it.
    Leave,
}

impl Engine {
    pub(super) async fn run_job(self: &Rc<Self>, message: jetstream::Message) {
        let Ok(sequence) = message.info().map(|info| info.stream_sequence) else { return };
        let message = Rc::new(message);
        self.messages.borrow_mut().insert(sequence, message.clone());
        if self.run_message(&message).await {
            drop(message.ack().await);
        }
        self.messages.borrow_mut().remove(&sequence);
        self.done.set(self.done.get() + 1);
    }

    /// Returns whether the message is done with, whatever came of the job.
    async fn run_message(self: &Rc<Self>, message: &jetstream::Message) -> bool {
        let Some(key) = JobKey::of_subject(&message.subject) else { return true };
        // It came a second time while this host is at it.
        if self.running.borrow().contains_key(&key) {
            return false;
        }
        self.running.borrow_mut().insert(key.clone(), Run::default());
        self.decide_and_run(&key, message).await;
        self.running.borrow_mut().remove(&key);
        true
    }

    async fn decide_and_run(self: &Rc<Self>, key: &JobKey, message: &jetstream::Message) {
        let job = decode::<JobMessage>(&message.payload).ok().filter(|job| job.key == *key);
        let retries = job.as_ref().map_or(0, |job| job.retries);
        let Claim::Run { revision, attempt } = self.claim(key, retries).await else { return };
        let outcome = match job {
            Some(job) => self.run_decoded(key, job, attempt).await,
            None => Err(JobError::Broken(Broken::new("its message was damaged on the way; submit it again"))),
        };
        let bytes = RemoteOutcome::new(outcome, &self.host).to_bytes();
        let Ok(body) = self.streams.store(key, &format!("{attempt}"), bytes).await else { return };
        match self.streams.put(key, revision, State::Ended { body: body.clone() }, None).await {
            Ok(Put::Won(_)) => {}
            // It was aborted, or counted as lost.
            _ => self.streams.discard(&body).await,
        }
    }

    /// Decides that this host runs the job, or that nobody does any more.
    async fn claim(&self, key: &JobKey, retries: u32) -> Claim {
        let (mut after, mut attempt) = (0, 1);
        loop {
            let started = State::Started { host: self.host.clone(), attempt };
            match self.streams.put(key, after, started, None).await {
                Ok(Put::Won(revision)) => return Claim::Run { revision, attempt },
                Ok(Put::Lost(Standing { revision, state: State::Started { host, attempt: before }, .. })) => {
                    // The server gives a job to a second host only after the first was silent.
                    if before <= retries {
                        (after, attempt) = (revision, before + 1);
                        continue;
                    }
                    self.lost(key, revision, &host).await;
                    return Claim::Leave;
                }
                _ => return Claim::Leave,
            }
        }
    }

    /// The host of a job was lost while it ran the job.
    async fn lost(&self, key: &JobKey, revision: u64, host: &str) {
        let text = format!("its host {host} was silent for longer than the lease");
        let crashed = Crashed::new(key.to_string(), 0, Exit::Lost, Duration::ZERO).with_cause(Some(text));
        let bytes = RemoteOutcome::new(Err(JobError::Crashed(crashed)), host).to_bytes();
        if let Ok(body) = self.streams.store(key, "lost", bytes).await {
            drop(self.streams.put(key, revision, State::Ended { body }, None).await);
        }
    }

    async fn run_decoded(
        self: &Rc<Self>,
        key: &JobKey,
        job: JobMessage,
        attempt: u32,
    ) -> Result<RemoteResult, JobError> {
        let broken = |reason: String| JobError::Broken(Broken::new(reason));
        let body = job.body.clone();
        let Some(bytes) = self.streams.load(body).await else {
            return Err(broken("its arguments are gone from the server: their time was up".to_owned()));
        };
        let remote = RemoteJob::from_bytes(&bytes).map_err(|damaged| broken(damaged.to_string()))?;
        let remote = remote.run_of(JobId::from_number(job.id), attempt);
        let options = JobOptions::new();
        let options = match job.name {
            Some(name) => options.name(name),
            None => options,
        };
        let options = match job.tag {
            Some(tag) => options.tag(tag),
            None => options,
        };
        let options = match job.timeout {
            Some(limit) => options.timeout(limit),
            None => options,
        };
        let future = self.local.submit(options, remote);
        let is_stopped = match self.running.borrow_mut().get_mut(key) {
            Some(run) => {
                run.canceller = Some(future.canceller());
                run.is_stopped
            }
            None => false,
        };
        if is_stopped {
            future.abort();
        }
        let outcome = future.await;
        self.streams.discard(&job.body).await;
        outcome
    }
}
