//! The thread of a connection: takes jobs from the streams, as many as there are workers, and tells of the host.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_nats::connection::State as ConnectionState;
use async_nats::jetstream::AckKind;
use async_nats::{Client, Subject};
use bytes::Bytes;
use executor_core::Canceller;
use futures_lite::StreamExt;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::spawn_local;
use tokio::time::{interval, sleep, timeout};

use super::copies::Copies;
use super::host::Runner;
use super::lanes::Lanes;
use super::pace::Pace;
use super::stalls::Stalls;
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::link::Link;
use crate::namespace::Namespace;
use crate::protocol::ledger::{Retry, Standing};
use crate::protocol::message::{HostId, Presence, State, encode};
use crate::protocol::names::{JobKey, Names, PRIORITIES, random_token};
use crate::protocol::streams::Streams;
use crate::runtime::Started;

/// Requests to the engine.
pub(crate) enum Command {
    End,
}

/// How long a connection that is closed may take to send what is left.
const FLUSH_TIME: Duration = Duration::from_secs(2);

/// Everything that the engine starts with.
pub(crate) struct Parts {
    pub(crate) connection: Connection,
    pub(crate) namespace: Namespace,
    pub(crate) names: Names,
    pub(crate) local: Arc<dyn Runner>,
    pub(crate) commands: UnboundedReceiver<Command>,
    pub(crate) sender: UnboundedSender<Command>,
    pub(crate) fault: Fault,
}

/// Why a server has ended by itself, if it has.
pub(crate) type Fault = Arc<OnceLock<String>>;

pub(super) struct Engine {
    pub(super) streams: Streams,
    pub(super) local: Arc<dyn Runner>,
    pub(super) host: HostId,
    pub(super) lease: Duration,
    pub(super) pace: Pace,
    pub(super) lanes: Lanes,
    pub(super) stalls: Stalls,
    pub(super) copies: Copies,
    /// Where the server is told that a message is still worked on, for each delivery of a job that this host is at.
    pub(super) replies: RefCell<BTreeSet<Subject>>,
    /// Jobs that this host is at, to be stopped.
    pub(super) running: RefCell<HashMap<JobKey, Run>>,
    pub(super) done: Cell<u64>,
    /// Jobs that are being claimed, or have a place on the local pool.
    pub(super) claimed: Cell<usize>,
    /// The time that they will probably run, in all.
    pub(super) load: Cell<Duration>,
    /// Jobs that have a slot, and no place on the local pool yet: the orders of their claims.
    pub(super) claiming: RefCell<BTreeSet<u64>>,
    /// How many jobs were claimed since the start, and how many of those have left their slot.
    pub(super) starts: Cell<u64>,
    pub(super) stops: Cell<u64>,
    /// The workers are at jobs that take longer than they were expected to.
    pub(super) is_stuck: Cell<bool>,
    /// Jobs were given to other hosts since the workers are at long jobs.
    pub(super) has_returned_jobs: Cell<bool>,
    /// Jobs are being given to other hosts. Until the server knows, none starts.
    pub(super) is_returning: Cell<bool>,
    /// A more urgent job than those that are here is waited for.
    pub(super) is_in_grace: Cell<bool>,
    /// Tasks that must end before the engine does: of jobs, until their outcome is written, and of lanes.
    pub(super) open: Cell<usize>,
    /// There are fewer claimed or held jobs.
    pub(super) has_room: Notify,
    /// There are jobs for which no worker is free.
    pub(super) is_holding: Notify,
    /// There are fewer jobs that are being claimed.
    pub(super) has_claimed: Notify,
    /// A job was given back.
    pub(super) has_returned: Notify,
    /// There are fewer open tasks.
    pub(super) changed: Notify,
    /// The engine has begun to end.
    pub(super) ends: Notify,
    pub(super) is_ending: Cell<bool>,
    commands: UnboundedSender<Command>,
    fault: Fault,
}

/// Whether a job is to be stopped.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stop {
    #[default]
    No,
    /// A message says so, and the ledger is asked.
    Asked,
    /// The ledger says that the job has its outcome.
    Decided,
}

/// A job that this host is at.
#[derive(Default)]
pub(super) struct Run {
    /// Once it is on the local pool.
    pub(super) canceller: Option<Canceller>,
    pub(super) stop: Stop,
    /// Its place on the local pool is not given back.
    pub(super) has_slot: bool,
    /// It was taken from the local pool, or is not to come there: another host gets it.
    pub(super) is_returned: bool,
    /// Submitters that want to cancel it, and wait until it is returned.
    pub(super) askers: Vec<Subject>,
    /// Which claim of this host's it is.
    pub(super) order: u64,
    /// The batch that it is in, and its place there.
    pub(super) batch: Option<(Rc<JobKey>, u8)>,
}

/// Runs until it is told to end.
pub(super) async fn run(parts: Parts, started: Started<()>) {
    let mut commands = parts.commands;
    let opened = async {
        let (client, link, opening) = parts.connection.open().await?;
        // It tells of the first connection, too. Requests for jobs are forgotten after later ones alone.
        drop(timeout(FLUSH_TIME, link.connected.notified()).await);
        let streams = async || {
            let streams = Streams::open(client.clone(), &parts.namespace, parts.names.clone()).await?;
            for priority in PRIORITIES {
                streams.consumer(priority).await?;
            }
            Ok(streams)
        };
        let streams = opening.run(streams).await?;
        let lanes = Lanes::open(&client, PRIORITIES.map(|priority| streams.names.next_of(priority))).await?;
        let host = HostId { token: random_token(), machine: machine(), pid: std::process::id() };
        let stops = client.subscribe(streams.names.stop(&host.token)).await.map_err(ConnectError::server)?;
        let questions = client.subscribe(streams.names.who()).await.map_err(ConnectError::server)?;
        Ok::<_, ConnectError>((client, link, streams, lanes, host, stops, questions))
    };
    let (client, link, streams, (lanes, jobs), host, mut stops, mut questions) = match Box::pin(opened).await {
        Ok(opened) => opened,
        Err(error) => return started.tell(Err(error)),
    };
    let lease = streams.settings.lease;
    let engine = Rc::new(Engine {
        streams,
        local: parts.local,
        host,
        lease,
        pace: Pace::default(),
        lanes,
        stalls: Stalls::new(lease),
        copies: Copies::default(),
        replies: RefCell::default(),
        running: RefCell::default(),
        done: Cell::new(0),
        claimed: Cell::new(0),
        load: Cell::default(),
        claiming: RefCell::default(),
        starts: Cell::new(0),
        stops: Cell::new(0),
        is_stuck: Cell::new(false),
        has_returned_jobs: Cell::new(false),
        is_returning: Cell::new(false),
        is_in_grace: Cell::new(false),
        open: Cell::new(jobs.len()),
        has_room: Notify::new(),
        is_holding: Notify::new(),
        has_claimed: Notify::new(),
        has_returned: Notify::new(),
        changed: Notify::new(),
        ends: Notify::new(),
        is_ending: Cell::new(false),
        commands: parts.sender,
        fault: parts.fault,
    });
    engine.tell_presence(&client, false).await;
    for (lane, messages) in jobs.into_iter().enumerate() {
        spawn_local(engine.clone().take_jobs(lane, messages));
    }
    spawn_local(engine.clone().ask_for_jobs(client.clone()));
    spawn_local(engine.clone().return_stuck());
    spawn_local(engine.clone().keep_lease(client.clone(), link));
    started.tell(Ok(()));
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::End) | None => break,
            },
            Some(message) = stops.next() => engine.asked_to_stop(&message),
            Some(_) = questions.next() => engine.tell_presence(&client, false).await,
        }
    }
    engine.is_ending.set(true);
    engine.ends.notify_waiters();
    engine.return_held().await;
    engine.tell_presence(&client, true).await;
    while engine.open.get() > 0 {
        tokio::select! {
            Some(message) = stops.next() => engine.asked_to_stop(&message),
            () = engine.changed.notified() => {}
            () = is_unreachable(&client, engine.lease * 2) => break,
        }
    }
    drop(timeout(FLUSH_TIME, client.flush()).await);
    drop(timeout(FLUSH_TIME, client.drain()).await);
}

/// Waits until there was no connection for this time.
async fn is_unreachable(client: &Client, limit: Duration) {
    const LOOK: Duration = Duration::from_millis(250);
    let mut silence = Duration::ZERO;
    while silence < limit {
        sleep(LOOK).await;
        silence = if client.connection_state() == ConnectionState::Connected { Duration::ZERO } else { silence + LOOK };
    }
}

/// The name of this machine.
fn machine() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

impl Engine {
    /// Takes no further job: the local pool runs none any more.
    pub(super) fn give_up(&self, reason: String) {
        // The first reason counts.
        drop(self.fault.set(reason));
        self.is_ending.set(true);
        drop(self.commands.send(Command::End));
    }

    /// Stops a job of this host, if the ledger says so, too: the message may be forged.
    pub(super) fn stop(self: &Rc<Self>, key: JobKey) {
        let is_new = match self.running.borrow_mut().get_mut(&key) {
            Some(run) if run.stop == Stop::No => {
                run.stop = Stop::Asked;
                true
            }
            _ => false,
        };
        if is_new {
            let engine = self.clone();
            spawn_local(async move { engine.stop_if_decided(&key).await });
        }
    }

    async fn stop_if_decided(&self, key: &JobKey) {
        let batch = self.running.borrow().get(key).and_then(|run| run.batch.clone());
        let (record, place) = match &batch {
            Some((batch, place)) => (&**batch, Some(*place)),
            None => (key, None),
        };
        let mut retry = Retry::new(None);
        let is_decided = loop {
            match self.streams.look(record).await {
                Ok(Some(Standing { state: State::Started { host, .. }, .. })) if host == self.host => break false,
                Ok(Some(Standing { state: State::Batch(state), .. })) => {
                    break place.is_none_or(|place| state.host_of(place) != Some(&self.host));
                }
                Ok(_) => break true,
                Err(_) => drop(retry.pause().await),
            }
        };
        let canceller = match self.running.borrow_mut().get_mut(key) {
            Some(run) => {
                run.stop = if is_decided { Stop::Decided } else { Stop::No };
                run.canceller.clone()
            }
            None => None,
        };
        if let Some(canceller) = canceller.filter(|_| is_decided) {
            canceller.abort();
        }
    }

    async fn tell_presence(&self, client: &Client, is_leaving: bool) {
        let presence = Presence {
            host: self.host.token.clone(),
            label: format!("{}:{}", self.host.machine, self.host.pid),
            workers: self.local.workers(),
            running: self.running.borrow().len(),
            done: self.done.get(),
            is_leaving,
        };
        drop(client.publish(self.streams.names.host(&self.host.token), Bytes::from(encode(&presence))).await);
    }

    /// Tells the server, in time, that the jobs of this host are not lost.
    async fn keep_lease(self: Rc<Self>, client: Client, link: Arc<Link>) {
        let mut times = interval(self.lease / 3);
        loop {
            let is_new = tokio::select! {
                _ = times.tick() => false,
                () = link.connected.notified() => true,
            };
            self.stalls.tick(is_new);
            if is_new {
                self.lanes.forget_requests();
                self.has_room.notify_one();
            }
            self.tell_presence(&client, self.is_ending.get()).await;
            let mut replies: Vec<_> = self.replies.borrow().iter().cloned().collect();
            replies.extend(self.lanes.replies());
            for reply in replies {
                drop(client.publish(reply, AckKind::Progress.into()).await);
            }
        }
    }
}
