//! Runs one job: asks the ledger, runs it on the local pool, and writes its outcome to the ledger.

use std::rc::Rc;
use std::time::Instant;

use async_nats::Subject;
use bytes::Bytes;
use executor_core::{Broken, Future, JobError, JobId, JobOptions};
use executor_process::remote::{DamagedJob, RemoteJob, RemoteOutcome, RemoteResult};

use super::arrived::Arrived;
use super::claim::{Claim, Written};
use super::engine::{Engine, Run, Stop};
use super::slot::Slot;
use crate::protocol::message::JobMessage;
use crate::protocol::names::JobKey;

/// How the server is told about a message.
pub(super) enum Done {
    /// The job has its outcome.
    Acknowledge,
    /// Another host is to run the job.
    Return,
    /// Another host runs the job, and tells the server.
    Leave,
}

/// How a job fared on the local pool.
pub(super) enum Ran {
    Ended(Result<RemoteResult, JobError>),
    /// The pool takes no job any more, for this reason. This one has not started.
    Refused(String),
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
        let (revision, attempt) = match self.claim(&key, copy).await {
            Claim::Run { revision, attempt } => (revision, attempt),
            Claim::Suspect(suspect) => {
                // The worker is free while the other host is asked.
                drop(slot);
                let function = remote.and_then(|remote| Some(remote.ok()?.name().to_owned()));
                return self.judge(&key, suspect, job, function).await;
            }
            Claim::Leave => return Done::Acknowledge,
        };
        let arguments = job.as_ref().filter(|_| remote.is_none()).map(|job| job.body.clone());
        let ran = match job {
            Some(job) => self.run_decoded(&key, job, remote, attempt, &slot).await,
            None => broken("its message was damaged on the way; submit it again"),
        };
        // The worker is free while the outcome is written.
        let is_returned = self.leaves_slot(&key);
        drop(slot);
        let outcome = match ran {
            Ran::Ended(outcome) => outcome,
            Ran::Refused(reason) => {
                self.give_up(reason);
                return self.put_returned(&key, revision, attempt).await;
            }
        };
        if is_returned && outcome.as_ref().is_err_and(JobError::is_cancelled) {
            return self.put_returned(&key, revision, attempt).await;
        }
        self.is_stuck.set(false);
        let bytes = RemoteOutcome::new(outcome, &self.host.machine).to_bytes();
        let Ok(body) = self.streams.store(&key, &format!("{attempt}"), bytes).await else { return Done::Acknowledge };
        let written = self.put_outcome(&key, revision, body.clone()).await;
        if !matches!(written, Written::Won) {
            self.streams.discard(&body).await;
        }
        if matches!(written, Written::Elsewhere) {
            return Done::Leave;
        }
        // Kept until now: another run would need them.
        if let Some(arguments) = arguments {
            self.streams.discard(&arguments).await;
        }
        Done::Acknowledge
    }

    /// A job is not at the local pool any more. Returns whether it was returned, or asked back.
    pub(super) fn leaves_slot(&self, key: &JobKey) -> bool {
        self.running.borrow_mut().get_mut(key).is_some_and(|run| {
            run.has_slot = false;
            run.is_returned
        })
    }

    pub(super) async fn run_decoded(
        self: &Rc<Self>,
        key: &JobKey,
        job: JobMessage,
        remote: Option<Result<RemoteJob, DamagedJob>>,
        attempt: u32,
        slot: &Slot,
    ) -> Ran {
        let remote = match remote {
            Some(remote) => remote,
            None => match self.streams.load(job.body.clone()).await {
                Some(bytes) => RemoteJob::from_bytes(&bytes),
                None => return broken("its arguments are gone from the server: their time was up"),
            },
        };
        let remote = match remote {
            Ok(remote) => remote,
            Err(damaged) => return broken(&damaged.to_string()),
        };
        let function = remote.clone();
        let started = Instant::now();
        match self.start(key, job, remote, attempt, slot).await {
            Ok(future) => self.ended(function.name(), started, future.await),
            Err(ran) => ran,
        }
    }

    /// Brings a job to the local pool, in its turn. An error says what becomes of one that does not come there.
    pub(super) async fn start(
        &self,
        key: &JobKey,
        job: JobMessage,
        remote: RemoteJob,
        attempt: u32,
        slot: &Slot,
    ) -> Result<Future<RemoteResult>, Ran> {
        let remote = remote.run_of(JobId::from_number(job.id), attempt);
        // The retries that are left, for a worker process that dies.
        let mut options = JobOptions::new().retry(job.retries.saturating_sub(attempt.saturating_sub(1)));
        if let Some(name) = job.name {
            options = options.name(name);
        }
        if let Some(tag) = job.tag {
            options = options.tag(tag);
        }
        if let Some(limit) = job.timeout {
            options = options.timeout(limit);
        }
        slot.is_next().await;
        if self.running.borrow().get(key).is_some_and(|run| run.is_returned) {
            return Err(Ran::Ended(Err(JobError::cancelled())));
        }
        let future = self.local.submit(options, remote).await;
        slot.claim_ended();
        let future = future.ok_or_else(|| Ran::Refused("its pool was shut down".to_owned()))?;
        let is_stopped = match self.running.borrow_mut().get_mut(key) {
            Some(run) => {
                run.canceller = Some(future.canceller());
                run.stop == Stop::Decided
            }
            None => false,
        };
        if is_stopped {
            future.abort();
        }
        Ok(future)
    }

    /// A job has left the local pool.
    pub(super) fn ended(&self, function: &str, started: Instant, outcome: Result<RemoteResult, JobError>) -> Ran {
        match &outcome {
            Ok(result) => self.pace.ran(function, result.run_time()),
            // A pool that is broken has not started it.
            Err(JobError::Broken(broken)) => return Ran::Refused(format!("its pool is broken: {}", broken.reason())),
            // It may not have run at all.
            Err(error) if error.is_cancelled() => {}
            Err(_) => self.pace.ran(function, started.elapsed()),
        }
        Ran::Ended(outcome)
    }
}

pub(super) fn broken(reason: &str) -> Ran {
    Ran::Ended(Err(JobError::Broken(Broken::new(reason))))
}
