//! How a worker is started: the program itself, run again, which meets its parent at a private rendezvous.

use std::cell::Cell;
use std::env;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use executor_core::panics::catch;
use ipc_channel::ipc::{IpcOneShotServer, IpcReceiver, IpcSender};
use ipc_channel::{IpcError, TryRecvError};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::budget::Budget;
use crate::codec::Codec;
use crate::frame::{Bytes, Greeting, Hello, Reply, Request};
use crate::page::Page;
use crate::process::{Pids, Process};
use crate::seat::{Kill, Seat};
use crate::watcher;
use crate::worker;
use crate::worker::image::{self, Offset};
use crate::worker::invitation::{Invitation, VARIABLE};

/// From its start until it says hello. A loaded machine takes a second; a program whose constructors take longer than
/// this would start no worker at all.
const START_LIMIT: Duration = Duration::from_secs(30);

/// From the end of its channel until a worker that is idle is gone. Its `atexit` functions run in that time.
const END_LIMIT: Duration = Duration::from_secs(2);

/// What libraries read to decide how many threads to start (of rayon, `OpenMP`, `OpenBLAS`, MKL, numexpr, Accelerate, tokio).
const THREAD_COUNTS: [&str; 7] = [
    "RAYON_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "TOKIO_WORKER_THREADS",
];

/// How many threads the libraries in a worker should start.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Threads {
    /// That many, where the environment does not say.
    Default(usize),
    /// That many, whatever the environment says.
    Exactly(usize),
}

/// What all workers of a pool have in common.
pub(crate) struct Settings {
    pub(crate) codec: Codec,
    pub(crate) threads: Threads,
    pub(crate) initializer: Option<(Offset, Bytes)>,
    pub(crate) pids: Arc<Pids>,
    /// Where jobs that fail are kept.
    pub(crate) keep_failed: Option<PathBuf>,
    pub(crate) budget: Budget,
}

/// A worker process that has said hello, and the parent's ends of its channels.
pub(crate) struct Worker {
    pub(crate) process: Arc<Process>,
    /// `None` when the worker is to end.
    requests: Option<IpcSender<Request>>,
    replies: IpcReceiver<Reply>,
    /// Whether the last request did not go out.
    is_cut_off: Cell<bool>,
    pub(crate) seat: Arc<Seat>,
    /// Kept until the worker is gone: it kills itself when this end closes.
    _lifeline: IpcSender<()>,
}

impl Worker {
    /// Starts one. Blocks until it is ready for jobs.
    ///
    /// # Errors
    ///
    /// Why it could not be.
    pub(crate) fn start(settings: &Settings, name: &str) -> Result<Self, String> {
        let (server, server_name) = rendezvous()?;
        let token = token()?;
        let mut command = command(settings.threads, &token, &server_name);
        let process = Process::spawn(&mut command, &server_name, START_LIMIT, &settings.pids)
            .map_err(|error| format!("no process could be started ({error})"))?;
        let greeted = catch(|| server.accept()).map_err(|panic| panic.to_string());
        let hello = match greeted {
            Ok(Ok((_, Greeting::Hello(hello)))) => verified(*hello, &token),
            Ok(Ok((_, Greeting::Died))) => Err("it ended before it said hello".to_owned()),
            Ok(Err(error)) => Err(format!("it was cut off before it said hello ({error})")),
            Err(panic) => Err(format!("it said hello in a way that cannot be read ({panic})")),
        };
        let hello = hello.map_err(|reason| {
            let had_ended = process.is_gone();
            process.kill();
            let ended = process.wait();
            watcher::settle();
            match ended {
                Some(exit) if had_ended => format!("{reason}: it {exit}"),
                _ => reason,
            }
        })?;
        let Hello { requests, replies, wake, page, lifeline, .. } = hello;
        let page = Page::over(page).ok_or("its page is too small")?;
        process.connected(wake);
        let seat = Arc::new(Seat::new(page, process.clone()));
        let worker = Self {
            process,
            requests: Some(requests),
            replies,
            is_cut_off: Cell::new(false),
            seat,
            _lifeline: lifeline,
        };
        worker.prepare(settings, name)?;
        Ok(worker)
    }

    fn prepare(&self, settings: &Settings, name: &str) -> Result<(), String> {
        let initializer = settings.initializer.clone();
        let has_initializer = initializer.is_some();
        let request = Request::Prepare { name: name.to_owned(), codec: settings.codec, initializer };
        if !has_initializer {
            // Nothing to wait for. If it is gone, the first job finds out.
            self.send(request);
            return Ok(());
        }
        match self.ask(request) {
            Received::Reply(Reply::Ready) => Ok(()),
            Received::Reply(Reply::NotReady(reason)) => Err(format!("its initializer failed: {reason}")),
            Received::Reply(_) | Received::Nonsense(_) | Received::TooLate => {
                Err("it answered with nonsense".to_owned())
            }
            Received::Nothing => {
                self.process.kill();
                Err(match self.process.wait() {
                    Some(exit) => format!("its initializer ended it: it {exit}"),
                    None => "its initializer ended it".to_owned(),
                })
            }
        }
    }

    /// Never blocks: there is one request at a time, and a socket has room for it. False if the worker is gone.
    fn send(&self, request: Request) -> bool {
        self.requests.as_ref().is_some_and(|requests| requests.send(request).is_ok())
    }

    /// Sends a request and waits for the answer.
    fn ask(&self, request: Request) -> Received {
        self.begin(request);
        let received = self.receive(None);
        self.end();
        received
    }

    /// Sends a request whose answers are to be [received](Worker::receive) until [`end`](Worker::end).
    pub(crate) fn begin(&self, request: Request) {
        let is_sent = self.process.start_waiting() && self.send(request);
        self.is_cut_off.set(!is_sent);
    }

    /// Nothing more is waited for.
    pub(crate) fn end(&self) {
        self.process.stop_waiting();
    }

    /// Waits for the next message, for `limit` at most.
    pub(crate) fn receive(&self, limit: Option<Duration>) -> Received {
        if self.is_cut_off.get() {
            return Received::Nothing;
        }
        let receive = || match limit {
            None => self.replies.recv().map_err(TryRecvError::IpcError),
            Some(limit) => self.replies.try_recv_timeout(limit),
        };
        loop {
            // Messages are a worker's, and ipc-channel panics where one names a descriptor that it does not carry.
            return match catch(receive) {
                Ok(Ok(Reply::Died) | Err(TryRecvError::IpcError(IpcError::Disconnected))) => Received::Nothing,
                Ok(Ok(reply)) => Received::Reply(reply),
                Ok(Err(TryRecvError::Empty)) => Received::TooLate,
                Ok(Err(TryRecvError::IpcError(IpcError::Io(error)))) => match error.kind() {
                    std::io::ErrorKind::Interrupted => continue,
                    std::io::ErrorKind::ConnectionReset => Received::Nothing,
                    _ => Received::Nonsense(error.to_string()),
                },
                Ok(Err(error)) => Received::Nonsense(error.to_string()),
                Err(panic) => Received::Nonsense(panic.to_string()),
            };
        }
    }
}

/// What came from a worker.
pub(crate) enum Received {
    Reply(Reply),
    /// It died, or closed its channel, which comes to the same.
    Nothing,
    /// What cannot be read.
    Nonsense(String),
    /// Nothing, in the time that it had.
    TooLate,
}

impl Drop for Worker {
    /// Closes the channel, and returns when the process is gone.
    fn drop(&mut self) {
        self.requests = None;
        if !self.process.wait_timeout(END_LIMIT) {
            self.process.kill();
            self.process.wait();
        }
        watcher::settle();
    }
}

/// A socket in a private directory, and its name.
fn rendezvous() -> Result<(IpcOneShotServer<Greeting>, String), String> {
    // Looked at first, because ipc-channel panics where it finds none.
    let parent = env::temp_dir();
    if !parent.is_dir() {
        return Err(format!(
            "no socket for its rendezvous: {} is no directory; create it, or set TMPDIR",
            parent.display()
        ));
    }
    match catch(IpcOneShotServer::new) {
        Ok(Ok(made)) => Ok(made),
        Ok(Err(error)) => Err(format!("no socket for its rendezvous in {} ({error})", parent.display())),
        Err(panic) => Err(format!("no socket for its rendezvous in {} ({panic})", parent.display())),
    }
}

/// 128 random bits: who does not know them was not started by us.
fn token() -> Result<String, String> {
    let mut bytes = [0_u8; 16];
    match getrandom(&mut bytes, GetRandomFlags::empty()) {
        Ok(16) => Ok(image::hex(&bytes)),
        Ok(_) => Err("the system has no random numbers".to_owned()),
        Err(error) => Err(format!("the system has no random numbers ({error})")),
    }
}

fn verified(hello: Hello, token: &str) -> Result<Hello, String> {
    if hello.token != token {
        return Err(
            "somebody else came to its rendezvous, without the token; who else writes to this TMPDIR?".to_owned()
        );
    }
    let ours = image::build();
    if hello.build != ours {
        return Err(format!("it runs another build of the program ({}, not {ours})", hello.build));
    }
    Ok(hello)
}

fn command(threads: Threads, token: &str, server: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = env::args_os().next() {
        command.arg0(name);
    }
    let invitation = Invitation {
        depth: worker::depth() + 1,
        parent: std::process::id(),
        token: token.to_owned(),
        server: server.to_owned(),
    };
    command.env(VARIABLE, invitation.text()).stdin(Stdio::null()).process_group(0);
    for name in THREAD_COUNTS {
        match threads {
            Threads::Exactly(n) => command.env(name, n.to_string()),
            Threads::Default(n) if env::var_os(name).is_none() => command.env(name, n.to_string()),
            Threads::Default(_) => &mut command,
        };
    }
    command
}
