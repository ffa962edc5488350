//! Runs the jobs of a batch on the local pool, and writes their outcomes together.

use std::rc::Rc;
use std::time::{Duration, Instant};

use async_nats::Subject;
use bytes::Bytes;
use executor_core::JobError;
use executor_process::remote::{RemoteJob, RemoteOutcome, RemoteResult};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::timeout_at;

use super::arrived::Member;
use super::engine::Engine;
use super::run::{Ran, broken};
use super::slot::Slot;
use crate::protocol::batch::{BatchState, Members};
use crate::protocol::message::Body;
use crate::protocol::names::JobKey;

/// How long an outcome may wait for those of other jobs of the batch.
const TOGETHER: Duration = Duration::from_millis(5);

/// A job of the batch on its way to the local pool.
pub(super) struct Starting {
    pub(super) place: u8,
    pub(super) member: Member,
    pub(super) slot: Rc<Slot>,
}

/// A job of the batch that is not at the local pool any more.
pub(super) struct Left {
    place: u8,
    how: How,
}

enum How {
    /// It was there until now.
    Ended(Result<RemoteResult, JobError>),
    /// It did not come there.
    Not(Ran),
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
    /// Of each job of the batch.
    functions: Vec<Option<RemoteJob>>,
    slots: Vec<Option<Rc<Slot>>>,
    started: Instant,
    /// The following ones are not here any more, and the record does not say so yet.
    ended: Vec<(u8, Body)>,
    returned: Members,
    withdrawn: Members,
    since: Option<Instant>,
}

impl Engine {
    /// Brings jobs of a batch to the local pool.
    pub(super) async fn start_members(self: Rc<Self>, starting: Vec<Starting>, left: UnboundedSender<Left>) {
        for Starting { place, member, slot } in starting {
            let Member { key, job, remote, .. } = member;
            let started = match remote {
                Ok(remote) => self.start(&key, job, remote, 1, &slot).await,
                Err(damaged) => Err(broken(&damaged.to_string())),
            };
            let left = left.clone();
            // An error means that the engine has ended.
            match started {
                // The outcomes that come while this thread is busy wake it once.
                Ok(future) => future.on_done(move |outcome| drop(left.send(Left { place, how: How::Ended(outcome) }))),
                Err(ran) => drop(left.send(Left { place, how: How::Not(ran) })),
            }
        }
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
            functions: Vec::new(),
            slots: Vec::new(),
            started: Instant::now(),
            ended: Vec::new(),
            returned: Members::default(),
            withdrawn: Members::default(),
            since: None,
        }
    }

    /// The next job of the batch has this function, and a slot if it is here.
    pub(super) fn expect(&mut self, function: Option<RemoteJob>, slot: Option<Rc<Slot>>) {
        self.functions.push(function);
        self.slots.push(slot);
    }

    /// Writes what becomes of the jobs, until none is here.
    pub(super) async fn follow(&mut self, mut left: UnboundedReceiver<Left>) {
        while !self.here.is_empty() {
            let next = match self.since {
                Some(since) => timeout_at((since + TOGETHER).into(), left.recv()).await,
                None => Ok(left.recv().await),
            };
            let is_late = next.is_err();
            match next {
                Ok(Some(next)) => self.leave(next).await,
                // They were dropped.
                Ok(None) => self.returned = self.returned.with(std::mem::take(&mut self.here)),
                Err(_) => {}
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
        let Left { place, how } = left;
        let (engine, job, index) = (self.engine.clone(), Members::one(place), usize::from(place));
        self.here = self.here.without(job);
        let key = &self.keys[index];
        // The worker is free while the outcome is written.
        let is_returned = engine.leaves_slot(key);
        self.slots[index] = None;
        let ran = match how {
            How::Ended(outcome) => {
                let function = self.functions[index].as_ref().map_or("", RemoteJob::name);
                engine.ended(function, self.started, outcome)
            }
            How::Not(ran) => ran,
        };
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
