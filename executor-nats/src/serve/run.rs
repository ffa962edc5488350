//! Runs one job: asks the ledger, runs it on the local pool, and writes its outcome to the ledger.

use std::rc::Rc;
use std::time::{Duration, Instant};

use async_nats::Subject;
use bytes::Bytes;
use executor_core::{Broken, Crashed, Exit, JobError, JobId, JobOptions};
use executor_process::remote::{DamagedJob, RemoteJob, RemoteOutcome, RemoteResult};

use super::arrived::Arrived;
use super::engine::{Engine, Run};
use super::lanes::Slot;
use crate::protocol::ledger::{Put, Standing};
use crate::protocol::message::{JobMessage, State};
use crate::protocol::names::JobKey;
use crate::protocol::removal::Copy;

/// How the server is told about a message.
enum Done {
    /// The job has its outcome.
    Acknowledge,
    /// Another host is to run the job.
    Return,
    /// Another host runs the job, and tells the server.
    Leave,
}

/// What the ledger allows.
enum Claim {
    /// Run it, and write the outcome after this revision.
    Run { revision: u64, attempt: u32 },
    /// It has its outcome, or another host is at it.
    Leave,
}

impl Engine {
    pub(super) async fn run_job(self: &Rc<Self>, arrived: Arrived, slot: Slot) {
        let reply = arrived.reply.clone();
        self.replies.borrow_mut().insert(reply.clone());
        let key = arrived.key.clone();
        // It came a second time while this host is at it: the first delivery's end tells the server.
        if !self.running.borrow().contains_key(&key) {
            let run = Run { order: slot.order, has_slot: true, ..Run::default() };
            self.running.borrow_mut().insert(key.clone(), run);
            let done = self.decide_and_run(arrived, slot).await;
            let askers = self.running.borrow_mut().get_mut(&key).map(|run| std::mem::take(&mut run.askers));
            let askers = askers.unwrap_or_default();
            match done {
                Done::Return if !askers.is_empty() => self.return_to_askers(reply.clone(), askers).await,
                Done::Return => self.return_job(reply.clone()).await,
                Done::Acknowledge => {
                    self.acknowledge(reply.clone()).await;
                    self.answer(askers).await;
                }
                Done::Leave => self.answer(askers).await,
            }
            self.running.borrow_mut().remove(&key);
            self.has_returned.notify_one();
        }
        self.replies.borrow_mut().remove(&reply);
        self.done.set(self.done.get() + 1);
    }

    /// Tells the server that a message is done with.
    pub(super) async fn acknowledge(&self, reply: Subject) {
        // An error means that the connection is closed for good.
        drop(self.streams.context.client().publish(reply, Bytes::new()).await);
    }

    async fn decide_and_run(self: &Rc<Self>, arrived: Arrived, slot: Slot) -> Done {
        let Arrived { job, key, copy, remote, .. } = arrived;
        let retries = job.as_ref().map_or(0, |job| job.retries);
        let Claim::Run { revision, attempt } = self.claim(&key, retries, copy).await else { return Done::Acknowledge };
        let arguments = job.as_ref().filter(|_| remote.is_none()).map(|job| job.body.clone());
        let outcome = match job {
            Some(job) => self.run_decoded(&key, job, remote, attempt).await,
            None => Err(JobError::Broken(Broken::new("its message was damaged on the way; submit it again"))),
        };
        // The worker is free while the outcome is written.
        let is_returned = self.running.borrow_mut().get_mut(&key).is_some_and(|run| {
            run.has_slot = false;
            run.is_returned
        });
        drop(slot);
        if is_returned && outcome.as_ref().is_err_and(JobError::is_cancelled) {
            return self.put_returned(&key, revision, attempt).await;
        }
        self.is_stuck.set(false);
        let bytes = RemoteOutcome::new(outcome, &self.host).to_bytes();
        let Ok(body) = self.streams.store(&key, &format!("{attempt}"), bytes).await else { return Done::Acknowledge };
        match self.streams.put(&key, revision, State::Ended { body: body.clone() }, None).await {
            Ok(Put::Won(_)) => {}
            // It counted as lost, and another host runs it.
            Ok(Put::Lost(Standing { state: State::Started { .. }, .. })) => {
                self.streams.discard(&body).await;
                return Done::Leave;
            }
            // It was aborted, or counted as lost.
            _ => self.streams.discard(&body).await,
        }
        // Kept until now: another run would need them.
        if let Some(arguments) = arguments {
            self.streams.discard(&arguments).await;
        }
        Done::Acknowledge
    }

    /// The job has not started here, and another host may start it.
    async fn put_returned(&self, key: &JobKey, revision: u64, attempt: u32) -> Done {
        match self.streams.put(key, revision, State::Returned { attempt }, None).await {
            Ok(Put::Won(_)) => Done::Return,
            // It was aborted, or counted as lost.
            _ => Done::Acknowledge,
        }
    }

    /// Decides that this host runs the job, or that nobody does any more.
    async fn claim(&self, key: &JobKey, retries: u32, copy: Copy) -> Claim {
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
                Ok(Put::Lost(Standing { revision, state: State::Started { host, attempt: before }, .. })) => {
                    // The server gives a job to a second host only after the first was silent.
                    if before <= retries {
                        (after, attempt) = (revision, before + 1);
                        continue;
                    }
                    self.lost(key, revision, &host).await;
                    return Claim::Leave;
                }
                Ok(Put::Lost(Standing { revision, state: State::Returned { attempt: next }, .. })) => {
                    (after, attempt) = (revision, next);
                }
                _ => return Claim::Leave,
            }
        }
    }

    /// Whether a job that has no other record is to be run.
    async fn is_there(&self, copy: Copy) -> bool {
        let is_only = self.copies.is_only(copy);
        !copy.may_be_stale(is_only, self.stalls.trusted()) || self.streams.has_job(copy).await
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
        remote: Option<Result<RemoteJob, DamagedJob>>,
        attempt: u32,
    ) -> Result<RemoteResult, JobError> {
        let broken = |reason: String| JobError::Broken(Broken::new(reason));
        let remote = match remote {
            Some(remote) => remote,
            None => match self.streams.load(job.body.clone()).await {
                Some(bytes) => RemoteJob::from_bytes(&bytes),
                None => return Err(broken("its arguments are gone from the server: their time was up".to_owned())),
            },
        };
        let remote = remote.map_err(|damaged| broken(damaged.to_string()))?;
        let function = remote.clone();
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
        if self.running.borrow().get(key).is_some_and(|run| run.is_returned) {
            return Err(JobError::cancelled());
        }
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
        let started = Instant::now();
        let outcome = future.await;
        match &outcome {
            Ok(result) => self.pace.ran(function.name(), result.run_time()),
            // It may not have run at all.
            Err(error) if error.is_cancelled() => {}
            Err(_) => self.pace.ran(function.name(), started.elapsed()),
        }
        outcome
    }
}
