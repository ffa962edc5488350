//! The process that a pool's workers are forked from.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use executor_core::__private::Spaced;
use executor_thread::fork::Origin;
use parking_lot::{Mutex, MutexGuard};
use rustix::io::Errno;

use super::{NotStarted, Worker, WorkerSettings};
use crate::ipc::attachments::Attachment;
use crate::ipc::os_error::with_remedy;
use crate::ipc::payload::Payload;
use crate::protocol::message::{Reply, Request};
use crate::protocol::program_image::Offset;
use crate::supervisor::child::{Child, Pids, Started};
use crate::supervisor::claims::Kill;
use crate::supervisor::delivery::DeliveryUser;
use crate::supervisor::listener::Retired;
use crate::supervisor::reply_receiver::Received;
use crate::supervisor::watcher;

/// The template of a pool: how it is started, and its process.
pub(crate) struct Template {
    settings: WorkerSettings,
    name: String,
    /// Locked while the process is started, forked or ended.
    process: Mutex<Process>,
    /// The workers that are forked.
    pids: Arc<Pids>,
    /// Processes that died, and are not told of yet.
    losses: Mutex<Vec<String>>,
    /// Whether the process is not to be given time to end.
    is_killed: AtomicBool,
    origin: Origin,
}

/// The process of a template. Its output and its records are delivered as long as it is there.
enum Process {
    None,
    Living(Box<Worker>, DeliveryUser),
    /// It was told to end.
    Ending(Retired, DeliveryUser),
}

impl Template {
    /// `pids` is where the workers are listed that are forked.
    pub(crate) fn new(settings: WorkerSettings, pool: &str, pids: Arc<Pids>) -> Self {
        let (name, process) = (format!("{pool}-template"), Mutex::new(Process::None));
        let (losses, is_killed) = (Mutex::default(), AtomicBool::new(false));
        Self { settings, name, process, pids, losses, is_killed, origin: Origin::here() }
    }

    /// The function that it runs.
    pub(crate) fn function(&self) -> Option<&(Offset, Payload)> {
        self.settings.initializer.as_ref()
    }

    /// Starts the process. Blocks until its function has run.
    ///
    /// # Errors
    ///
    /// Why it cannot be a template.
    pub(crate) fn start(&self) -> Result<(), NotStarted> {
        let worker = self.started(&|_| true)?;
        *self.process.lock() = Process::Living(Box::new(worker), self.settings.delivery.user());
        Ok(())
    }

    fn started(&self, on_spawn: &dyn Fn(Arc<dyn Kill>) -> bool) -> Result<Worker, NotStarted> {
        let deadline = Instant::now().checked_add(self.settings.start_limit);
        let delivers = self.settings.delivery.user();
        let worker = Worker::start(&self.settings, &self.name, on_spawn)?;
        let received = worker.ask(Request::BeTemplate, deadline);
        drop(delivers);
        match received {
            Received::Reply(Reply::Ready) => Ok(worker),
            received => Err(NotStarted::Lost(self.fault(&worker, received))),
        }
    }

    /// Starts the process if it has died. Blocks until it is a template.
    pub(super) fn ensure(&self, on_spawn: &dyn Fn(Arc<dyn Kill>) -> bool) -> Result<(), NotStarted> {
        let mut process = self.lock(Instant::now().checked_add(self.settings.start_limit))?;
        match &*process {
            Process::Living(worker, _) if !worker.process.has_died() => return Ok(()),
            Process::Living(worker, _) => {
                self.losses.lock().push(format!("the process of its template {}", how_ended(&worker.process)));
            }
            Process::Ending(retired, _) => retired.wait(),
            Process::None => {}
        }
        *process = Process::None;
        let not_started = |reason| format!("its template could not be started: {reason}");
        let worker = self.started(on_spawn).map_err(|error| match error {
            NotStarted::Refused(reason) => NotStarted::Refused(not_started(reason)),
            NotStarted::Lost(reason) => NotStarted::Lost(not_started(reason)),
        })?;
        *process = Process::Living(Box::new(worker), self.settings.delivery.user());
        Ok(())
    }

    /// Has a worker forked, which gets the socket `theirs`. Blocks until it is there.
    pub(super) fn fork(
        &self,
        theirs: OwnedFd,
        deadline: Option<Instant>,
        on_spawn: &dyn Fn(Arc<dyn Kill>) -> bool,
    ) -> Result<Started, NotStarted> {
        let mut process = self.lock(deadline)?;
        let Process::Living(worker, _) = &*process else {
            return Err(NotStarted::Lost("its template has ended".to_owned()));
        };
        // A pool that is killed does not wait for an answer.
        if !on_spawn(worker.process.clone()) {
            return Err(NotStarted::Refused("the pool is being killed".to_owned()));
        }
        let forked = self.fork_from(worker, theirs, deadline);
        if worker.process.has_died() {
            *process = Process::None;
        }
        forked
    }

    fn fork_from(&self, worker: &Worker, theirs: OwnedFd, deadline: Option<Instant>) -> Result<Started, NotStarted> {
        let attachment = Attachment { descriptor: Arc::new(theirs), is_channel: false };
        let body = worker.payloads.pack_copy(&Payload::new(Vec::new(), vec![attachment]));
        let received = match body {
            Ok(body) => worker.ask(Request::Fork(body), deadline),
            // It has died, and is not reaped yet.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                Received::Closed
            }
            Err(error) => {
                let why = with_remedy(&error);
                return Err(NotStarted::Refused(format!("its template could not be asked for it ({why})")));
            }
        };
        let pid = match received {
            Received::Reply(Reply::Forked(pid)) => pid,
            Received::Reply(Reply::NotReady(reason)) => return Err(NotStarted::Refused(reason)),
            received => return Err(NotStarted::Lost(format!("its template failed: {}", self.fault(worker, received)))),
        };
        let (grace, group) = (self.settings.grace, worker.process.pid());
        Child::adopt(pid, group, grace, &self.pids).map_err(|error| {
            if error.raw_os_error() != Some(Errno::SRCH.raw_os_error()) {
                // The new process ends with the group of the template.
                worker.process.kill_and_wait();
            }
            NotStarted::Lost(format!("its process {pid} could not be taken on ({})", with_remedy(&error)))
        })
    }

    /// Why there is no answer that the template should give. It is ended.
    fn fault(&self, worker: &Worker, received: Received) -> String {
        match received {
            Received::Reply(Reply::NotReady(reason)) => reason,
            Received::Closed => {
                worker.process.kill_and_wait();
                format!("it {}", how_ended(&worker.process))
            }
            Received::TimedOut => {
                worker.process.kill_and_wait();
                let limit = Spaced(self.settings.start_limit);
                format!("it was killed because it did not answer within {limit}; is it stopped?")
            }
            Received::Reply(_) | Received::Invalid(_) => {
                worker.process.kill_and_wait();
                "it broke the protocol: its answer is invalid".to_owned()
            }
        }
    }

    fn lock(&self, deadline: Option<Instant>) -> Result<MutexGuard<'_, Process>, NotStarted> {
        let Some(deadline) = deadline else { return Ok(self.process.lock()) };
        self.process.try_lock_until(deadline).ok_or_else(|| {
            let limit = Spaced(self.settings.start_limit);
            NotStarted::Lost(format!(
                "its template was not ready within {limit}; if it needs longer, raise `start_limit`"
            ))
        })
    }

    /// Takes what is to be told of processes that died.
    pub(crate) fn take_losses(&self) -> Vec<String> {
        std::mem::take(&mut self.losses.lock())
    }

    /// The process is not to be given time to end.
    pub(crate) fn kill(&self) {
        self.is_killed.store(true, Ordering::Relaxed);
    }

    /// The pool is shut down, and has no worker left. With `waits`, blocks until the process has ended, which is killed at `deadline`.
    pub(crate) fn end(&self, waits: bool, deadline: Option<Instant>) {
        if !self.origin.is_here() {
            return;
        }
        // Relaxed: it orders nothing.
        let is_killed = self.is_killed.load(Ordering::Relaxed);
        let process = if waits { Some(self.process.lock()) } else { self.process.try_lock() };
        // If another thread has locked it, it ends the process.
        let Some(mut process) = process else { return };
        let ending = match std::mem::replace(&mut *process, Process::None) {
            Process::None => return,
            Process::Living(worker, delivers) => {
                if is_killed {
                    worker.process.kill();
                }
                (worker.retire(), delivers)
            }
            Process::Ending(retired, delivers) => {
                if is_killed {
                    retired.process.kill();
                }
                (retired, delivers)
            }
        };
        if waits {
            match deadline {
                Some(deadline) => ending.0.end_by(deadline),
                None => ending.0.wait(),
            }
            watcher::settle();
        } else {
            *process = Process::Ending(ending.0, ending.1);
        }
    }
}

fn how_ended(process: &Child) -> String {
    match process.wait() {
        Some(exit) => format!("{exit}{}", process.why_clause()),
        None => "ended".to_owned(),
    }
}
