//! A connection, and the hosts that share it.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use async_nats::{Client, HeaderMap, Message, Subject, Subscriber};
use bytes::Bytes;
use futures_lite::StreamExt;
use serde_json::Value;
use tokio::task::spawn_local;
use tokio::time::{interval, sleep};

use crate::measure::{Counts, add};
use crate::options::Options;
use crate::streams::{NORMAL, Names, PRIORITIES};

/// The first byte of a record.
const STARTED: u8 = 0;
pub(crate) const ENDED: u8 = 1;

/// About a record with a small result.
const RECORD_BYTES: usize = 150;
const PRESENCE_BYTES: usize = 100;

/// How long a request for jobs stays open.
const PULL_TIME: Duration = Duration::from_secs(20);

pub(crate) struct Connection {
    client: Client,
    names: Rc<Names>,
    options: Rc<Options>,
    counts: Rc<Counts>,
    /// Answers to requests for jobs come to `<inbox>.<host>.<priority>`, those to records to `<inbox>.record.<number of the job>`.
    inbox: String,
    hosts: Vec<Host>,
    running: RefCell<HashMap<String, Subject>>,
    known: RefCell<HashSet<String>>,
    /// The sequence numbers of the records of running jobs.
    revisions: RefCell<HashMap<String, u64>>,
}

struct Host {
    busy: Cell<usize>,
    /// How many jobs the open request of each priority may still bring.
    asked: [Cell<usize>; 3],
}

impl Connection {
    pub(crate) fn new(
        client: Client,
        names: Rc<Names>,
        options: Rc<Options>,
        counts: Rc<Counts>,
        hosts: usize,
    ) -> Rc<Self> {
        let host = || Host { busy: Cell::new(0), asked: Default::default() };
        let (inbox, hosts) = (client.new_inbox(), (0..hosts).map(|_| host()).collect());
        let (running, known, revisions) = (RefCell::default(), RefCell::default(), RefCell::default());
        Rc::new(Self { client, names, options, counts, inbox, hosts, running, known, revisions })
    }

    pub(crate) async fn run(self: Rc<Self>) {
        let Ok(mut records) = self.client.subscribe(format!("{}.record.*", self.inbox)).await else { return };
        spawn_local(self.clone().keep_leases());
        for host in 0..self.hosts.len() {
            let Ok(jobs) = self.client.subscribe(format!("{}.{host}.*", self.inbox)).await else { return };
            spawn_local(self.clone().serve(host, jobs));
        }
        while let Some(answer) = records.next().await {
            self.written(&answer.payload, answer.subject.rsplit('.').next().unwrap_or_default());
        }
    }

    async fn serve(self: Rc<Self>, host: usize, mut jobs: Subscriber) {
        self.ask_all(host).await;
        while let Some(message) = jobs.next().await {
            self.came(host, message).await;
        }
    }

    /// Has a request open for each priority, as long as a worker is free.
    async fn ask_all(&self, host: usize) {
        for (lane, priority) in PRIORITIES.into_iter().enumerate() {
            let (state, free) = (&self.hosts[host], self.free(host));
            if free == 0 || state.asked[lane].get() > 0 {
                continue;
            }
            state.asked[lane].set(free);
            let request = format!("{{\"batch\":{free},\"expires\":{}}}", PULL_TIME.as_nanos());
            let answer = format!("{}.{host}.{lane}", self.inbox);
            add(&self.counts.pulls);
            drop(self.client.publish_with_reply(self.names.next(priority), answer, request.into()).await);
        }
    }

    fn free(&self, host: usize) -> usize {
        self.options.per_host.saturating_sub(self.hosts[host].busy.get())
    }

    /// A job comes with its own subject, and the end of a request with the subject of its answer.
    async fn came(self: &Rc<Self>, host: usize, message: Message) {
        let last = message.subject.rsplit('.').next().unwrap_or_default();
        if message.status.is_some() || message.reply.is_none() {
            if let Some(asked) = last.parse().ok().and_then(|lane: usize| self.hosts[host].asked.get(lane)) {
                asked.set(0);
            }
            return self.ask_all(host).await;
        }
        let asked = &self.hosts[host].asked[NORMAL];
        asked.set(asked.get().saturating_sub(1));
        let number = last.to_owned();
        if !self.known.borrow_mut().insert(number.clone()) {
            add(&self.counts.again);
        }
        spawn_local(self.clone().run_job(host, number, message));
    }

    fn written(&self, answer: &[u8], record: &str) {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        match (answer["seq"].as_u64(), record.strip_prefix('s')) {
            (None, _) => add(&self.counts.refused),
            (Some(revision), Some(number)) => {
                add(&self.counts.claimed);
                self.revisions.borrow_mut().insert(number.to_owned(), revision);
            }
            (Some(_), None) => add(&self.counts.ended),
        }
    }

    async fn run_job(self: Rc<Self>, host: usize, number: String, message: Message) {
        let Some(reply) = message.reply.clone() else { return };
        let state = &self.hosts[host];
        state.busy.set(state.busy.get() + 1);
        self.running.borrow_mut().insert(number.clone(), reply.clone());
        self.write(&number, STARTED).await;
        sleep(self.options.job).await;
        self.write(&number, ENDED).await;
        drop(self.client.publish(reply, "+ACK".into()).await);
        self.running.borrow_mut().remove(&number);
        state.busy.set(state.busy.get() - 1);
        self.ask_all(host).await;
    }

    /// Writes a record, if the last one is the one before.
    async fn write(&self, number: &str, state: u8) {
        let mut record = vec![state];
        record.resize(RECORD_BYTES, 0);
        let mut headers = HeaderMap::new();
        let revision = if state == STARTED { Some(0) } else { self.revisions.borrow_mut().remove(number) };
        headers.insert("Nats-Expected-Last-Subject-Sequence", revision.unwrap_or_default().to_string());
        let kind = if state == STARTED { 's' } else { 'e' };
        let answer = format!("{}.record.{kind}{number}", self.inbox);
        let subject = self.names.outcome(number);
        drop(self.client.publish_with_reply_and_headers(subject, answer, headers, record.into()).await);
    }

    /// Three times in each lease: a presence of each host, and a word for each job that runs.
    async fn keep_leases(self: Rc<Self>) {
        let mut times = interval(self.options.lease / 3);
        let presence = Bytes::from(vec![0; PRESENCE_BYTES]);
        loop {
            times.tick().await;
            for host in 0..self.hosts.len() {
                let subject = format!("{}.host.{}{host}", self.names.own, self.inbox.replace('.', "_"));
                drop(self.client.publish(subject, presence.clone()).await);
                add(&self.counts.presences);
            }
            let replies: Vec<_> = self.running.borrow().values().cloned().collect();
            for reply in replies {
                drop(self.client.publish(reply, "+WPI".into()).await);
                add(&self.counts.leases);
            }
        }
    }
}
