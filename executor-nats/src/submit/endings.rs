//! The end of jobs: the ledger has decided, and their cells are told.

use std::rc::Rc;

use executor_core::{Broken, JobError, TimedOut};
use executor_process::remote::{RemoteOutcome, RemoteResult};
use tokio::task::spawn_local;

use super::attached::ReattachError;
use super::engine::Engine;
use super::job::{Job, Stage};
use crate::protocol::message::{Body, HostId, State};

impl Engine {
    /// The ledger has decided.
    pub(crate) fn apply(self: &Rc<Self>, job: &Rc<Job>, state: State) {
        match state {
            State::Started { host, .. } => self.started(job, Rc::new(host)),
            State::Returned { .. } => {
                *job.host.borrow_mut() = None;
                if job.progress.stage() == Stage::Started {
                    job.progress.set(Stage::Queued);
                    self.shared.one_stopped();
                    self.waiting_has_changed();
                }
            }
            State::Cancelled { had_started: false } if job.progress.stage() != Stage::Started => {
                self.withdraw(job, JobError::cancelled());
            }
            State::Cancelled { .. } => {
                if self.take(job, Stage::Aborted) {
                    self.finish(job, Err(JobError::cancelled()));
                }
            }
            State::Expired => self.expired(job),
            State::Damaged | State::Batch(_) => self.end_damaged(job),
            State::Ended { body } => {
                if self.take(job, Stage::Ended) {
                    self.end(job, body);
                }
            }
            State::Read => {
                if self.take(job, Stage::Ended) {
                    let error = ReattachError::Read.to_string();
                    self.finish(job, Err(JobError::Broken(Broken::new(error))));
                }
            }
        }
    }

    /// A host has claimed the job.
    pub(super) fn started(&self, job: &Job, host: Rc<HostId>) {
        *job.host.borrow_mut() = Some(host);
        if matches!(job.progress.stage(), Stage::Queued | Stage::Delayed) {
            job.progress.set(Stage::Started);
            self.shared.one_started();
        }
    }

    /// The job has waited for too long, or run for too long.
    pub(super) fn expired(&self, job: &Rc<Job>) {
        let (name, limit) = (job.described.name().to_string(), job.exceeded.get());
        if job.progress.stage() != Stage::Started {
            return self.withdraw(job, JobError::TimedOut(TimedOut::not_started(name, limit)));
        }
        if self.take(job, Stage::Aborted) {
            self.finish(job, Err(JobError::TimedOut(TimedOut::new(name, limit))));
        }
    }

    /// Forgets a job that has ended. Returns false if it was forgotten before.
    pub(crate) fn remove(&self, job: &Job) -> bool {
        if self.jobs.borrow_mut().remove(&job.number).is_none() {
            return false;
        }
        if let Some(timer) = job.timer.take() {
            drop(self.timers.take(timer));
        }
        self.waiting_has_changed();
        true
    }

    /// Removes a job that was sent, and has ended. Returns false if it was removed before.
    fn take(&self, job: &Job, stage: Stage) -> bool {
        if !self.remove(job) {
            return false;
        }
        if job.progress.set(stage) == Stage::Started {
            self.shared.one_stopped();
        }
        true
    }

    fn end(self: &Rc<Self>, job: &Rc<Job>, body: Body) {
        match body {
            Body::Inline(bytes) => {
                self.end_with(job, Some(bytes));
                if job.key.is_kept {
                    self.removals.read(&job.key, job.revision.get(), Body::Inline(Vec::new()));
                }
            }
            // It may be of another job.
            body if !body.is_of(&job.key) => self.end_with(job, None),
            body => {
                let (engine, job) = (self.clone(), job.clone());
                spawn_local(async move { engine.end_large(&job, body).await });
            }
        }
    }

    async fn end_large(&self, job: &Job, body: Body) {
        self.end_with(job, self.streams.load(body.clone()).await);
        if job.key.is_kept {
            self.removals.read(&job.key, job.revision.get(), body);
        } else {
            self.streams.discard(&body).await;
        }
    }

    fn end_with(&self, job: &Job, bytes: Option<Vec<u8>>) {
        let outcome = match bytes {
            None => Err("its result is gone from the server: it was read already, or its time was up".to_owned()),
            Some(bytes) => RemoteOutcome::from_bytes(&bytes).map_err(|damaged| damaged.to_string()),
        };
        let outcome = match outcome {
            Ok(outcome) => {
                let outcome = outcome.into_result();
                if let Ok(result) = &outcome {
                    self.times.ran(job.described.path.as_str(), result.run_time());
                }
                outcome
            }
            Err(reason) => Err(JobError::Broken(Broken::new(reason))),
        };
        self.finish(job, outcome);
    }

    fn finish(&self, job: &Job, outcome: Result<RemoteResult, JobError>) {
        self.callbacks.tell(job.task.clone().finish(outcome), &self.shared);
    }

    /// The job never starts, and ends so.
    pub(crate) fn withdraw(&self, job: &Job, error: JobError) {
        if !self.remove(job) {
            return;
        }
        if job.progress.set(Stage::Withdrawn) == Stage::Delayed {
            self.shared.one_undelayed();
        }
        self.one_withdrawn.notify_one();
        if error.is_cancelled() && job.cancelling.get() > 0 {
            return;
        }
        // Its cell counts it as done, by way of `JobDeparture`.
        if let Some(notify) = job.task.clone().withdraw(error) {
            self.callbacks.fire(notify);
        }
    }
}
