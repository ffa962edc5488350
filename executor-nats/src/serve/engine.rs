//! The thread of a connection: takes jobs from the streams, as many as there are workers, and tells of the host.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self, AckKind};
use bytes::Bytes;
use executor_core::Canceller;
use futures_lite::StreamExt;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::spawn_local;
use tokio::time::{interval, sleep, timeout};

use super::host::Runner;
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::namespace::Namespace;
use crate::protocol::message::{Presence, decode, encode};
use crate::protocol::names::{JobKey, Names, PRIORITIES, random_token};
use crate::protocol::streams::Streams;
use crate::runtime::Started;

/// What the engine is asked to do.
pub(crate) enum Command {
    End,
}

/// Everything that the engine starts with.
pub(crate) struct Parts {
    pub(crate) connection: Connection,
    pub(crate) namespace: Namespace,
    pub(crate) names: Names,
    pub(crate) local: Arc<dyn Runner>,
    pub(crate) commands: UnboundedReceiver<Command>,
    /// Kept, so that the commands do not end before the engine does.
    pub(crate) sender: UnboundedSender<Command>,
}

pub(super) struct Engine {
    pub(super) streams: Streams,
    pub(super) local: Arc<dyn Runner>,
    pub(super) host: String,
    label: String,
    lease: Duration,
    /// Jobs that came, and wait for a worker: the most urgent ones first.
    held: RefCell<[VecDeque<jetstream::Message>; 3]>,
    /// Every message that is not done with, so that the server does not give it to another host.
    pub(super) messages: RefCell<HashMap<u64, Rc<jetstream::Message>>>,
    /// Jobs that this host is at, to be stopped.
    pub(super) running: RefCell<HashMap<JobKey, Run>>,
    pub(super) done: Cell<u64>,
    busy: Cell<usize>,
    /// A worker is free, a job has come, or the server is to end.
    pub(super) changed: Notify,
    is_ending: Cell<bool>,
}

/// A job that this host is at.
#[derive(Default)]
pub(super) struct Run {
    /// Once it is on the local pool.
    pub(super) canceller: Option<Canceller>,
    /// It was asked to stop.
    pub(super) is_stopped: bool,
}

/// Runs until it is told to end.
pub(super) async fn run(parts: Parts, started: Started<()>) {
    let _sender = parts.sender;
    let mut commands = parts.commands;
    let opened = async {
        let client = parts.connection.open().await?;
        let streams = Streams::open(client.clone(), &parts.namespace, parts.names).await?;
        let mut consumers = Vec::new();
        for priority in PRIORITIES {
            consumers.push(streams.consumer(priority, parts.namespace.lease).await?);
        }
        let host = random_token();
        let stops = client.subscribe(streams.names.stop(&host)).await.map_err(ConnectError::server)?;
        let questions = client.subscribe(streams.names.who()).await.map_err(ConnectError::server)?;
        Ok::<_, ConnectError>((client, streams, consumers, host, stops, questions))
    };
    let (client, streams, consumers, host, mut stops, mut questions) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return started.tell(Err(error)),
    };
    let engine = Rc::new(Engine {
        streams,
        local: parts.local,
        host,
        label: label(),
        lease: parts.namespace.lease,
        held: RefCell::default(),
        messages: RefCell::default(),
        running: RefCell::default(),
        done: Cell::new(0),
        busy: Cell::new(0),
        changed: Notify::new(),
        is_ending: Cell::new(false),
    });
    engine.tell_presence(&client, false).await;
    for (lane, consumer) in consumers.into_iter().enumerate() {
        spawn_local(engine.clone().wait_for_jobs(lane, consumer));
    }
    spawn_local(engine.clone().keep_lease(client.clone()));
    started.tell(Ok(()));
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::End) | None => break,
            },
            Some(message) = stops.next() => {
                if let Ok(key) = decode::<JobKey>(&message.payload) {
                    engine.stop(&key);
                }
            }
            Some(_) = questions.next() => engine.tell_presence(&client, false).await,
            () = engine.changed.notified() => engine.start_held(),
        }
    }
    engine.is_ending.set(true);
    engine.give_back().await;
    engine.tell_presence(&client, true).await;
    while engine.busy.get() > 0 {
        tokio::select! {
            Some(message) = stops.next() => {
                if let Ok(key) = decode::<JobKey>(&message.payload) {
                    engine.stop(&key);
                }
            }
            () = engine.changed.notified() => {}
        }
    }
    drop(timeout(Duration::from_secs(2), client.drain()).await);
}

fn label() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}:{}", name.trim(), std::process::id())
}

impl Engine {
    fn is_full(&self) -> bool {
        self.busy.get() >= self.local.workers().max(1)
    }

    /// Asks for jobs of one priority, while a worker is free.
    async fn wait_for_jobs(self: Rc<Self>, lane: usize, consumer: PullConsumer) {
        while !self.is_ending.get() {
            if self.is_full() || !self.held.borrow()[lane].is_empty() {
                self.wait_for_room(lane).await;
                continue;
            }
            let free = self.local.workers().max(1).saturating_sub(self.busy.get()).max(1);
            let Ok(mut batch) = consumer.batch().max_messages(free).expires(Duration::from_secs(20)).messages().await
            else {
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            while let Some(message) = batch.next().await {
                let Ok(message) = message else { break };
                self.came(lane, message);
            }
        }
    }

    async fn wait_for_room(&self, lane: usize) {
        while !self.is_ending.get() && (self.is_full() || !self.held.borrow()[lane].is_empty()) {
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn came(self: &Rc<Self>, lane: usize, message: jetstream::Message) {
        self.held.borrow_mut()[lane].push_back(message);
        self.start_held();
    }

    /// Starts what waits, as long as a worker is free.
    fn start_held(self: &Rc<Self>) {
        while !self.is_full() && !self.is_ending.get() {
            let next = self.held.borrow_mut().iter_mut().find_map(VecDeque::pop_front);
            let Some(message) = next else { return };
            self.busy.set(self.busy.get() + 1);
            let engine = self.clone();
            spawn_local(async move {
                engine.run_job(message).await;
                engine.busy.set(engine.busy.get() - 1);
                engine.start_held();
                engine.changed.notify_one();
            });
        }
    }

    /// Gives the jobs that have not started to other hosts.
    async fn give_back(&self) {
        let held: Vec<_> = self.held.borrow_mut().iter_mut().flat_map(std::mem::take).collect();
        for message in held {
            drop(message.ack_with(AckKind::Nak(None)).await);
        }
    }

    fn stop(&self, key: &JobKey) {
        let canceller = match self.running.borrow_mut().get_mut(key) {
            Some(run) => {
                run.is_stopped = true;
                run.canceller.clone()
            }
            None => None,
        };
        if let Some(canceller) = canceller {
            canceller.abort();
        }
    }

    async fn tell_presence(&self, client: &Client, is_leaving: bool) {
        let presence = Presence {
            host: self.host.clone(),
            label: self.label.clone(),
            workers: self.local.workers(),
            running: self.running.borrow().len(),
            done: self.done.get(),
            is_leaving,
        };
        drop(client.publish(self.streams.names.host(&self.host), Bytes::from(encode(&presence))).await);
    }

    /// Tells the server, in time, that the jobs of this host are not lost.
    async fn keep_lease(self: Rc<Self>, client: Client) {
        let mut times = interval(self.lease / 3);
        loop {
            times.tick().await;
            self.tell_presence(&client, self.is_ending.get()).await;
            let messages: Vec<_> = self.messages.borrow().values().cloned().collect();
            for message in messages {
                drop(message.ack_with(AckKind::Progress).await);
            }
            let acks: Vec<_> =
                self.held.borrow().iter().flatten().filter_map(|message| message.reply.clone()).collect();
            for reply in acks {
                drop(client.publish(reply, AckKind::Progress.into()).await);
            }
        }
    }
}
