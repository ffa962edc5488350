//! The life of a worker: it says hello, serves one request after the other, and ends when the parent closes the channel.

use std::cell::{Cell, OnceCell};
use std::io;
use std::os::fd::OwnedFd;
use std::process::exit;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use executor_core::JobId;
use executor_core::current::{self, Worker};
use executor_core::panics::{catch, drop_catching};
use parking_lot::Mutex;
use rustix::process::getppid;

use super::fork_check::{self, end_copy};
#[cfg(feature = "log")]
use super::logger;
use super::process_setup::{end_with, guard, is_parent, keep_to, kill_own_group, take_stdin};
#[cfg(feature = "_records")]
use super::records;
use super::requests::Requests;
use super::start_packet::StartPacket;
use super::template::{self, Forked, Template};
#[cfg(feature = "tracing")]
use super::tracer;
use super::{comm, crash_handler, output, wrap};
use crate::ipc::codec::{Codec, Step};
use crate::ipc::os_error::with_remedy;
use crate::ipc::payload::Body;
use crate::ipc::shared;
use crate::ipc::socket::{self, Wait};
use crate::protocol::answer::Answer;
use crate::protocol::captured::Captured;
use crate::protocol::ipc_packet;
use crate::protocol::job_context::JobContext;
use crate::protocol::limits::{MOST_SAID, MOST_SPIN, truncate};
use crate::protocol::message::{Greeting, JobMessage, Reply, Request};
use crate::protocol::program_image::{self, Offset};
use crate::protocol::record::Levels;
use crate::protocol::start_info::{StartInfo, variable};
use crate::protocol::status_page::{Appender, Claim, Page};
use crate::transport::{Outgoing, WorkerEnd};

/// How long finished jobs may stay unreported while there are more to run. A message costs some microseconds.
const PATIENCE: Duration = Duration::from_micros(200);

/// The exit code of a worker that could not begin (`EX_UNAVAILABLE` of sysexits.h). Its stderr says why.
pub(crate) const CANNOT_BEGIN: i32 = 69;

/// The one descriptor that this process was started with, from its arrival until the hello.
static ARRIVED: Mutex<Option<OwnedFd>> = Mutex::new(None);

static DEPTH: AtomicU32 = AtomicU32::new(0);

/// How many pools this process is inside of: 0 in a program that is no worker.
pub(crate) fn depth() -> u32 {
    // Relaxed: written before there is a second thread.
    DEPTH.load(Ordering::Relaxed)
}

/// The rest of the worker's life.
pub(super) fn serve(start_info: Option<StartInfo>) -> ! {
    let Some(start_info) = start_info else {
        let name = variable().unwrap_or_default();
        cannot_begin(format_args!("the environment variable {name} has an invalid value; unset it"));
    };
    DEPTH.store(start_info.depth, Ordering::Relaxed);
    arrive(&start_info);
    // A constructor may have forked.
    end_copy(0);
    let Some(socket) = ARRIVED.lock().take() else { cannot_begin(format_args!("its socket is missing")) };
    if let Err(error) = keep_to(start_info.limits) {
        refuse(&socket, &format!("the system refused one of its settings ({error})"));
    }
    let (page, requests, replies) = begin(&socket).unwrap_or_else(|error| refuse(&socket, &lacks(&error)));
    let mut links = RequestLoop::new(socket, page, requests, replies);
    while let Some(socket) = links.serve() {
        links = links.of_copy(socket);
    }
    let code = links.exit_code.get();
    drop(links);
    end(code)
}

fn lacks(error: &io::Error) -> String {
    format!("its setup failed ({})", with_remedy(error))
}

fn end(code: i32) -> ! {
    // The initializer's state has no later time to go.
    drop_catching(catch(|| current::set_worker(None)));
    drop_catching(catch(|| current::set_template_state(None)));
    exit(code)
}

/// Becomes a worker, as far as the parent and the system must know it before other constructors run. Does nothing when it is
/// called again.
pub(super) fn arrive(start_info: &StartInfo) {
    let mut arrived = ARRIVED.lock();
    if arrived.is_some() {
        return;
    }
    if !is_parent(start_info.parent) {
        // Before anything is done in the name of the process that is invited. If this is the one, its parent has just died.
        cannot_begin(format_args!("{}", not_invited(start_info.parent)));
    }
    let guarded = guard(start_info.parent);
    fork_check::begin();
    let socket = take_stdin().unwrap_or_else(|(stdin, error)| refuse(&stdin, &lacks(&error)));
    // It may have died before it was asked to tell of that.
    if !is_parent(start_info.parent) {
        kill_own_group();
    }
    if let Err(error) = guarded {
        refuse(&socket, &format!("the system refused to tie its lifetime to its parent ({})", with_remedy(&error)));
    }
    *arrived = Some(socket);
}

fn not_invited(inviter: u32) -> String {
    let name = variable().unwrap_or_default();
    if getppid().is_none() {
        return format!(
            "its parent is in another PID namespace, where {name} was set; create the pool in a process inside this \
             namespace"
        );
    }
    format!(
        "{name} was set by process {inviter}, which did not start this process, or has ended since; if the variable \
         was copied from the environment of a worker, unset it"
    )
}

/// Tells the parent why this process cannot be its worker, or stderr if the parent does not hear.
fn refuse(parent: &OwnedFd, reason: &str) -> ! {
    match say(parent, &Greeting::Refused(truncate(reason.to_owned(), MOST_SAID / 2))) {
        Ok(()) => exit(CANNOT_BEGIN),
        Err(_) => cannot_begin(format_args!("{reason}")),
    }
}

fn say(parent: &OwnedFd, greeting: &Greeting) -> io::Result<()> {
    let bytes = postcard::to_stdvec(greeting).map_err(io::Error::other)?;
    socket::send(parent, &[], &bytes, &[], Wait::Forever)
}

fn cannot_begin(reason: std::fmt::Arguments<'_>) -> ! {
    eprintln!("executor: a worker process could not start: {reason}");
    exit(CANNOT_BEGIN)
}

/// This worker's ends of what it shares with its parent.
struct RequestLoop {
    requests: Requests,
    /// There for ever: any thread may send a record.
    replies: &'static OwnedFd,
    page: &'static Page,
    payloads: WorkerEnd,
    /// This process's exit code, set by its last job.
    exit_code: Cell<i32>,
    /// Set if this worker is a template.
    template: OnceCell<Template>,
}

/// Takes in what the parent sent before this process was started, and says hello. Returns the page, and the sockets that requests come
/// from and replies go to.
fn begin(socket: &OwnedFd) -> io::Result<(&'static Page, OwnedFd, &'static OwnedFd)> {
    let StartPacket { page, lifeline, requests, replies, output } = StartPacket::receive(socket)?;
    end_with(lifeline)?;
    if let Some(output) = &output {
        output::redirect(output)?;
    }
    // There for ever: handlers of signals write to it.
    let page: &'static Page = Box::leak(Box::new(Page::open(&page)?));
    say(socket, &Greeting::Hello { build: program_image::build() })?;
    // While the parent reads the hello.
    crash_handler::install(page);
    Ok((page, requests, Box::leak(Box::new(replies))))
}

impl RequestLoop {
    fn new(socket: OwnedFd, page: &'static Page, requests: OwnedFd, replies: &'static OwnedFd) -> Self {
        let (payloads, exit_code) = (WorkerEnd::new(socket), Cell::new(0));
        Self { requests: Requests::new(requests, page), replies, page, payloads, exit_code, template: OnceCell::new() }
    }

    /// That of this process, which was just forked from a template, and is a worker of its own from now on.
    fn of_copy(self, socket: OwnedFd) -> Self {
        let Self { requests, replies, page, payloads, template, .. } = self;
        // The end of the template would not be heard while this process holds its sockets.
        drop((requests, payloads, template));
        let requests = template::begin_copy(&socket, replies, page);
        let hello = || say(&socket, &Greeting::Hello { build: program_image::build() });
        match requests.and_then(|requests| requests.map(|requests| hello().map(|()| requests)).transpose()) {
            Ok(Some(requests)) => Self::new(socket, page, requests, replies),
            Ok(None) => exit(CANNOT_BEGIN),
            Err(error) => refuse(&socket, &lacks(&error)),
        }
    }

    /// Until the parent closes the channel. Returns a socket in a process that was forked from this one, to be a worker of its own.
    fn serve(&self) -> Option<OwnedFd> {
        let mut codec = Codec::default();
        shared::keep_values();
        loop {
            let request = self.requests.next()?;
            let reply = match request {
                Request::Prepare { name, codec: wanted, levels, initializer } => {
                    codec = wanted;
                    self.prepare(&name, codec, levels, initializer)
                }
                Request::BeTemplate => Some(self.be_template()),
                Request::Fork(body) => match self.template.get()?.fork(self.payloads.open(body)) {
                    Forked::Template(reply) => Some(reply),
                    Forked::Worker(socket) => return Some(socket),
                },
                Request::Run(jobs) => self.run_all(codec, jobs),
            };
            if reply.is_some_and(|reply| self.reply(&reply).is_none()) {
                return None;
            }
        }
    }

    /// `None` if the parent is gone.
    fn reply(&self, reply: &Reply) -> Option<()> {
        ipc_packet::send(self.replies, reply).ok()
    }

    /// Runs the jobs of a message. `None` if the parent knows of their end, or is gone.
    fn run_all(&self, codec: Codec, jobs: Vec<JobMessage>) -> Option<Reply> {
        let (mut room, mut start, mut has_unreported) = (0, Instant::now(), false);
        let mut told = start;
        // The end comes behind the messages of its jobs, so it is on the page only if there are none.
        let (mut has_messages, is_alone) = (false, jobs.len() == 1);
        for JobMessage { slot, job, attempt, about, work, body } in jobs {
            if has_unreported && start - told >= PATIENCE {
                self.reply(&Reply::Progress)?;
                (told, has_unreported, has_messages) = (start, false, true);
            }
            if !self.page.start(slot, job) {
                self.payloads.skip(body);
                continue;
            }
            crash_handler::begins(job);
            #[cfg(feature = "_records")]
            records::begins(job);
            let (about, captured) = JobContext::job(about, JobId::from_number(job), attempt);
            let mut growing = self.page.growing(slot, room);
            let answer = self.run(about, &captured, codec, work, body, &mut growing);
            // Serde may run any code, too.
            end_copy(0);
            output::flush();
            let ended = Instant::now();
            let nanos = u64::try_from((ended - start).as_nanos()).unwrap_or(u64::MAX);
            // The next job starts soon: the clock is read once for both.
            start = ended;
            // Relaxed: the claim that follows orders it.
            self.page.time(slot).store(nanos, Ordering::Relaxed);
            room = growing.end();
            #[cfg(feature = "_records")]
            records::ends();
            let answer = self.payloads.pack(answer);
            self.exit_code.set(answer.exit_code());
            let is_told = match answer.short() {
                _ if matches!(answer, Answer::Items) => true,
                // The outcomes that a chunk has published must stay.
                Some(short) if !growing.is_begun() => {
                    self.page.write_answer(slot, room, &short).map(|end| room = end).is_some()
                }
                _ => false,
            };
            if !self.page.change(slot, job, Claim::Started, Claim::Done) {
                // It is killed for this job, or was told by SIGTERM to end, and must not come to another one.
                end(0);
            }
            has_unreported = true;
            if !is_told {
                self.reply(&Reply::Answer { slot, job, answer })?;
                (start, has_messages) = (Instant::now(), true);
            }
        }
        // Relaxed: the request orders it.
        let stays_awake = is_alone && self.page.stay_awake().load(Ordering::Relaxed) != 0;
        self.requests.set_short(stays_awake && start - told < MOST_SPIN);
        let is_told = !has_messages && self.page.end().post(&[]);
        (!is_told).then_some(Reply::Done)
    }

    fn be_template(&self) -> Reply {
        match Template::new() {
            Ok(template) => {
                let _ = self.template.set(template);
                Reply::Ready
            }
            Err(reason) => Reply::NotReady(truncate(reason, MOST_SAID)),
        }
    }

    fn prepare(&self, name: &str, codec: Codec, levels: Levels, initializer: Option<(Offset, Body)>) -> Option<Reply> {
        comm::set(name);
        report(self, levels);
        let name = Some(name.into());
        current::set_worker(Some(Worker { name, state: None, host: None }));
        let Some((offset, body)) = initializer else {
            forward();
            return None;
        };
        let Some(prepare) = offset.init_entry() else {
            return Some(Reply::NotReady(format!("its initializer ({offset:?}) is not in this program")));
        };
        let prepared = self.payloads.open(body).and_then(|opened| prepare(codec, opened));
        output::flush();
        Some(match prepared {
            Ok(state) => {
                current::set_state(Some(state));
                forward();
                Reply::Ready
            }
            Err(reason) => Reply::NotReady(truncate(reason, MOST_SAID)),
        })
    }

    fn run(
        &self,
        job: current::Job,
        captured: &[Captured],
        codec: Codec,
        work: Offset,
        body: Body,
        outcomes: &mut Appender<'_>,
    ) -> Answer<Outgoing> {
        let opened = match self.payloads.open(body) {
            Ok(opened) => opened,
            Err(cause) => return Answer::Codec { step: Step::DecodeJob, cause },
        };
        let Some(work) = work.job_entry() else {
            return Answer::Codec {
                step: Step::DecodeJob,
                cause: format!("its function ({work:?}) is not in this program"),
            };
        };
        let scope = current::enter(job);
        // `work` itself catches what users' code may do; what remains is ours, and still costs one job only.
        let answer = catch(|| match wrap::open_all(codec, captured) {
            Ok(context) => work(codec, opened, context.as_ref(), &self.payloads, outcomes),
            Err(cause) => {
                // So that the answer goes in a message: on the page, it would count as outcomes of a chunk's items.
                outcomes.begin();
                Answer::Codec { step: Step::DecodeJob, cause }
            }
        });
        drop_catching(scope);
        answer.unwrap_or_else(|panic| Answer::Panicked(panic.into()))
    }
}

/// The initializer has run, and may have set a logger and a subscriber. Others forward to the parent.
fn forward() {
    #[cfg(feature = "log")]
    logger::install();
    #[cfg(feature = "tracing")]
    tracer::forward_traces();
}

/// From now on, this worker may report events.
#[cfg(feature = "_records")]
fn report(worker: &RequestLoop, levels: Levels) {
    if levels != Levels::default() {
        records::open(worker.replies, worker.page);
    }
    #[cfg(feature = "log")]
    logger::want(levels.log);
    #[cfg(feature = "tracing")]
    tracer::want(levels.trace);
}

#[cfg(not(feature = "_records"))]
fn report(_: &RequestLoop, _: Levels) {}
