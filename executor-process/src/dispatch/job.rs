//! A job on its way to a worker, and back.

use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use executor_core::cell::{Control, NamesJob, Task};
use executor_core::job_counters::Failure;
use executor_core::observe::{JobDescription, JobOutcome};
use executor_core::{Broken, JobError, JobId, JobName, Label, Priority};
use executor_thread::scheduler::Batch;

use crate::diagnostics::failed_job::{FailedJob, SavedArguments};
use crate::dispatch::chunk::Chunk;
use crate::dispatch::encoded_result::EncodedResult;
use crate::dispatch::job_type::JobType;
use crate::dispatch::measured_run::MeasuredRun;
use crate::ipc::codec::Codec;
use crate::ipc::payload::{MAX_INLINE, Payload};
use crate::protocol::answer::Answer;
use crate::protocol::captured::Captured;
use crate::protocol::job_context::JobContext;
use crate::protocol::message::JobMessage;
use crate::protocol::program_image::Offset;
#[cfg(feature = "tracing")]
use crate::supervisor::job_trace::JobTrace;
use crate::supervisor::start::WorkerSettings;
use crate::transport::ParentEnd;

/// A job on its way to a worker.
pub(crate) struct EncodedJob {
    pub(crate) job_type: JobType,
    pub(crate) body: Payload,
    pub(crate) label: Option<Arc<Label>>,
    /// The span in which it was submitted, and its own, if its pool traces jobs.
    #[cfg(feature = "tracing")]
    pub(crate) trace: Option<JobTrace>,
    /// The values of `wrap_jobs`, the outermost first.
    pub(crate) captured: Option<Arc<Vec<Captured>>>,
    /// Dropped when the job starts or never will: then its time to start in is over.
    pub(crate) start_guard: Option<Box<dyn Send>>,
    /// The lane that it comes back to.
    pub(crate) priority: Priority,
    /// The time that it may run.
    pub(crate) timeout: Option<Duration>,
    /// How many times more it may be run after its worker died.
    pub(crate) retries: u32,
    /// Which run is the next one, from 1 on.
    pub(crate) attempt: u32,
    /// How many workers died before they began it.
    pub(crate) failed_starts: u32,
    /// The state of its items, if it is a chunk of a `map`.
    pub(crate) chunk: Option<Box<Chunk>>,
    /// The call that submitted it.
    pub(crate) place: &'static Location<'static>,
}

/// A job of the process pool's queue.
pub(crate) type Queued = Arc<dyn Task<EncodedJob, EncodedResult>>;

impl EncodedJob {
    #[track_caller]
    pub(crate) fn new(job_type: JobType, body: Payload) -> Self {
        Self {
            job_type,
            body,
            label: None,
            #[cfg(feature = "tracing")]
            trace: None,
            captured: None,
            start_guard: None,
            priority: Priority::Normal,
            timeout: None,
            retries: 0,
            attempt: 1,
            failed_starts: 0,
            chunk: None,
            place: Location::caller(),
        }
    }

    /// Its name, in errors.
    pub(crate) fn name(&self) -> &str {
        let name = self.label.as_ref().and_then(|label| label.name.as_deref());
        name.unwrap_or_else(|| self.job_type.name())
    }

    /// The same, to be kept.
    pub(crate) fn job_name(&self) -> JobName {
        JobName::new(self.label.as_ref(), self.job_type.path)
    }

    /// The name that it was given.
    fn given_name(&self) -> Option<Arc<str>> {
        self.label.as_ref()?.name.clone()
    }

    /// The same, for another cell.
    pub(crate) fn again(&self) -> Self {
        let Self { job_type, ref body, ref label, ref captured, priority, timeout, retries, place, .. } = *self;
        let (body, label, captured) = (body.again(), label.clone(), captured.clone());
        Self {
            job_type,
            body,
            label,
            #[cfg(feature = "tracing")]
            trace: self.trace.as_ref().map(JobTrace::again),
            captured,
            start_guard: None,
            priority,
            timeout,
            retries,
            attempt: 1,
            failed_starts: 0,
            chunk: None,
            place,
        }
    }

    /// Its name, tag and place of submission.
    pub(crate) fn description(&self) -> JobDescription {
        JobDescription::new(self.job_name(), self.label.clone(), Some(self.place))
    }

    /// Whether it goes to a worker alone, with nothing sent ahead or behind: only so its time is counted from when it starts, and what
    /// it weighs does not fill the channel. One with ends of channels can be sent to one worker only, so it is not to wait there.
    pub(crate) fn goes_alone(&self) -> bool {
        self.timeout.is_some() || self.weight() > MAX_INLINE / 2 || self.body.has_channels()
    }

    /// The bytes that it takes of a message, but for its label.
    pub(crate) fn weight(&self) -> usize {
        let captured = self.captured.iter().flat_map(|captured| captured.iter());
        self.body.len() + captured.map(Captured::len).sum::<usize>()
    }

    /// Packs it into a message for the worker that `payloads` leads to.
    pub(crate) fn pack(&self, payloads: &ParentEnd, slot: usize, job: u64) -> Result<JobMessage, NotSent> {
        let failed = |text: String| NotSent::Failed(JobError::Broken(Broken::new(text)));
        let work = Offset::of_job(self.job_type.work).ok_or_else(|| {
            failed(format!(
                "`{}` is in a shared library; only functions of the program's own file can run in worker processes",
                self.job_type.name()
            ))
        })?;
        let body = payloads.pack(&self.body).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => NotSent::Disconnected,
            _ => failed(format!("it could not be sent to its worker process: {error}")),
        })?;
        Ok(JobMessage {
            slot,
            job,
            attempt: self.attempt,
            about: JobContext::of(
                self.label.as_deref(),
                self.timeout,
                self.captured.as_ref().map(|captured| &captured[..]),
            ),
            work,
            body,
        })
    }

    /// Whether nothing of what was sent last has its outcome.
    pub(crate) fn is_whole(&self) -> bool {
        self.chunk.as_ref().is_none_or(|chunk| chunk.is_whole())
    }

    /// A worker had no room for it, and has run nothing of it. Whether another one may try.
    pub(crate) fn may_start_elsewhere(&mut self, tries: u32) -> bool {
        self.failed_starts += 1;
        self.failed_starts < tries && !self.body.has_given()
    }

    /// The worker that ran it died. Whether it may be run again.
    pub(crate) fn runs_again(&mut self) -> bool {
        let is_allowed = self.retries > 0;
        if is_allowed {
            self.retries -= 1;
            self.attempt += 1;
        }
        is_allowed
    }

    /// Its outcome, as a worker that lives tells it.
    pub(crate) fn outcome(&self, codec: Codec, answer: Answer<Payload>) -> Result<EncodedResult, JobError> {
        match answer {
            Answer::Done(payload) => Ok(EncodedResult {
                name: self.job_type.name(),
                codec,
                payload,
                attached: Vec::new(),
                errors: Vec::new(),
            }),
            Answer::Items => Err(JobError::Broken(Broken::new(
                "its worker process broke the protocol: it answered a single job like a chunk of a `map`",
            ))),
            Answer::Panicked(panic) => Err(panic.of(self.job_type.name(), self.given_name())),
            Answer::Codec { step, cause } | Answer::NoRoom { step, cause } => {
                Err((self.job_type.codec_error)(self.job_type.name(), step, cause))
            }
        }
    }
}

impl NamesJob for EncodedJob {
    fn job_name(payload: Option<&Self>) -> Option<JobName> {
        payload.map(Self::job_name)
    }

    fn describe(payload: &Self) -> Option<JobDescription> {
        Some(payload.description())
    }
}

/// Why a job was not sent.
pub(crate) enum NotSent {
    /// The worker is gone, and has seen nothing of it.
    Disconnected,
    /// It cannot be sent to any worker, and has this outcome.
    Failed(JobError),
}

/// A job that a worker has, and what it was made of, should it come back.
pub(crate) struct InFlight {
    pub(crate) job: Queued,
    pub(crate) payload: EncodedJob,
    /// On the list of the pool's running jobs, if the pool is measured.
    pub(crate) run: Option<Box<MeasuredRun>>,
}

impl InFlight {
    /// The job goes to the worker process `pid`, where it runs now, or soon.
    pub(crate) fn new(job: Queued, payload: EncodedJob, pid: u32) -> Self {
        let run = job.queued_at().and_then(|queued_at| {
            MeasuredRun::begin(job.clone(), queued_at, payload.description(), payload.attempt, pid)
        });
        Self { job, payload, run }
    }

    /// The job ends with this outcome. A result counts as the worst failure of the job's parts, if there is one.
    pub(crate) fn report_end(&mut self, outcome: Result<Option<Failure>, &JobError>) {
        if let Some(run) = self.run.take() {
            run.end(JobOutcome::of(outcome));
        }
    }

    /// The job did not run there, or its outcome is another worker's matter.
    pub(crate) fn discard_run(&mut self) {
        if let Some(run) = self.run.take() {
            run.discard();
        }
    }

    pub(crate) fn id(&self) -> u64 {
        Control::id(&*self.job).get()
    }

    /// The data that its error needs, should it fail.
    pub(crate) fn case(&self, settings: &Arc<WorkerSettings>) -> FailedJob {
        let EncodedJob { job_type, attempt, ref label, .. } = self.payload;
        let (settings, label, body) = (Arc::clone(settings), label.clone(), kept(settings, &self.payload));
        let id = JobId::from_number(self.id());
        FailedJob { settings, id, attempt, label, entry: job_type.work, type_name: job_type.name(), body }
    }
}

/// The part of a job that can be kept as a file: of a chunk, only the item that ran. If no file will be written, the attachments are left
/// out, since they would stay open.
pub(crate) fn kept(settings: &WorkerSettings, job: &EncodedJob) -> SavedArguments {
    let (body, chunk) = (&job.body, job.chunk.as_ref());
    let keeps = settings.keep_failed.is_some();
    let attached = if keeps { body.descriptors_of(chunk.map(|chunk| chunk.running_item())) } else { Some(Vec::new()) };
    let Some(attached) = attached else { return SavedArguments::Handles };
    let bytes = chunk.map_or_else(|| body.bytes().clone(), |chunk| chunk.running(body.bytes()).into());
    SavedArguments::Whole { bytes, attached }
}

/// The job waits again, in front of those that were behind it. Returns it if it has started or has ended.
#[must_use = "a job that comes back has no outcome yet"]
pub(crate) fn requeue(in_flight: InFlight, batch: &mut Batch<'_, Queued>) -> Option<InFlight> {
    let InFlight { job, payload, run } = in_flight;
    let priority = payload.priority;
    match job.take_back(payload) {
        Ok(()) => {
            if let Some(run) = run {
                run.discard();
            }
            batch.give_back(job, priority);
            None
        }
        Err(payload) => Some(InFlight { job, payload, run }),
    }
}

/// The same for a job that no worker is to start: if it cannot wait, it was cancelled. Waits until that is told, since this thread may be the last
/// that a shutdown waits for. Returns a job that has no outcome: a worker that is killed, and lives on for a moment, has started it.
#[must_use = "a job that comes back has no outcome yet"]
pub(crate) fn requeue_or_cancel(in_flight: InFlight, batch: &mut Batch<'_, Queued>) -> Option<InFlight> {
    let in_flight = requeue(in_flight, batch)?;
    in_flight.job.cancel();
    (!in_flight.job.status().is_done()).then_some(in_flight)
}
