//! Jobs of each priority on their way to this host: asked for, or here and waiting for a worker.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::{Client, Message, StatusCode, Subject, Subscriber};
use futures_lite::StreamExt;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};

use super::arrived::Arrived;
use super::engine::Engine;
use super::pace::Pace;
use crate::error::ConnectError;
use crate::protocol::names::PRIORITIES;

/// How long the server keeps a request for jobs. If an answer is lost, the host asks again after this time.
const REQUEST_TIME: Duration = Duration::from_secs(20);

/// How much later than that the server may say that a request is over.
const LATE: Duration = Duration::from_secs(1);

/// How long a job waits here while every worker is busy, before another host may have it.
const STUCK: Duration = Duration::from_millis(50);

/// How long the server may take to send an urgent job that was asked for, before a less urgent one starts.
const GRACE: Duration = Duration::from_millis(3);

/// After an answer that is an error.
const PAUSE: Duration = Duration::from_millis(100);

/// The jobs of one priority.
struct Lane {
    /// Jobs come there.
    inbox: String,
    /// They are asked for there.
    next: String,
    /// How many were asked for, and have not come.
    asked: Cell<usize>,
    /// Since when it has been more than none.
    asked_since: Cell<Option<Instant>>,
    /// In the order of their submission.
    held: RefCell<BTreeMap<u64, Arrived>>,
    /// Those that were given back. The server will probably send them again, before later ones.
    returned: RefCell<BTreeSet<u64>>,
    /// Since when there are some.
    returned_since: Cell<Option<Instant>>,
}

impl Lane {
    fn note_returned(&self, sequence: u64) {
        let is_first = self.returned.borrow().is_empty();
        self.returned.borrow_mut().insert(sequence);
        if is_first {
            self.returned_since.set(Some(Instant::now()));
        }
    }

    /// Whether a job is to start before the one with this number, and may come again.
    fn is_preceded(&self, sequence: u64) -> bool {
        let mut returned = self.returned.borrow_mut();
        if self.returned_since.get().is_none_or(|since| since.elapsed() >= STUCK) {
            // They went to other hosts.
            returned.clear();
        }
        returned.first().is_some_and(|first| *first < sequence)
    }

    fn set_asked(&self, count: usize) {
        self.asked.set(count);
        let since = self.asked_since.get().or_else(|| Some(Instant::now()));
        self.asked_since.set(since.filter(|_| count > 0));
    }

    fn one_less(&self, count: usize) {
        self.set_asked(self.asked.get().saturating_sub(count));
    }

    /// The server has none of these jobs: it would have sent one.
    fn is_empty(&self) -> bool {
        self.held.borrow().is_empty() && self.asked_since.get().is_some_and(|since| since.elapsed() >= GRACE)
    }
}

/// What is next.
enum Next {
    Job(Arrived),
    /// Nothing, until something changes.
    Nothing,
    /// Nothing, until the server has had the time to send a more urgent job.
    Grace,
}

/// The most urgent priority first.
pub(super) struct Lanes([Lane; PRIORITIES.len()]);

impl Lanes {
    /// Returns the lanes, and for each one the subscription by which jobs come.
    pub(super) async fn open(client: &Client, next: [String; 3]) -> Result<(Self, Vec<Subscriber>), ConnectError> {
        let lanes = next.map(|next| Lane {
            inbox: client.new_inbox(),
            next,
            asked: Cell::new(0),
            asked_since: Cell::default(),
            returned: RefCell::default(),
            returned_since: Cell::default(),
            held: RefCell::default(),
        });
        let mut subscribers = Vec::new();
        for lane in &lanes {
            subscribers.push(client.subscribe(lane.inbox.clone()).await.map_err(ConnectError::server)?);
        }
        Ok((Self(lanes), subscribers))
    }

    fn held(&self) -> usize {
        self.0.iter().map(|lane| lane.held.borrow().len()).sum()
    }

    /// Removes the most urgent job, if `is_ready` says so for the time that it will probably take.
    fn pop(&self, is_ready: impl FnOnce(Duration) -> bool) -> Next {
        let mut may_be_more_urgent = false;
        for lane in &self.0 {
            let mut held = lane.held.borrow_mut();
            if let Some((&sequence, first)) = held.first_key_value() {
                return match is_ready(first.estimate) {
                    false => Next::Nothing,
                    true if may_be_more_urgent || lane.is_preceded(sequence) => Next::Grace,
                    true => held.pop_first().map_or(Next::Nothing, |(_, job)| Next::Job(job)),
                };
            }
            drop(held);
            may_be_more_urgent |= !lane.is_empty();
        }
        Next::Nothing
    }

    /// Removes all jobs, the most urgent first.
    pub(super) fn take_held(&self) -> Vec<Arrived> {
        self.0.iter().flat_map(|lane| lane.held.take().into_values()).collect()
    }

    /// Where the server is told about the jobs that wait.
    pub(super) fn replies(&self) -> Vec<Subject> {
        let replies =
            |lane: &Lane| -> Vec<_> { lane.held.borrow().values().map(|arrived| arrived.reply.clone()).collect() };
        self.0.iter().flat_map(replies).collect()
    }

    /// The server has forgotten what it was asked for: the connection is a new one.
    pub(super) fn forget_requests(&self) {
        self.0.iter().for_each(|lane| lane.set_asked(0));
    }
}

impl Engine {
    /// Asks for jobs whenever there is room for more.
    pub(super) async fn ask_for_jobs(self: Rc<Self>, client: Client) {
        loop {
            if self.is_ending.get() {
                return;
            }
            let workers = self.local.workers().max(1);
            let capacity = if self.is_stuck.get() { workers } else { self.pace.capacity(workers) };
            let room = capacity.saturating_sub(self.claimed.get() + self.lanes.held());
            for lane in &self.lanes.0 {
                let asked = lane.asked.get();
                // Less urgent jobs wait until it is known whether there is a more urgent one.
                let is_unknown = asked == 0 && lane.held.borrow().is_empty() && !self.is_stuck.get();
                let room = if is_unknown { room.max(1) } else { room };
                // Not for each job alone, as long as others are on their way.
                if room == 0 || 2 * asked > room || self.is_returning.get() {
                    continue;
                }
                lane.set_asked(room);
                let request =
                    format!(r#"{{"batch":{},"expires":{}}}"#, room - asked, REQUEST_TIME.as_nanos()).into_bytes();
                let sent = client.publish_with_reply(lane.next.clone(), lane.inbox.clone(), request.into()).await;
                if sent.is_err() {
                    return;
                }
            }
            self.has_room.notified().await;
        }
    }

    /// Takes the jobs of one priority as they come.
    pub(super) async fn take_jobs(self: Rc<Self>, index: usize, mut messages: Subscriber) {
        let lane = &self.lanes.0[index];
        while !self.is_ending.get() {
            let next = tokio::select! {
                next = timeout(REQUEST_TIME + LATE, messages.next()) => next,
                () = self.ends.notified() => break,
            };
            match next {
                Ok(None) => break,
                // Each request had an end, which must have been lost.
                Err(_) => lane.set_asked(0),
                Ok(Some(message)) => match message.status {
                    None | Some(StatusCode::OK) => {
                        lane.one_less(1);
                        self.came(index, &message);
                    }
                    Some(status) => self.request_ended(index, status, &message).await,
                },
            }
            self.has_room.notify_one();
        }
        // The server gives them to another host.
        drop(messages.drain().await);
        while let Ok(Some(message)) = timeout(LATE, messages.next()).await {
            if let Some(reply) = message.reply {
                self.refuse(reply).await;
            }
        }
        self.open.set(self.open.get() - 1);
        self.changed.notify_one();
    }

    fn came(self: &Rc<Self>, index: usize, message: &Message) {
        let lane = &self.lanes.0[index];
        let arrived = match Arrived::new(message, index, &self.pace) {
            Ok(arrived) => arrived,
            Err(None) => return,
            // It would come again and again.
            Err(Some(reply)) => {
                let engine = self.clone();
                return drop(spawn_local(async move { engine.acknowledge(reply).await }));
            }
        };
        self.copies.came(arrived.copy);
        let sequence = arrived.copy.sequence();
        lane.returned.borrow_mut().remove(&sequence);
        let is_full = self.claimed.get() >= self.local.workers().max(1);
        if self.is_stuck.get() && !self.is_returning.get() && (is_full || lane.is_preceded(sequence)) {
            let engine = self.clone();
            return drop(spawn_local(async move {
                engine.return_job(arrived.lane, sequence, arrived.reply).await;
                engine.has_room.notify_one();
            }));
        }
        lane.held.borrow_mut().insert(sequence, arrived);
        self.start_held();
        if self.waiting() > 0 {
            self.is_holding.notify_one();
        }
    }

    /// The server will not send all that a request has asked for.
    async fn request_ended(&self, index: usize, status: StatusCode, message: &Message) {
        let lane = &self.lanes.0[index];
        let pending = message.headers.as_ref().and_then(|headers| headers.get("Nats-Pending-Messages"));
        match pending.and_then(|pending| pending.as_str().parse::<usize>().ok()) {
            Some(pending) => lane.one_less(pending),
            None => lane.set_asked(0),
        }
        if status == StatusCode::TIMEOUT {
            return;
        }
        sleep(PAUSE).await;
        let is_gone = status == StatusCode::NO_RESPONDERS
            || message.description.as_deref().is_some_and(|text| text.contains("Consumer Deleted"));
        if is_gone {
            // If that fails, the next request does, too.
            drop(self.streams.make_again().await);
            drop(self.streams.consumer(PRIORITIES[index], self.lease).await);
        }
    }

    /// Starts what waits, as long as workers are free or will be soon.
    pub(super) fn start_held(self: &Rc<Self>) {
        while !self.is_ending.get() && !self.is_returning.get() {
            let (claimed, workers) = (self.claimed.get(), self.local.workers().max(1));
            let is_soon = |estimate| !self.is_stuck.get() && Pace::is_soon(self.load.get(), estimate, claimed, workers);
            let is_ready = |estimate| claimed < workers || is_soon(estimate);
            let arrived = match self.lanes.pop(is_ready) {
                Next::Job(arrived) => arrived,
                Next::Nothing => return,
                Next::Grace => return self.start_after_grace(),
            };
            let slot = Slot::new(self.clone(), arrived.estimate);
            self.open.set(self.open.get() + 1);
            let engine = self.clone();
            spawn_local(async move {
                engine.run_job(arrived, slot).await;
                engine.open.set(engine.open.get() - 1);
                engine.changed.notify_one();
            });
        }
    }

    fn start_after_grace(self: &Rc<Self>) {
        if !self.is_in_grace.replace(true) {
            let engine = self.clone();
            spawn_local(async move {
                sleep(GRACE).await;
                engine.is_in_grace.set(false);
                engine.start_held();
            });
        }
    }

    /// How many jobs are here, in any state, for which no worker is free.
    fn waiting(&self) -> usize {
        (self.claimed.get() + self.lanes.held()).saturating_sub(self.local.workers().max(1))
    }

    /// Gives jobs to other hosts that wait here while no job starts or ends.
    pub(super) async fn return_stuck(self: Rc<Self>) {
        let turns = || (self.starts.get(), self.stops.get());
        loop {
            self.is_holding.notified().await;
            while self.waiting() > 0 {
                let before = turns();
                sleep(STUCK).await;
                if turns() == before && self.waiting() > 0 && !self.is_ending.get() {
                    self.is_stuck.set(true);
                    self.is_returning.set(true);
                    self.return_claimed().await;
                    self.return_held().await;
                    self.is_returning.set(false);
                    self.start_held();
                    self.has_room.notify_one();
                }
            }
        }
    }

    /// Takes the jobs from the local pool that were claimed ahead, and have not started. Waits until the server knows, so that it gives
    /// them to the next host before those that came later.
    async fn return_claimed(&self) {
        let workers = self.local.workers().max(1);
        let mut claimed: Vec<_> = self
            .running
            .borrow()
            .iter()
            .filter(|(_, run)| run.has_slot)
            .map(|(key, run)| (run.order, key.clone()))
            .collect();
        claimed.sort_unstable_by_key(|&(order, _)| order);
        if claimed.len() <= workers {
            return;
        }
        let mut returned = Vec::new();
        for (_, key) in claimed.split_off(workers) {
            let canceller = self.running.borrow().get(&key).and_then(|run| run.canceller.clone());
            // One that is being claimed is returned after that.
            if canceller.is_none_or(|canceller| canceller.cancel()) {
                if let Some(run) = self.running.borrow_mut().get_mut(&key) {
                    run.is_returned = true;
                }
                returned.push(key);
            }
        }
        while returned.iter().any(|key| self.running.borrow().contains_key(key)) {
            self.has_returned.notified().await;
        }
    }

    pub(super) async fn return_held(&self) {
        for arrived in self.lanes.take_held() {
            self.return_job(arrived.lane, arrived.copy.sequence(), arrived.reply).await;
        }
    }

    pub(super) async fn return_job(&self, lane: usize, sequence: u64, reply: Subject) {
        self.lanes.0[lane].note_returned(sequence);
        self.refuse(reply).await;
    }

    /// The server may give the job to another host at once.
    async fn refuse(&self, reply: Subject) {
        drop(self.streams.context.client().publish(reply, AckKind::Nak(None).into()).await);
    }
}

/// A worker's time for one job. Given back when this is dropped.
pub(super) struct Slot {
    engine: Rc<Engine>,
    estimate: Duration,
    /// Which claim of this host's it is for.
    pub(super) order: u64,
}

impl Slot {
    fn new(engine: Rc<Engine>, estimate: Duration) -> Self {
        engine.claimed.set(engine.claimed.get() + 1);
        engine.load.set(engine.load.get().saturating_add(estimate));
        let order = engine.starts.get();
        engine.starts.set(order + 1);
        engine.claiming.borrow_mut().insert(order);
        Self { engine, estimate, order }
    }
}

impl Slot {
    /// Waits until the jobs that came before have a place on the local pool. A claim takes longer if its first answer is lost.
    pub(super) async fn is_next(&self) {
        while self.engine.claiming.borrow().first() != Some(&self.order) {
            self.engine.has_claimed.notified().await;
        }
    }

    /// The job has a place on the local pool, or never will.
    pub(super) fn claim_ended(&self) {
        let was_claiming = self.engine.claiming.borrow_mut().remove(&self.order);
        if was_claiming {
            self.engine.has_claimed.notify_waiters();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.claim_ended();
        let Self { engine, estimate, .. } = self;
        engine.claimed.set(engine.claimed.get() - 1);
        engine.load.set(engine.load.get().saturating_sub(*estimate));
        engine.stops.set(engine.stops.get() + 1);
        engine.start_held();
        engine.has_room.notify_one();
    }
}
