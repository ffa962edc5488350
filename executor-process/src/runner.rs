//! The process pool's worker thread: it owns a child process and talks to it alone.

use std::sync::Arc;
use std::time::Instant;

use executor_core::cell::{Abort, Task};
use executor_core::{Broken, Crashed, JobError, JobId};
use executor_thread::scheduler::{Batch, Runner};

use crate::codec::Codec;
use crate::frame::{Body, Bytes, Reply, Request};
use crate::kind::{Answer, Kind};
use crate::process::{Ended, Process};
use crate::spawn::{Received, Settings, Worker};
use crate::worker::image::Offset;

/// A job on its way to a worker.
pub(crate) struct Encoded {
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
}

/// A result on its way back, to be decoded by whoever takes it.
pub(crate) struct Returned {
    pub(crate) codec: Codec,
    pub(crate) bytes: Vec<u8>,
}

/// A job of the process pool's queue.
pub(crate) type Queued = Arc<dyn Task<Encoded, Returned>>;

/// How often a worker is started for one job before that is given up.
const STARTS: u32 = 3;

/// Runs jobs in a child process, which it starts when the first one comes, and again when it died.
pub(crate) struct InProcess {
    settings: Arc<Settings>,
    name: Arc<str>,
    worker: Option<Worker>,
}

impl InProcess {
    pub(crate) fn new(settings: Arc<Settings>, name: Arc<str>) -> Self {
        Self { settings, name, worker: None }
    }

    /// A worker that lives, and from now on runs the job `id`.
    fn worker_for(&mut self, id: JobId) -> Result<Arc<Process>, JobError> {
        let mut reason = String::new();
        for _ in 0..STARTS {
            // One that died while it was idle cost nobody anything.
            if self.worker.as_ref().is_some_and(|worker| !worker.process.begin_job(id)) {
                self.worker = None;
            }
            if self.worker.is_none() {
                match Worker::start(&self.settings, &self.name) {
                    Ok(worker) if worker.process.begin_job(id) => self.worker = Some(worker),
                    Ok(worker) => drop(worker),
                    Err(why) => reason = why,
                }
            }
            if let Some(worker) = &self.worker {
                return Ok(Arc::clone(&worker.process));
            }
        }
        let text = format!("its worker process could not be started, {STARTS} times: {reason}");
        Err(JobError::Broken(Broken::new(text)))
    }

    fn exchange(&mut self, id: JobId, job: Encoded) -> Result<Returned, JobError> {
        let codec = self.settings.codec;
        let worker = self.worker.as_ref().expect("it was started for this job");
        let (kind, started) = (job.kind, Instant::now());
        let received = match request(id, job) {
            Ok(request) => worker.ask(request),
            Err(error) => {
                worker.process.finish_job();
                return Err(error);
            }
        };
        let is_aborted = worker.process.finish_job();
        match received {
            _ if is_aborted => Err(JobError::Cancelled),
            Received::Reply(Reply::Ended { job, answer }) if job == id.get() => match answer.unpack() {
                Answer::Done(Bytes(bytes)) => Ok(Returned { codec, bytes }),
                Answer::Panicked(panic) => Err(panic.into()),
                Answer::Codec { step, cause } => Err((kind.codec_error)(step, cause)),
            },
            Received::Reply(_) => Err(self.expel("an answer to another question")),
            Received::Nonsense(what) => Err(self.expel(&what)),
            Received::Nothing => {
                let ran = started.elapsed();
                let pid = worker.process.pid();
                let ended = self.end_worker();
                Err(crashed(kind, pid, ended, ran))
            }
        }
    }

    /// Kills a worker that broke the protocol. What it says from now on is not heard.
    fn expel(&mut self, said: &str) -> JobError {
        let pid = self.worker.as_ref().map_or(0, |worker| worker.process.pid());
        self.end_worker();
        JobError::Broken(Broken::new(format!(
            "its worker process {pid} answered with what cannot be read, and was killed: {said}"
        )))
    }

    fn end_worker(&mut self) -> Ended {
        let worker = self.worker.take()?;
        // It may have closed its channel and live on.
        worker.process.kill();
        worker.process.wait()
    }
}

fn request(id: JobId, job: Encoded) -> Result<Request, JobError> {
    let work = Offset::of_work(job.kind.work).ok_or_else(|| {
        let text = format!("`{}` is not in the program's own file, but in a shared library", job.kind.name);
        JobError::Broken(Broken::new(text))
    })?;
    let body = Body::pack(job.bytes).map_err(|error| {
        JobError::Broken(Broken::new(format!("its arguments found {error}; free some and submit again")))
    })?;
    Ok(Request::Run { job: id.get(), attempt: 1, work, body })
}

fn crashed(kind: Kind, pid: u32, ended: Ended, ran: std::time::Duration) -> JobError {
    match ended {
        Some(exit) => JobError::Crashed(Crashed::new(kind.name, pid, exit, ran)),
        None => JobError::Broken(Broken::new(format!(
            "its worker process {pid} died while it ran `{}`, and how is not known: something else in this program takes the exit \
             status of every child (SIGCHLD is ignored, or `wait` is called for any child)",
            kind.name
        ))),
    }
}

impl Runner for InProcess {
    type Job = Queued;

    fn run(&mut self, job: Queued, _: &mut Batch<'_, Queued>) {
        if job.status().is_done() {
            return; // cancelled: no reason to start a process
        }
        let id = job.id();
        let process = match self.worker_for(id) {
            Ok(process) => process,
            Err(error) => {
                job.fail(error);
                return;
            }
        };
        let abort: Arc<dyn Abort> = Arc::<Process>::clone(&process);
        let Some(payload) = job.claim(Some(abort)) else {
            process.finish_job();
            return;
        };
        let outcome = self.exchange(id, payload);
        // Told before an aborted worker is waited for, which may take a while to be gone.
        job.finish(outcome).fire();
        if process.is_doomed() {
            self.worker = None;
        }
    }
}
