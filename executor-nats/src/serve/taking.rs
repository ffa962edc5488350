//! Asks for jobs, takes them as they come, and starts them.

use std::rc::Rc;
use std::time::Duration;

use async_nats::{Client, Message, StatusCode, Subscriber};
use futures_lite::StreamExt;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::arrived::{Arrived, Member};
use super::engine::Engine;
use super::lanes::{GRACE, Next};
use super::pace::Pace;
use super::slot::Slot;
use crate::protocol::names::PRIORITIES;

/// How long the server keeps a request for jobs.
const REQUEST_TIME: Duration = Duration::from_secs(20);

/// How often the server tells that it keeps one. If it does not, it has lost the request: another server leads the stream, perhaps.
const HEARTBEAT: Duration = Duration::from_secs(4);

/// How much later than that the server may say that a request is over.
const LATE: Duration = Duration::from_secs(1);

/// After an answer that is an error.
const PAUSE: Duration = Duration::from_millis(100);

/// The request for this number of jobs.
fn request(batch: usize) -> Vec<u8> {
    let (expires, heartbeat) = (REQUEST_TIME.as_nanos(), HEARTBEAT.as_nanos());
    format!(r#"{{"batch":{batch},"expires":{expires},"idle_heartbeat":{heartbeat}}}"#).into_bytes()
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
            for (index, lane) in self.lanes.0.iter().enumerate() {
                let asked = lane.asked.get();
                // Less urgent jobs wait until it is known whether there is a more urgent one.
                let is_unknown = asked == 0 && lane.held.borrow().is_empty() && self.lanes.is_above_held(index);
                let room = if is_unknown { room.max(1) } else { room };
                let room = room.div_ceil(lane.per_message.get());
                // Not for each job alone, as long as others are on their way.
                if room == 0 || 2 * asked > room || self.is_returning.get() {
                    continue;
                }
                lane.requests.set(lane.requests.get() + 1);
                lane.sent.set(lane.sent.get() + 1);
                lane.set_asked(room);
                let request = request(room - asked);
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
                next = timeout(2 * HEARTBEAT + LATE, messages.next()) => next,
                () = self.ends.notified() => break,
            };
            match next {
                Ok(None) => break,
                // The server has no request, or has lost it.
                Err(_) => lane.set_asked(0),
                Ok(Some(message)) => match message.status {
                    None | Some(StatusCode::OK) => {
                        lane.one_less(1);
                        self.came(index, &message);
                    }
                    Some(StatusCode::IDLE_HEARTBEAT) => continue,
                    Some(status) => self.request_ended(index, status, &message).await,
                },
            }
            self.has_room.notify_one();
        }
        // The server gives them to another host.
        drop(messages.drain().await);
        while let Ok(Some(message)) = timeout(LATE, messages.next()).await {
            if let Some(reply) = message.reply {
                self.return_job(reply).await;
            }
        }
        self.open.set(self.open.get() - 1);
        self.changed.notify_one();
    }

    fn came(self: &Rc<Self>, index: usize, message: &Message) {
        let lane = &self.lanes.0[index];
        let arrived = match Arrived::new(message, &self.pace) {
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
        lane.saw(arrived.count());
        let is_full = self.claimed.get() >= self.local.workers().max(1);
        if self.has_returned_jobs.get() && self.is_stuck.get() && !self.is_returning.get() && is_full {
            let engine = self.clone();
            return drop(spawn_local(async move {
                engine.return_job(arrived.reply).await;
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
        lane.requests.set(lane.requests.get().saturating_sub(1));
        if status == StatusCode::TIMEOUT {
            return;
        }
        sleep(PAUSE).await;
        let is_gone = status == StatusCode::NO_RESPONDERS
            || message.description.as_deref().is_some_and(|text| text.contains("Consumer Deleted"));
        if is_gone {
            // If that fails, the next request does, too.
            drop(self.streams.make_again().await);
            drop(self.streams.consumer(PRIORITIES[index]).await);
        }
    }

    /// Starts what waits, as long as workers are free or will be soon.
    pub(super) fn start_held(self: &Rc<Self>) {
        while !self.is_ending.get() && !self.is_returning.get() {
            let (claimed, workers) = (self.claimed.get(), self.local.workers().max(1));
            let is_soon = |estimate| !self.is_stuck.get() && Pace::is_soon(self.load.get(), estimate, claimed, workers);
            let is_ready = |estimate| claimed < workers || is_soon(estimate);
            let arrived = match self.lanes.pop(is_ready) {
                Next::Job(arrived) => *arrived,
                Next::Nothing => return,
                Next::Grace => return self.start_after_grace(),
            };
            self.open.set(self.open.get() + 1);
            if arrived.members.is_empty() {
                let slot = Slot::new(self.clone(), arrived.estimate);
                self.spawn_open(async move |engine| engine.run_job(arrived, slot).await);
            } else {
                let slot = |member: &Member| Slot::new(self.clone(), member.estimate);
                let slots = arrived.members.iter().map(slot).collect();
                self.spawn_open(async move |engine| engine.run_batch(arrived, slots).await);
            }
        }
    }

    /// Starts a task that is counted as open.
    fn spawn_open(self: &Rc<Self>, task: impl AsyncFnOnce(&Rc<Self>) + 'static) {
        let engine = self.clone();
        spawn_local(async move {
            task(&engine).await;
            engine.open.set(engine.open.get() - 1);
            engine.changed.notify_one();
        });
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
}
