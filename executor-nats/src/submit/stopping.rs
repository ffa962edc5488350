//! Jobs that are stopped: cancelled, aborted, or late.

use std::rc::Rc;
use std::time::Instant;

use executor_core::JobError;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::engine::{Engine, Stopped};
use super::job::{Job, Stage};
use super::timers::Deed;
use crate::protocol::ledger::{Put, Standing};
use crate::protocol::message::{State, encode};
use crate::protocol::streams::ANSWER_TIME;

impl Engine {
    pub(crate) async fn stop_for(self: Rc<Self>, number: u64, aborts: bool, reply: Option<oneshot::Sender<Stopped>>) {
        let job = self.job(number);
        let mut stopped = Stopped::No;
        if let Some(job) = &job {
            let waits = u32::from(reply.is_some());
            job.cancelling.set(job.cancelling.get() + waits);
            self.stop(job, aborts).await;
            job.cancelling.set(job.cancelling.get() - waits);
            if job.progress.stage() == Stage::Aborted {
                stopped = Stopped::Aborted;
            }
        }
        if let Some(reply) = reply {
            drop(reply.send(stopped));
        }
    }

    /// Cancels the job, or aborts it if it has started and `aborts` says so.
    async fn stop(self: &Rc<Self>, job: &Rc<Job>, aborts: bool) {
        if job.is_only_here() {
            return self.withdraw(job, JobError::cancelled());
        }
        self.end_early(job, aborts, |had_started| State::Cancelled { had_started }).await;
    }

    /// Ends the job if it has not started, or in any case if it `may_have_started`. `state` makes the record from whether it had.
    async fn end_early(self: &Rc<Self>, job: &Rc<Job>, may_have_started: bool, state: fn(bool) -> State) {
        if job.batch.get().is_some() {
            return self.end_member(job, may_have_started, state).await;
        }
        let (mut after, mut had_started, mut asked) = (0, false, None);
        loop {
            match self.streams.put(&job.key, after, state(had_started), None).await {
                Ok(Put::Won(revision)) => break job.saw(revision),
                Ok(Put::Lost(Standing { revision, state: State::Started { host, attempt }, .. })) => {
                    self.apply(job, State::Started { host: host.clone(), attempt });
                    if may_have_started {
                        (after, had_started) = (revision, true);
                    } else if asked.replace(revision) == Some(revision) {
                        return;
                    } else {
                        let _ = self.ask_back(job, &host.token).await;
                    }
                }
                Ok(Put::Lost(Standing { revision, state: State::Returned { attempt }, .. })) => {
                    self.apply(job, State::Returned { attempt });
                    (after, had_started) = (revision, false);
                }
                Ok(Put::Lost(standing)) => {
                    job.saw(standing.revision);
                    return self.apply(job, standing.state);
                }
                // Its time in the ledger was over.
                Ok(Put::Gone) if matches!(state(false), State::Expired) => break,
                Ok(Put::Gone) | Err(_) => return,
            }
        }
        self.apply(job, state(had_started));
        self.take_back(job, had_started).await;
    }

    /// Asks the host that has claimed a job to return it, if it has not started there. Waits until the host has done so, or answers that the
    /// job runs. The ledger knows.
    ///
    /// Returns true if the host answers that it never starts the job, which is of a batch.
    pub(super) async fn ask_back(&self, job: &Job, host: &str) -> bool {
        let (client, subject) = (self.streams.context.client(), self.streams.names.stop(host));
        // An error means that the host is gone: then another one decides about the job.
        let answer = timeout(ANSWER_TIME, client.request(subject, encode(&job.key).into())).await;
        matches!(answer, Ok(Ok(answer)) if !answer.payload.is_empty())
    }

    pub(crate) fn stop_all(self: &Rc<Self>, aborts: bool) {
        let jobs: Vec<_> = self.jobs.borrow().values().cloned().collect();
        for job in jobs {
            let engine = self.clone();
            spawn_local(async move { engine.stop(&job, aborts).await });
        }
    }

    pub(crate) async fn refresh(self: Rc<Self>, number: u64, reply: Option<oneshot::Sender<()>>) {
        // Without a server, what is known must do.
        if let Some(job) = self.job(number)
            && self.lost_since().is_none()
            && let Ok(Some(standing)) = self.streams.look(job.record_key()).await
        {
            self.learn(&job, standing);
        }
        if let Some(reply) = reply {
            drop(reply.send(()));
        }
    }

    /// Does what a timer was set for.
    pub(crate) fn do_now(self: &Rc<Self>, deed: Deed) {
        match deed {
            Deed::Send(outgoing) => {
                let job = &outgoing.job;
                job.progress.set(Stage::Queued);
                job.since.set(Instant::now());
                self.shared.one_due();
                self.set_limit(job);
                drop(self.outgoing.send(outgoing));
                self.waiting_has_changed();
            }
            Deed::StartLimit(job) => {
                job.timer.set(None);
                job.exceeded.set(job.start_limit.unwrap_or_default());
                self.set_keep_limit(&job);
                spawn_local(self.clone().expire(job, false));
            }
            Deed::KeepLimit(job) => {
                job.timer.set(None);
                job.exceeded.set(self.keep_jobs);
                spawn_local(self.clone().expire(job, true));
            }
            Deed::Run(run) => self.callbacks.run(move || {
                run.complete(());
            }),
        }
    }

    /// Sets the time at which a job has waited for too long. It has been queued just now.
    pub(crate) fn set_limit(&self, job: &Rc<Job>) {
        match job.start_limit.filter(|limit| *limit < self.keep_jobs) {
            Some(limit) => {
                let at = job.since.get().checked_add(limit);
                job.timer.set(self.timers.set(at, Deed::StartLimit(job.clone())));
            }
            None => self.set_keep_limit(job),
        }
    }

    fn set_keep_limit(&self, job: &Rc<Job>) {
        let at = job.since.get().checked_add(self.keep_jobs);
        job.timer.set(self.timers.set(at, Deed::KeepLimit(job.clone())));
    }

    /// Ends the job if it has not started, or in any case if it `may_have_started`.
    async fn expire(self: Rc<Self>, job: Rc<Job>, may_have_started: bool) {
        if job.is_only_here() {
            return self.expired(&job);
        }
        self.end_early(&job, may_have_started, |_| State::Expired).await;
    }

    /// Tells the host of a job that the job has ended.
    pub(super) async fn stop_at_host(&self, job: &Job) {
        let host = job.host.borrow().clone();
        let Some(host) = host else { return };
        let subject = self.streams.names.stop(&host.token);
        drop(self.streams.context.client().publish(subject, encode(&job.key).into()).await);
    }

    /// The job has ended, and no host needs it any more.
    async fn take_back(&self, job: &Job, had_started: bool) {
        if had_started {
            self.stop_at_host(job).await;
        } else if let Some(sequence) = self.sequence_of(job).await {
            // Its place in a bounded stream is free then.
            self.streams.delete_job(sequence).await;
            self.room.notify_one();
        }
    }
}
