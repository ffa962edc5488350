//! The thread of a connection: sends jobs, reads the ledger, and ends jobs as that says.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{DeliverPolicy, push};
use bytes::Bytes;
use executor_core::{Priority, Promise, WhenFull};
use futures_lite::StreamExt;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::attached::{Attached, AttachedJobs, ReattachError};
use super::batch::Batches;
use super::callbacks::{Callbacks, Inside, enter};
use super::job::{AnyTask, Described, Job, Progress};
use super::no_worker::{Lack, OnNoWorker};
use super::publisher::{FLUSH_TIME, Outgoing};
use super::removals::Removals;
use super::report::Report;
use super::shared::Shared;
use super::timers::{Deed, Timers};
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::link::Link;
use crate::namespace::Namespace;
use crate::protocol::message::State;
use crate::protocol::names::{JobKey, Names};
use crate::protocol::settings::Settings;
use crate::protocol::streams::Streams;
use crate::protocol::times::RunTimes;
use crate::runtime::Started;

/// A request to the engine.
pub(crate) enum Command {
    Submit(Box<NewJob>),
    /// Cancel the job, or abort it if it runs and `aborts` says so. A thread that waits for the reply cancels the cell itself, if the job
    /// never starts.
    Stop {
        number: u64,
        aborts: bool,
        reply: Option<oneshot::Sender<Stopped>>,
    },
    /// Find out whether the job has started.
    Refresh {
        number: u64,
        reply: Option<oneshot::Sender<()>>,
    },
    /// Stop all jobs: those that have not started, or those that run, too.
    StopAll {
        aborts: bool,
    },
    /// Find out whether another program can attach to the job.
    Find {
        key: JobKey,
        reply: oneshot::Sender<Result<(), ReattachError>>,
    },
    Attach(Box<Attached>),
    /// Keep the promise at that time, or break it when the executor is shut down.
    At(Instant, Promise<()>),
    /// Tell about the jobs.
    Report(oneshot::Sender<Report>),
    /// No further job comes.
    Close,
    End,
}

pub(crate) struct NewJob {
    pub(crate) key: JobKey,
    pub(crate) task: AnyTask,
    pub(crate) progress: Arc<Progress>,
    pub(crate) priority: Priority,
    pub(crate) message: Vec<u8>,
    /// It may be sent together with others.
    pub(crate) may_be_in_batch: bool,
    pub(crate) delay: Duration,
    pub(crate) start_limit: Option<Duration>,
    pub(crate) described: Described,
    pub(crate) when_full: WhenFull,
    /// How long it waits for room, if it does.
    pub(crate) until: Option<Instant>,
    /// Told when it is stored.
    pub(crate) reply: Option<Reply>,
}

/// How a wish to stop a job ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// It had started, and does not end as aborted; or it never starts.
    No,
    Aborted,
}

pub(crate) enum Stored {
    Yes,
    Full,
}

/// A thread or a task that waits until a job is stored.
pub(crate) enum Reply {
    Thread(oneshot::Sender<Stored>),
    Task(Promise<Stored>),
}

impl Reply {
    pub(crate) fn send(self, stored: Stored) {
        // It may have given up.
        match self {
            Self::Thread(reply) => drop(reply.send(stored)),
            Self::Task(reply) => drop(reply.complete(stored)),
        }
    }
}

pub(crate) struct Engine {
    pub(crate) streams: Streams,
    pub(crate) shared: Arc<Shared>,
    pub(crate) link: Arc<Link>,
    pub(crate) is_bounded: bool,
    pub(crate) namespace: String,
    pub(crate) keep_jobs: Duration,
    pub(crate) lease: Duration,
    pub(crate) on_no_worker: OnNoWorker,
    pub(crate) callbacks: Callbacks,
    pub(crate) jobs: RefCell<HashMap<u64, Rc<Job>>>,
    pub(super) batches: Rc<Batches>,
    pub(super) attached: AttachedJobs,
    pub(super) times: RunTimes,
    pub(super) removals: Rc<Removals>,
    pub(crate) timers: Timers,
    pub(crate) outgoing: UnboundedSender<Outgoing>,
    /// A place in the stream may be free.
    pub(crate) room: Notify,
    /// A job never starts, perhaps that which is the next to be sent.
    pub(super) one_withdrawn: Notify,
    /// Whether a host of this build is there.
    pub(crate) has_workers: Cell<bool>,
    /// Since when no host is there although jobs wait.
    pub(crate) lack: RefCell<Lack>,
    /// While no host is there: a job waits, or one less.
    pub(crate) waiting_changed: Notify,
    /// There was no job, and there is one.
    pub(crate) has_jobs: Notify,
    /// The server has lost the ledger, and has a new one.
    pub(crate) ledger_is_new: Notify,
    pub(super) submitter: String,
    is_closed: Cell<bool>,
    pub(super) is_over: Cell<bool>,
}

/// Everything that the engine starts with.
pub(crate) struct Parts {
    pub(crate) connection: Connection,
    pub(crate) namespace: Namespace,
    pub(crate) names: Names,
    pub(crate) submitter: String,
    pub(crate) shared: Arc<Shared>,
    pub(crate) callbacks: Callbacks,
    pub(crate) on_no_worker: OnNoWorker,
    pub(crate) commands: UnboundedReceiver<Command>,
}

/// Runs until it is told to end.
pub(crate) async fn run(parts: Parts, started: Started<Settings>) {
    let (shared, callbacks) = (parts.shared.clone(), parts.callbacks.clone());
    enter(shared.queue_id(), Inside::Engine);
    let mut commands = parts.commands;
    let opened = async {
        let (client, link, opening) = parts.connection.open().await?;
        let streams = opening.run(async || {
            let streams = Streams::open(client.clone(), &parts.namespace, parts.names.clone()).await?;
            let own = streams.names.outcomes_of(&parts.submitter);
            let records = streams.records(own, DeliverPolicy::All).await?;
            Ok((streams, records))
        });
        let (streams, records) = streams.await?;
        Ok::<_, ConnectError>((client, link, streams, records))
    };
    let (client, link, streams, records) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return started.tell(Err(error)),
    };
    let settings = streams.settings;
    let (sender, outgoing) = unbounded_channel();
    let engine = Rc::new(Engine {
        streams,
        shared: parts.shared,
        link,
        is_bounded: settings.capacity.is_some(),
        namespace: parts.namespace.name,
        keep_jobs: settings.keep_jobs,
        lease: settings.lease,
        on_no_worker: parts.on_no_worker,
        callbacks: parts.callbacks,
        jobs: RefCell::default(),
        batches: Rc::default(),
        attached: AttachedJobs::default(),
        times: RunTimes::default(),
        removals: Rc::default(),
        timers: Timers::default(),
        outgoing: sender,
        room: Notify::new(),
        one_withdrawn: Notify::new(),
        has_workers: Cell::new(false),
        lack: RefCell::default(),
        waiting_changed: Notify::new(),
        has_jobs: Notify::new(),
        ledger_is_new: Notify::new(),
        submitter: parts.submitter,
        is_closed: Cell::new(false),
        is_over: Cell::new(false),
    });
    spawn_local(engine.clone().read_ledger(records));
    spawn_local(engine.clone().publish_all(outgoing));
    spawn_local(Timers::run(engine.clone()));
    spawn_local(engine.clone().watch_hosts());
    spawn_local(engine.clone().keep_clean());
    spawn_local(engine.clone().watch_jobs());
    started.tell(Ok(settings));
    while let Some(command) = commands.recv().await {
        match command {
            Command::Submit(job) => engine.submit(*job),
            Command::Stop { number, aborts, reply } => {
                drop(spawn_local(engine.clone().stop_for(number, aborts, reply)));
            }
            Command::Refresh { number, reply } => drop(spawn_local(engine.clone().refresh(number, reply))),
            Command::StopAll { aborts } => engine.stop_all(aborts),
            Command::Find { key, reply } => drop(spawn_local(engine.clone().find(key, reply))),
            Command::Attach(job) => engine.attach(*job),
            Command::At(time, run) => engine.set_run(time, run),
            // An error means that the caller is gone.
            Command::Report(reply) => drop(reply.send(engine.report())),
            Command::Close => engine.close(),
            Command::End => break,
        }
    }
    engine.is_over.set(true);
    engine.clean_up().await;
    drop(timeout(FLUSH_TIME, client.drain()).await);
    shared.gone(&callbacks);
}

impl Engine {
    fn submit(self: &Rc<Self>, new: NewJob) {
        self.removals.opened(&new.key);
        let (number, removals) = (new.key.number, self.removals.clone());
        let mut job = Job::new(new.key, number, new.task, new.progress, new.described, self.keep_jobs, removals);
        job.priority = new.priority;
        job.start_limit = new.start_limit;
        job.may_be_in_batch = new.may_be_in_batch;
        job.message = RefCell::new(Some(Bytes::from(new.message)));
        let job = Rc::new(job);
        let is_first = self.jobs.borrow().is_empty();
        self.jobs.borrow_mut().insert(number, job.clone());
        if is_first {
            self.has_jobs.notify_one();
        }
        let outgoing = Outgoing { job: job.clone(), reply: new.reply, when_full: new.when_full, until: new.until };
        if new.delay.is_zero() {
            self.set_limit(&job);
            drop(self.outgoing.send(outgoing));
            return self.waiting_has_changed();
        }
        let due = job.since.get().checked_add(new.delay);
        job.timer.set(self.timers.set(due, Deed::Send(outgoing)));
    }

    /// Lets the promise be kept at that time.
    fn set_run(&self, time: Instant, run: Promise<()>) {
        if self.is_closed.get() {
            return self.callbacks.run(move || drop(run));
        }
        self.timers.set(Some(time), Deed::Run(run));
    }

    fn close(&self) {
        self.is_closed.set(true);
        // Dropped, their promises call back.
        for run in self.timers.take_runs() {
            if let Deed::Run(run) = run {
                self.callbacks.run(move || drop(run));
            }
        }
    }

    /// A job waits, or one less.
    pub(crate) fn waiting_has_changed(&self) {
        if !self.has_workers.get() || self.lost_since().is_some() {
            self.waiting_changed.notify_one();
        }
    }

    pub(crate) fn job(&self, number: u64) -> Option<Rc<Job>> {
        self.jobs.borrow().get(&number).cloned()
    }

    fn read(self: &Rc<Self>, key: &JobKey, revision: u64, state: State) {
        if let Some(job) = self.job(key.number).filter(|job| job.key == *key) {
            job.saw(revision);
            self.apply(&job, state);
        } else if let Some(batch) = self.batch(key) {
            self.apply_batch(&batch, revision, state);
        }
    }

    async fn read_ledger(self: Rc<Self>, mut records: push::Ordered) {
        loop {
            loop {
                let next = tokio::select! {
                    next = records.next() => next,
                    () = self.ledger_is_new.notified() => break,
                };
                let Some(Ok(message)) = next else { break };
                let revision = message.info().map_or(0, |info| info.stream_sequence);
                if let Some(key) = JobKey::of_subject(&message.subject) {
                    self.read(&key, revision, State::of(&message.payload));
                }
            }
            // The last record of each job comes again, so nothing is missed.
            loop {
                sleep(Duration::from_millis(100)).await;
                if self.is_over.get() {
                    return;
                }
                let own = self.streams.names.outcomes_of(&self.submitter);
                if let Ok(again) = self.streams.records(own, DeliverPolicy::All).await {
                    records = again;
                    break;
                }
            }
        }
    }
}
