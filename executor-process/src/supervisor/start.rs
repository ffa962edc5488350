//! How a worker is started: the program itself, run again, with a socket as its stdin, over which it gets the rest and says hello.

mod dismissal;
mod given;
mod prepare;
mod run;
mod template;

use std::cell::Cell;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use executor_core::spin::Spin;
use ipc_channel::ipc::IpcSender;

use self::dismissal::{Unmet, dismiss, verify};
use self::given::{Given, lacks};
pub(crate) use self::template::Template;
use crate::ipc::codec::Codec;
use crate::ipc::os_error::with_remedy;
use crate::ipc::payload::Payload;
use crate::ipc::socket::{self, Wait};
use crate::protocol::message::Request;
use crate::protocol::program_image::Offset;
use crate::protocol::start_info::{self, StartInfo};
#[cfg(all(test, not(loom)))]
use crate::protocol::status_page::Page;
use crate::supervisor::child::{Child, Pids, Started};
use crate::supervisor::claims::{Claims, Kill};
use crate::supervisor::delivery::Delivery;
use crate::supervisor::environment::{Environment, Threads};
use crate::supervisor::lifetime::{Lifetime, LifetimeLimits};
use crate::supervisor::listener::{Listener, Retired, wait_for_end};
use crate::supervisor::output::Capture;
use crate::supervisor::records::SourceJob;
use crate::supervisor::rendezvous;
use crate::supervisor::reply_receiver::{Received, ReplyReceiver};
use crate::supervisor::roster::{Listing, Roster};
use crate::supervisor::watcher::{self, Rested};
use crate::transport::ParentEnd;
use crate::worker;

/// From the end of its channel until a worker that is idle is gone. Its `atexit` functions run in that time.
const END_LIMIT: Duration = Duration::from_secs(2);

/// The settings that all workers of a pool share.
pub(crate) struct WorkerSettings {
    pub(crate) codec: Codec,
    pub(crate) threads: Threads,
    pub(crate) environment: Environment,
    pub(crate) span: LifetimeLimits,
    pub(crate) start_limit: Duration,
    pub(crate) grace: Duration,
    pub(crate) initializer: Option<(Offset, Payload)>,
    /// Whether it is for a template, whose function is in the place of an initializer.
    pub(crate) is_template: bool,
    /// The process that workers are forked from, if they are.
    pub(crate) template: Option<Arc<Template>>,
    pub(crate) pids: Arc<Pids>,
    pub(crate) roster: Arc<Roster>,
    /// Where jobs that fail are kept.
    pub(crate) keep_failed: Option<PathBuf>,
    /// Calls the code that hears of workers.
    pub(crate) delivery: Arc<Delivery>,
    /// How output is captured, if it is.
    pub(crate) capture: Option<Capture>,
    /// Whether jobs have spans.
    pub(crate) traces: bool,
}

impl Rested for ParentEnd {
    fn shrink_after_rest(&self) -> Option<Duration> {
        Self::shrink_after_rest(self)
    }
}

#[cfg(all(test, not(loom)))]
impl WorkerSettings {
    /// Those of a pool for which nothing was set.
    pub(crate) fn plain() -> Self {
        Self {
            codec: Codec::Postcard,
            threads: Threads::Default(1),
            environment: Environment::default(),
            span: LifetimeLimits::default(),
            start_limit: Duration::from_secs(30),
            grace: Duration::ZERO,
            initializer: None,
            is_template: false,
            template: None,
            pids: Arc::default(),
            roster: Arc::default(),
            keep_failed: None,
            delivery: Arc::default(),
            capture: None,
            traces: false,
        }
    }
}

/// Why there is no worker.
#[derive(Debug)]
pub(crate) enum NotStarted {
    /// The system refuses what a process needs, so none has come to say hello.
    Refused(String),
    /// Its process was started, and is gone.
    Lost(String),
}

impl NotStarted {
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Refused(reason) | Self::Lost(reason) => reason,
        }
    }
}

/// A worker process that has said hello, and the parent's ends of its channels.
pub(crate) struct Worker {
    pub(crate) process: Arc<Child>,
    /// `None` when the worker is to end.
    requests: Option<IpcSender<Request>>,
    /// `None` when nothing is to be heard of it any more.
    replies: Option<ReplyReceiver>,
    /// Whether the last request did not go out.
    is_disconnected: Cell<bool>,
    pub(crate) claims: Arc<Claims>,
    lifetime: Lifetime,
    /// Whether dropping it returns before its process has ended.
    is_retired: bool,
    /// Carries payloads beside the messages.
    pub(crate) payloads: Arc<ParentEnd>,
    pub(crate) listener: Listener,
    /// Lists it for the pool's reports.
    listing: Option<Listing>,
    /// Whether it pays to stay awake for the end of its jobs.
    spin: Spin,
}

impl Worker {
    /// Starts one. Blocks until it is ready for jobs, or is killed. `on_spawn` is told of its process, which is killed at once if that says false,
    /// and of the template's before.
    ///
    /// # Errors
    ///
    /// Why it could not be.
    pub(crate) fn start(
        settings: &WorkerSettings,
        name: &str,
        on_spawn: impl Fn(Arc<dyn Kill>) -> bool,
    ) -> Result<Self, NotStarted> {
        let _start = settings.pids.begin_start();
        if let Some(template) = &settings.template {
            template.ensure(&on_spawn)?;
        }
        let deadline = Instant::now().checked_add(settings.start_limit);
        let is_forked = settings.template.is_some();
        let (socket, (process, death), given) = begin(settings, deadline, &on_spawn)?;
        let Given { page, page_number, requests, replies, lifeline, lifeline_end, output } = given;
        let listing = settings.roster.add(name, &process);
        if !on_spawn(process.clone()) {
            process.kill();
        }
        process.tie_to(&lifeline_end).map_err(|error| {
            NotStarted::Lost(dismiss(
                &process,
                Unmet::Unfit(format!(
                    "the system refused to tie its lifetime to this process ({})",
                    with_remedy(&error)
                )),
            ))
        })?;
        drop(lifeline_end);
        if is_forked {
            // It waits for this: now its group is its own. If it has died, the next wait tells.
            let _ = socket::send(&socket, b"go", &[], &[], Wait::No);
        }
        let greeted = rendezvous::meet(&socket, &death, settings.start_limit);
        verify(greeted, settings.start_limit).map_err(|reason| NotStarted::Lost(dismiss(&process, reason)))?;
        process.connected(replies.of_end(), lifeline, page_number);
        watcher::watch_connection(&*process, socket.as_fd()).map_err(|error| {
            process.kill();
            NotStarted::Lost(format!("the system refused to watch it ({})", with_remedy(&error)))
        })?;
        let mut lifetime = Lifetime::new(settings.span, process.pid());
        if is_forked {
            lifetime.leave_out_present_memory();
        }
        let claims = Claims::new(page, process.clone());
        let output = settings.capture.clone().zip(output);
        let listener = Listener::new(Arc::clone(&settings.delivery), name.into(), process.pid(), output);
        listing.connected(&claims);
        let mut worker = Self::of(process, (requests, replies), claims, lifetime, ParentEnd::new(socket), listener);
        worker.listing = Some(listing);
        worker.prepare(settings, name, deadline).map_err(NotStarted::Lost)?;
        worker.listing.iter().for_each(Listing::ready);
        worker.process.set_ready(true);
        Ok(worker)
    }

    /// One for tests, of which somebody else plays the other side.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn played(
        process: Arc<Child>,
        channels: (IpcSender<Request>, ReplyReceiver),
        page: Page,
        payloads: ParentEnd,
        delivery: Arc<Delivery>,
    ) -> Self {
        let lifetime = Lifetime::new(LifetimeLimits::default(), process.pid());
        let claims = Claims::new(page, process.clone());
        let listener = Listener::new(delivery, "played".into(), process.pid(), None);
        Self::of(process, channels, claims, lifetime, payloads, listener)
    }

    fn of(
        process: Arc<Child>,
        (requests, replies): (IpcSender<Request>, ReplyReceiver),
        claims: Arc<Claims>,
        lifetime: Lifetime,
        payloads: ParentEnd,
        listener: Listener,
    ) -> Self {
        Self {
            process,
            requests: Some(requests),
            replies: Some(replies),
            is_disconnected: Cell::new(false),
            claims,
            lifetime,
            is_retired: false,
            payloads: Arc::new(payloads),
            listing: None,
            listener,
            spin: Spin::new(),
        }
    }

    /// Never blocks: there is one request at a time, and a socket has room for it. False if the worker is gone.
    fn send(&self, request: Request) -> bool {
        self.requests.as_ref().is_some_and(|requests| requests.send(request).is_ok())
    }

    /// How many jobs it may run still.
    pub(crate) fn jobs_left(&self) -> u64 {
        self.lifetime.jobs_left()
    }

    /// Counts jobs that it has run.
    pub(crate) fn count(&mut self, jobs: usize) {
        self.lifetime.count(jobs as u64);
    }

    /// Whether it should run no other job.
    pub(crate) fn is_worn(&self) -> bool {
        self.payloads.is_short() || self.lifetime.is_over()
    }

    /// Closes the channel, and does not wait for the process to end: it is gone within a time.
    pub(crate) fn retire(mut self) -> Retired {
        self.is_retired = true;
        Retired { process: Arc::clone(&self.process), output: self.listener.output.take() }
    }

    /// Hears the records that it has counted so far. `find` returns the job of a number, if the worker has that.
    pub(crate) fn take_counted_records(&self, find: impl Fn(u64) -> Option<SourceJob>) {
        if let Some(replies) = &self.replies {
            let sent = self.claims.page.records().load(Ordering::Acquire);
            replies.take_counted_records(sent, |record| self.listener.hear(record, &find));
        }
    }

    /// The same for all records that it has sent.
    pub(crate) fn take_records(&self, find: impl Fn(u64) -> Option<SourceJob>) {
        if let Some(replies) = &self.replies {
            replies.take_records(|record| self.listener.hear(record, &find));
        }
    }

    /// Sends a request whose answers are to be [received](Worker::receive).
    pub(crate) fn begin(&self, request: Request) {
        let is_sent = !self.is_disconnected() && !self.process.has_died() && self.send(request);
        self.is_disconnected.set(!is_sent);
    }

    /// It has nothing to do until the next request: memory that it does not use for a while is given back.
    pub(crate) fn rest(&self) {
        if let Some(limit) = self.payloads.rest()
            && !watcher::remind(self.process.pid(), Arc::<ParentEnd>::downgrade(&self.payloads), limit)
        {
            self.payloads.is_not_watched();
        }
    }

    /// It is gone, as the socket for payloads tells.
    pub(crate) fn disconnect(&self) {
        self.is_disconnected.set(true);
    }

    pub(crate) fn is_disconnected(&self) -> bool {
        self.is_disconnected.get()
    }

    /// Waits for the next message, for `limit` at most.
    pub(crate) fn receive(&self, limit: Option<Duration>) -> Received {
        match self.replies.as_ref().filter(|_| !self.is_disconnected()) {
            Some(replies) => match &self.listener.output {
                Some(output) => replies.receive_with(output, limit),
                None => replies.receive(limit),
            },
            None => Received::Closed,
        }
    }
}

/// Begins a process, and sends it what it shares with its parent. Returns the socket that it was started with, too.
fn begin(
    settings: &WorkerSettings,
    deadline: Option<Instant>,
    on_spawn: &dyn Fn(Arc<dyn Kill>) -> bool,
) -> Result<(OwnedFd, Started, Given), NotStarted> {
    let (socket, theirs) = socket::pair().map_err(|error| NotStarted::Refused(lacks(&error)))?;
    let given = || Given::send(&socket, settings.capture.is_some()).map_err(NotStarted::Refused);
    if let Some(template) = &settings.template {
        let given = given()?;
        let started = template.fork(theirs, deadline, on_spawn)?;
        return Ok((socket, started, given));
    }
    let started = spawn(settings, theirs)?;
    // While the system loads the program, which takes ten times as long.
    let given = given().inspect_err(|_| {
        started.0.kill_and_wait();
        watcher::settle();
    })?;
    Ok((socket, started, given))
}

/// Starts the process of a worker, which gets `theirs`.
fn spawn(settings: &WorkerSettings, theirs: OwnedFd) -> Result<Started, NotStarted> {
    let invited =
        StartInfo { depth: worker::depth() + 1, parent: std::process::id(), limits: settings.environment.limits };
    let variable = start_info::variable().ok_or_else(|| {
        NotStarted::Refused("this code is in a shared library, from which no worker can be started".to_owned())
    })?;
    let start_info = (&*variable, &*invited.text());
    // With it goes this process's copy of the worker's end of the socket, whose close is to be noticed.
    let mut command = settings.environment.command(settings.threads, start_info, theirs);
    Child::spawn(&mut command, settings.grace, &settings.pids)
        .map_err(|error| NotStarted::Refused(settings.environment.why_not(&error)))
}

impl Drop for Worker {
    /// Closes the channel, and returns when the process is gone, unless it is retired.
    fn drop(&mut self) {
        self.process.set_ready(false);
        if self.requests.take().is_some() {
            self.process.end_within(END_LIMIT);
        }
        self.take_records(|_| None);
        // First: a worker that waits for room there ends by that, and is waited for below.
        self.replies = None;
        if !self.is_retired {
            wait_for_end(&self.process, self.listener.output.as_ref());
            watcher::settle();
        }
    }
}
