//! The process pool's worker thread: it owns a child process and talks to it alone.

use std::sync::Arc;
use std::time::Instant;

use executor_core::cell::{Abort, Task};
use executor_core::panics::catch;
use executor_core::{Broken, JobError, JobId};
use executor_thread::scheduler::{Batch, Runner};

use crate::codec::Codec;
use crate::frame::{Body, Bytes, Reply, Request};
use crate::kind::{Answer, Kind};
use crate::postmortem::Case;
use crate::seat::{Kill, Seat};
use crate::spawn::{Received, Settings, Worker};
use crate::worker::image::Offset;

/// A job on its way to a worker.
pub(crate) struct Encoded {
    pub(crate) kind: Kind,
    pub(crate) bytes: Bytes,
}

/// A result on its way back, to be decoded by whoever takes it.
pub(crate) struct Returned {
    pub(crate) codec: Codec,
    pub(crate) bytes: Bytes,
}

/// A job of the process pool's queue.
pub(crate) type Queued = Arc<dyn Task<Encoded, Returned>>;

/// How many workers are tried for one job before it is given up: those that cannot start, and those that die before they
/// begin it.
const TRIES: u32 = 4;

/// Runs jobs in a child process, which it starts when the first one comes, and again when it died.
pub(crate) struct InProcess {
    settings: Arc<Settings>,
    name: Arc<str>,
    worker: Option<Worker>,
    seat: Arc<Seat>,
}

/// Why a job has to be tried with another worker: it has not begun.
struct NotBegun(String);

impl InProcess {
    pub(crate) fn new(settings: Arc<Settings>, name: Arc<str>) -> Self {
        Self { settings, name, worker: None, seat: Arc::default() }
    }

    /// Brings the job to its outcome. False if it had ended before it was claimed.
    fn serve(&mut self, job: Queued) -> bool {
        let id = job.id();
        let mut claimed = None;
        let mut reason = String::new();
        for _ in 0..TRIES {
            if let Err(why) = self.ensure_worker() {
                reason = why;
                continue;
            }
            // Claimed only once there is a worker: until then, it can be cancelled.
            let payload = match claimed {
                Some(ref payload) => payload,
                None => match self.claim(&job, id) {
                    Some(payload) => claimed.insert(payload),
                    None => return false,
                },
            };
            match self.exchange(id, payload) {
                Ok(outcome) => {
                    self.finish(job, outcome);
                    return true;
                }
                Err(NotBegun(why)) => reason = why,
            }
        }
        let text = format!("its worker process could not be started, {TRIES} times: {reason}");
        let broken = JobError::Broken(Broken::new(text));
        let was_claimed = claimed.is_some();
        if was_claimed {
            self.finish(job, Err(broken));
        } else {
            job.fail(broken);
        }
        was_claimed
    }

    fn claim(&self, job: &Queued, id: JobId) -> Option<Encoded> {
        self.seat.take(id);
        let abort: Arc<dyn Abort> = Arc::<Seat>::clone(&self.seat);
        let payload = job.claim(Some(abort));
        if payload.is_none() {
            self.seat.leave();
        }
        payload
    }

    fn finish(&mut self, job: Queued, outcome: Result<Returned, JobError>) {
        let is_aborted = self.seat.leave();
        // A reply that crossed the abort is not told: the abort was.
        let outcome = if is_aborted { Err(JobError::Cancelled) } else { outcome };
        // Before a killed worker is waited for: a large one takes tens of milliseconds to be gone.
        job.finish(outcome).fire();
        if is_aborted {
            self.worker = None;
        }
    }

    /// Makes sure that there is a worker. One that died while it was idle cost nobody anything.
    fn ensure_worker(&mut self) -> Result<(), String> {
        if self.worker.as_ref().is_some_and(|worker| worker.process.is_gone()) {
            self.worker = None;
        }
        if self.worker.is_none() {
            self.worker = Some(Worker::start(&self.settings, &self.name)?);
        }
        Ok(())
    }

    /// Sends the job to the worker, and waits for what comes of it.
    fn exchange(&mut self, id: JobId, job: &Encoded) -> Result<Result<Returned, JobError>, NotBegun> {
        let worker = self.worker.as_ref().expect("there is one");
        if !self.seat.run_in(worker.process.clone()) {
            return Ok(Err(JobError::Cancelled));
        }
        let request = match request(id, job) {
            Ok(request) => request,
            Err(broken) => return Ok(Err(broken)),
        };
        let started = Instant::now();
        match worker.ask(request) {
            Received::Reply(Reply::Ended { job: ended, answer }) if ended == id.get() => Ok(match answer.unpack() {
                Answer::Done(bytes) => Ok(Returned { codec: self.settings.codec, bytes }),
                Answer::Panicked(panic) => Err(self.case(id, job).panicked(panic)),
                Answer::Codec { step, cause } => Err((job.kind.codec_error)(step, cause)),
            }),
            Received::Reply(_) => Ok(Err(self.expel("an answer to another question"))),
            Received::Nonsense(what) => Ok(Err(self.expel(&what))),
            Received::Nothing => self.bury(id, job, started),
        }
    }

    fn case<'a>(&'a self, id: JobId, job: &'a Encoded) -> Case<'a> {
        Case { settings: &self.settings, id, attempt: 1, name: None, job }
    }

    /// The worker died. Says whether that costs the job.
    fn bury(&mut self, id: JobId, job: &Encoded, started: Instant) -> Result<Result<Returned, JobError>, NotBegun> {
        let ran = started.elapsed();
        let worker = self.worker.take().expect("it was asked");
        // It may have closed its channel and live on.
        worker.process.kill();
        let ended = worker.process.wait();
        if worker.has_begun(id) {
            return Ok(Err(self.case(id, job).crashed(&worker, ended, ran)));
        }
        Err(NotBegun(match ended {
            Some(exit) => format!("it {exit} before it began the job"),
            None => "it died before it began the job".to_owned(),
        }))
    }

    /// Kills a worker that broke the protocol. What it says from now on is not heard.
    fn expel(&mut self, said: &str) -> JobError {
        let pid = self.worker.take().map_or(0, |worker| {
            worker.process.kill();
            worker.process.pid()
        });
        let text = format!("its worker process {pid} was killed, because it answered with what cannot be read: {said}");
        JobError::Broken(Broken::new(text))
    }
}

fn request(id: JobId, job: &Encoded) -> Result<Request, JobError> {
    let broken = |text: String| JobError::Broken(Broken::new(text));
    let work = Offset::of_work(job.kind.work).ok_or_else(|| {
        broken(format!("`{}` is not in the program's own file, but in a shared library", job.kind.name))
    })?;
    let body = Body::pack(&job.bytes)
        .map_err(|error| broken(format!("there is {error} for its arguments; free some and submit again")))?;
    Ok(Request::Run { job: id.get(), attempt: 1, work, body })
}

impl Runner for InProcess {
    type Job = Queued;

    fn run(&mut self, job: Queued, _: &mut Batch<'_, Queued>) -> bool {
        if job.status().is_done() {
            return false; // cancelled: no reason to start a process
        }
        let copy = Arc::clone(&job);
        catch(|| self.serve(job)).unwrap_or_else(|panic| {
            // A mistake of ours, or of a library below: it must not cost a future its outcome.
            self.worker = None;
            self.seat.leave();
            let was_claimed = !copy.is_waiting();
            copy.fail(JobError::Broken(Broken::new(format!(
                "the thread that serves its worker failed ({panic}); report this"
            ))));
            was_claimed
        })
    }
}
