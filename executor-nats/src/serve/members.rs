//! Runs the jobs of a batch on the local pool, and writes their outcomes together.

use std::rc::Rc;
use std::time::Duration;

use async_nats::Subject;
use bytes::Bytes;
use executor_core::JobError;
use executor_process::remote::RemoteOutcome;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, timeout_at};

use super::arrived::Member;
use super::engine::Engine;
use super::run::Ran;
use super::slot::Slot;
use crate::protocol::batch::{BatchState, Members};
use crate::protocol::message::Body;
use crate::protocol::names::JobKey;

/// How long an outcome may wait for those of other jobs of the batch.
const TOGETHER: Duration = Duration::from_millis(5);

/// A job of the batch that is not at the local pool any more.
pub(super) struct Left {
    place: u8,
    ran: Ran,
    /// It was taken from the local pool, or did not come there.
    is_returned: bool,
}

/// The jobs of a batch that this host has claimed.
pub(super) struct BatchRun {
    pub(super) engine: Rc<Engine>,
    pub(super) key: JobKey,
    /// The jobs of the batch, also those of other hosts.
    pub(super) keys: Vec<JobKey>,
    pub(super) revision: u64,
    pub(super) state: BatchState,
    /// Where the server is told about the message. `None` once another host may have it.
    pub(super) reply: Option<Subject>,
    /// Those that are here.
    pub(super) here: Members,
    /// The following ones are not here any more, and the record does not say so yet.
    ended: Vec<(u8, Body)>,
    returned: Members,
    withdrawn: Members,
    since: Option<Instant>,
}

impl Engine {
    /// Runs a job of a batch.
    pub(super) async fn run_member(self: Rc<Self>, place: u8, member: Member, slot: Slot, left: UnboundedSender<Left>) {
        let Member { key, job, remote, .. } = member;
        let ran = self.run_decoded(&key, job, Some(remote), 1, &slot).await;
        // The worker is free while the outcome is written.
        let is_returned = self.leaves_slot(&key);
        drop(slot);
        // An error means that the engine has ended.
        drop(left.send(Left { place, ran, is_returned }));
    }
}

impl BatchRun {
    pub(super) fn new(engine: Rc<Engine>, key: JobKey, keys: Vec<JobKey>, reply: Subject) -> Self {
        Self {
            engine,
            key,
            keys,
            revision: 0,
            state: BatchState::default(),
            reply: Some(reply),
            here: Members::default(),
            ended: Vec::new(),
            returned: Members::default(),
            withdrawn: Members::default(),
            since: None,
        }
    }

    /// Writes what becomes of the jobs, until none is here.
    pub(super) async fn follow(&mut self, mut left: UnboundedReceiver<Left>) {
        while !self.here.is_empty() {
            let next = match self.since {
                Some(since) => timeout_at(since + TOGETHER, left.recv()).await.ok().flatten(),
                None => left.recv().await,
            };
            let is_late = next.is_none();
            if let Some(next) = next {
                self.leave(next).await;
            }
            while let Ok(next) = left.try_recv() {
                self.leave(next).await;
            }
            if is_late || self.here.is_empty() || !self.returned.with(self.withdrawn).is_empty() {
                self.write().await;
            }
        }
    }

    async fn leave(&mut self, left: Left) {
        let Left { place, ran, is_returned } = left;
        let (engine, job) = (self.engine.clone(), Members::one(place));
        self.here = self.here.without(job);
        let key = &self.keys[usize::from(place)];
        match ran {
            Ran::Refused(reason) => {
                engine.give_up(reason);
                self.returned = self.returned.with(job);
            }
            Ran::Ended(outcome) if is_returned && outcome.as_ref().is_err_and(JobError::is_cancelled) => {
                if engine.running.borrow().get(key).is_some_and(|run| run.askers.is_empty()) {
                    self.returned = self.returned.with(job);
                } else {
                    self.withdrawn = self.withdrawn.with(job);
                }
            }
            Ran::Ended(outcome) => {
                engine.is_stuck.set(false);
                let bytes = RemoteOutcome::new(outcome, &engine.host.machine).to_bytes();
                // An error would mean that it is given up to ask the server, which never happens.
                if let Ok(body) = engine.streams.store_beside(key, "1", bytes, self.keys.len()).await {
                    self.ended.push((place, body));
                    self.since = self.since.or_else(|| Some(Instant::now()));
                }
            }
        }
    }

    /// Writes where the jobs are that are not here any more.
    async fn write(&mut self) {
        let (engine, host) = (self.engine.clone(), self.engine.host.clone());
        let ended = std::mem::take(&mut self.ended);
        let (returned, withdrawn) = (std::mem::take(&mut self.returned), std::mem::take(&mut self.withdrawn));
        self.since = None;
        let known = (self.revision, std::mem::take(&mut self.state));
        let change = |state: &mut BatchState| {
            let withdrawn = withdrawn.and(state.at(&host));
            let is_ended = state.end(&host, &ended);
            let is_returned = state.give_back(&host, returned);
            state.drop_claimed(withdrawn) || is_ended || is_returned
        };
        // `None` means that the batch has ended as a whole.
        if let Ok(Some(changed)) = engine.streams.change_batch(&self.key, known, change).await {
            (self.revision, self.state) = (changed.revision, changed.state);
        }
        let mut left = returned.with(withdrawn);
        for (place, body) in ended {
            left = left.with(Members::one(place));
            if !self.state.outcomes.iter().any(|(written, _)| *written == place) {
                engine.streams.discard(&body).await;
            }
        }
        if !returned.is_empty()
            && let Some(reply) = self.reply.take()
        {
            engine.replies.borrow_mut().remove(&reply);
            engine.return_job(reply).await;
        }
        self.forget(left).await;
    }

    /// The record says what became of these jobs.
    async fn forget(&self, jobs: Members) {
        for place in jobs.places() {
            let run = self.engine.running.borrow_mut().remove(&self.keys[usize::from(place)]);
            self.engine.done.set(self.engine.done.get() + 1);
            if let Some(run) = run.filter(|run| !run.askers.is_empty()) {
                let is_dropped = self.state.dropped.contains(place);
                let answer = if is_dropped { Bytes::from_static(&[1]) } else { Bytes::new() };
                self.engine.answer_with(run.askers, answer).await;
            }
        }
        self.engine.has_returned.notify_one();
    }
}
