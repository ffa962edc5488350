//! The thread of a connection: sends jobs, reads the ledger, and ends jobs as that says.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, push};
use bytes::Bytes;
use executor_core::{Broken, JobError, Priority, TimedOut, WhenFull};
use executor_process::remote::RemoteOutcome;
use futures_lite::StreamExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::callbacks::Callbacks;
use super::job::{AnyTask, Job, Progress, Stage};
use super::publisher::{FLUSH_TIME, Outgoing};
use super::shared::Shared;
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::namespace::Namespace;
use crate::protocol::ledger::{Put, Standing};
use crate::protocol::message::{Presence, Record, State, decode, encode};
use crate::protocol::names::{JobKey, Names, build_of};
use crate::protocol::streams::Streams;
use crate::runtime::Started;

/// What the engine is asked to do.
pub(crate) enum Command {
    Submit(Box<NewJob>),
    /// Cancel the job, or abort it if it runs. Answers whether it was stopped.
    Stop {
        number: u64,
        aborts: bool,
        reply: oneshot::Sender<bool>,
    },
    /// Find out whether the job has started.
    Refresh {
        number: u64,
        reply: oneshot::Sender<bool>,
    },
    /// Stop all jobs: those that have not started, or those that run, too.
    StopAll {
        aborts: bool,
    },
    End,
}

pub(crate) struct NewJob {
    pub(crate) number: u64,
    pub(crate) task: AnyTask,
    pub(crate) progress: Arc<Progress>,
    pub(crate) priority: Priority,
    pub(crate) message: Vec<u8>,
    pub(crate) delay: Duration,
    pub(crate) when_full: WhenFull,
    /// Who waits until it is stored.
    pub(crate) reply: Option<oneshot::Sender<Stored>>,
}

pub(crate) enum Stored {
    Yes,
    Full,
}

pub(crate) struct Engine {
    pub(crate) streams: Streams,
    pub(crate) shared: Arc<Shared>,
    pub(crate) is_bounded: bool,
    submitter: String,
    callbacks: Callbacks,
    jobs: RefCell<HashMap<u64, Rc<Job>>>,
    outgoing: UnboundedSender<Outgoing>,
    lease: Duration,
    is_over: Cell<bool>,
}

/// Everything that the engine starts with.
pub(crate) struct Parts {
    pub(crate) connection: Connection,
    pub(crate) namespace: Namespace,
    pub(crate) names: Names,
    pub(crate) submitter: String,
    pub(crate) shared: Arc<Shared>,
    pub(crate) callbacks: Callbacks,
    pub(crate) commands: UnboundedReceiver<Command>,
}

/// Runs until it is told to end.
pub(crate) async fn run(parts: Parts, started: Started<()>) {
    let shared = parts.shared.clone();
    let mut commands = parts.commands;
    let client = match parts.connection.open().await {
        Ok(client) => client,
        Err(error) => return started.tell(Err(error)),
    };
    let streams = match Streams::open(client.clone(), &parts.namespace, parts.names).await {
        Ok(streams) => streams,
        Err(error) => return started.tell(Err(error)),
    };
    let (sender, outgoing) = unbounded_channel();
    let engine = Rc::new(Engine {
        streams,
        shared: parts.shared,
        is_bounded: parts.namespace.capacity.is_some(),
        submitter: parts.submitter,
        callbacks: parts.callbacks,
        jobs: RefCell::default(),
        outgoing: sender,
        lease: parts.namespace.lease,
        is_over: Cell::new(false),
    });
    let records = match engine.records().await {
        Ok(records) => records,
        Err(error) => return started.tell(Err(error)),
    };
    spawn_local(engine.clone().read_ledger(records));
    spawn_local(engine.clone().publish_all(outgoing));
    spawn_local(engine.clone().watch_hosts());
    started.tell(Ok(()));
    while let Some(command) = commands.recv().await {
        match command {
            Command::Submit(job) => engine.submit(*job),
            Command::Stop { number, aborts, reply } => {
                drop(spawn_local(engine.clone().stop_for(number, aborts, reply)))
            }
            Command::Refresh { number, reply } => drop(spawn_local(engine.clone().refresh(number, reply))),
            Command::StopAll { aborts } => engine.stop_all(aborts),
            Command::End => break,
        }
    }
    engine.is_over.set(true);
    drop(timeout(FLUSH_TIME, client.drain()).await);
    shared.gone();
}

impl Engine {
    fn submit(self: &Rc<Self>, new: NewJob) {
        let key = JobKey { submitter: self.submitter.clone(), number: new.number };
        let job = Rc::new(Job {
            key,
            task: new.task,
            progress: new.progress,
            priority: new.priority,
            message: RefCell::new(Some(Bytes::from(new.message))),
            sequence: Cell::new(None),
            host: RefCell::new(None),
        });
        self.jobs.borrow_mut().insert(new.number, job.clone());
        let outgoing = Outgoing { job, reply: new.reply, when_full: new.when_full };
        if new.delay.is_zero() {
            return drop(self.outgoing.send(outgoing));
        }
        let engine = self.clone();
        spawn_local(async move {
            sleep(new.delay).await;
            let is_due = outgoing.job.progress.stage() == Stage::Delayed;
            if is_due {
                outgoing.job.progress.set(Stage::Queued);
                engine.shared.one_due();
                drop(engine.outgoing.send(outgoing));
            }
        });
    }

    fn job(&self, number: u64) -> Option<Rc<Job>> {
        self.jobs.borrow().get(&number).cloned()
    }

    /// The records of this submitter's jobs, from the first that is kept.
    async fn records(&self) -> Result<push::Ordered, ConnectError> {
        let config = push::OrderedConfig {
            deliver_subject: self.streams.context.client().new_inbox(),
            filter_subject: self.streams.names.outcomes_of(&self.submitter),
            deliver_policy: DeliverPolicy::All,
            ..push::OrderedConfig::default()
        };
        let consumer = self.streams.ledger.create_consumer(config).await.map_err(ConnectError::streams)?;
        consumer.messages().await.map_err(ConnectError::streams)
    }

    async fn read_ledger(self: Rc<Self>, mut records: push::Ordered) {
        loop {
            while let Some(message) = records.next().await {
                let Ok(message) = message else { break };
                let job = JobKey::of_subject(&message.subject).and_then(|key| self.job(key.number));
                // A record that cannot be read is looked at by those who ask for it.
                if let (Some(job), Ok(record)) = (job, decode::<Record>(&message.payload)) {
                    self.apply(&job, record.state);
                }
            }
            // The last record of each job comes again, so nothing is missed.
            loop {
                sleep(Duration::from_millis(100)).await;
                if self.is_over.get() {
                    return;
                }
                if let Ok(again) = self.records().await {
                    records = again;
                    break;
                }
            }
        }
    }

    /// The ledger has decided.
    fn apply(self: &Rc<Self>, job: &Rc<Job>, state: State) {
        match state {
            State::Started { host, .. } => {
                *job.host.borrow_mut() = Some(host);
                if matches!(job.progress.stage(), Stage::Queued | Stage::Delayed) {
                    job.progress.set(Stage::Started);
                    self.shared.one_started();
                }
            }
            State::Cancelled { had_started: false } => self.withdraw(job, JobError::cancelled()),
            State::Cancelled { had_started: true } => {
                if self.take(job, Stage::Aborted) {
                    self.finish(job, Err(JobError::cancelled()));
                }
            }
            State::Expired => {
                let error = TimedOut::not_started(job.key.to_string(), Duration::ZERO);
                self.withdraw(job, JobError::TimedOut(error));
            }
            State::Ended { body } => {
                if self.take(job, Stage::Ended) {
                    let (engine, job) = (self.clone(), job.clone());
                    spawn_local(async move { engine.end(&job, body).await });
                }
            }
        }
    }

    /// Removes a job that was sent, and has ended. Returns false if it was removed before.
    fn take(&self, job: &Job, stage: Stage) -> bool {
        if self.jobs.borrow_mut().remove(&job.key.number).is_none() {
            return false;
        }
        if job.progress.set(stage) == Stage::Started {
            self.shared.one_stopped();
        }
        true
    }

    async fn end(&self, job: &Job, body: crate::protocol::message::Body) {
        let outcome = match self.streams.load(body.clone()).await {
            None => Err("its result is gone from the server: its time was up".to_owned()),
            Some(bytes) => RemoteOutcome::from_bytes(&bytes).map_err(|damaged| damaged.to_string()),
        };
        let outcome = match outcome {
            Ok(outcome) => outcome.into_result(),
            Err(reason) => Err(JobError::Broken(Broken::new(reason))),
        };
        self.finish(job, outcome);
        self.streams.discard(&body).await;
    }

    fn finish(&self, job: &Job, outcome: Result<executor_process::remote::RemoteResult, JobError>) {
        self.callbacks.tell(job.task.clone().finish(outcome), &self.shared);
    }

    /// The job never starts, and ends so.
    pub(crate) fn withdraw(&self, job: &Job, error: JobError) {
        if self.jobs.borrow_mut().remove(&job.key.number).is_none() {
            return;
        }
        if job.progress.set(Stage::Withdrawn) == Stage::Delayed {
            self.shared.one_due();
            self.shared.one_stored();
        }
        // Its cell counts it as done, by way of `JobDeparture`.
        if let Some(notify) = job.task.clone().withdraw(error) {
            self.callbacks.fire(notify);
        }
    }

    async fn stop_for(self: Rc<Self>, number: u64, aborts: bool, reply: oneshot::Sender<bool>) {
        let is_stopped = match self.job(number) {
            Some(job) => {
                self.stop(&job, aborts).await;
                matches!(job.progress.stage(), Stage::Withdrawn | Stage::Aborted)
            }
            None => false,
        };
        // An error means that the caller is gone.
        let _ = reply.send(is_stopped);
    }

    /// Cancels the job, or aborts it if it has started and `aborts` says so.
    async fn stop(self: &Rc<Self>, job: &Rc<Job>, aborts: bool) {
        if job.progress.stage() == Stage::Delayed {
            return self.withdraw(job, JobError::cancelled());
        }
        let (mut after, mut had_started) = (0, false);
        loop {
            match self.streams.put(&job.key, after, State::Cancelled { had_started }, None).await {
                Ok(Put::Won(_)) => break,
                Ok(Put::Lost(Standing { revision, state: State::Started { host, attempt }, .. })) => {
                    self.apply(job, State::Started { host, attempt });
                    if !aborts {
                        return;
                    }
                    (after, had_started) = (revision, true);
                }
                Ok(Put::Lost(standing)) => return self.apply(job, standing.state),
                Ok(Put::Gone) => (after, had_started) = (0, false),
                Err(_) => return,
            }
        }
        let host = job.host.borrow().clone();
        self.apply(job, State::Cancelled { had_started });
        if let Some(host) = host.filter(|_| had_started) {
            let subject = self.streams.names.stop(&host);
            drop(self.streams.context.client().publish(subject, encode(&job.key).into()).await);
        }
        // Its place in a bounded stream is free when the cancel returns.
        if let Some(sequence) = job.sequence.get().filter(|_| !had_started) {
            drop(self.streams.jobs.delete_message(sequence).await);
        }
    }

    fn stop_all(self: &Rc<Self>, aborts: bool) {
        let jobs: Vec<_> = self.jobs.borrow().values().cloned().collect();
        for job in jobs {
            let engine = self.clone();
            spawn_local(async move { engine.stop(&job, aborts).await });
        }
    }

    async fn refresh(self: Rc<Self>, number: u64, reply: oneshot::Sender<bool>) {
        if let Some(job) = self.job(number) {
            if let Ok(Some(standing)) = self.streams.look(&job.key).await {
                self.apply(&job, standing.state);
            }
        }
        let _ = reply.send(true);
    }

    /// Learns which hosts serve the namespace.
    async fn watch_hosts(self: Rc<Self>) {
        let client = self.streams.context.client();
        let Ok(mut presences) = client.subscribe(self.streams.names.all_hosts()).await else { return };
        drop(client.publish(self.streams.names.who(), Bytes::new()).await);
        loop {
            let next = timeout(self.lease, presences.next()).await;
            match next {
                Ok(None) => return,
                Ok(Some(message)) => {
                    if let (Some(build), Ok(presence)) =
                        (build_of(&message.subject), decode::<Presence>(&message.payload))
                    {
                        self.shared.hosts.saw(build, presence);
                    }
                }
                Err(_) => {}
            }
            self.shared.hosts.forget_silent(self.lease * 2);
        }
    }
}
