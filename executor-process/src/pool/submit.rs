//! How a portable job comes into the queue: encoded, so that what waits is bytes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use executor_core::cell::{Cell, QueuedControl, Task};
#[cfg(feature = "tracing")]
use executor_core::panics::catch;
use executor_core::panics::drop_catching;
use executor_core::queue_id::QueueId;
#[cfg(feature = "tracing")]
use executor_core::trace::Submission;
use executor_core::{
    Canceller, Future, JobError, JobName, JobOptions, PortableJob, Refused, Rejected, Rejection, TimedOut,
};
use executor_thread::WhenFull;
use executor_thread::scheduler::{PushFuture, Pushed, Queued as Waiting, Scheduler, StartLimit, StartTimer, Way};

use crate::dispatch::encoded_result::EncodedResult;
use crate::dispatch::job::{EncodedJob, Queued};
use crate::dispatch::job_type::JobType;
use crate::dispatch::runner::ProcessRunner;
use crate::ipc::codec::{Codec, Step};
use crate::pool::wrap::Wrappers;
use crate::protocol::captured::Captured;
use crate::supervisor::child::Pids;
#[cfg(feature = "tracing")]
use crate::supervisor::job_trace::JobTrace;
use crate::supervisor::start::Template;
use crate::worker::remake::Remaker;

/// The pool's settings for jobs, the same for all its handles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubmitPolicy {
    pub(crate) codec: Codec,
    pub(crate) when_full: WhenFull,
    pub(crate) retry: u32,
}

impl SubmitPolicy {
    /// The job as it waits.
    #[track_caller]
    pub(crate) fn encode<J: PortableJob>(self, options: &JobOptions, job: &J) -> Result<EncodedJob, JobError> {
        let body = self
            .codec
            .encode_job(&job.wire(&Remaker), job.size_hint())
            .map_err(|cause| Step::EncodeJob.error::<J>(cause))?;
        Ok(self.with_options(options, EncodedJob::new(JobType::of_job(job), body)))
    }

    fn with_options(self, options: &JobOptions, job: EncodedJob) -> EncodedJob {
        EncodedJob {
            label: options.values().label.clone(),
            priority: options.values().priority,
            timeout: options.values().timeout,
            retries: options.values().retry.unwrap_or(self.retry),
            ..job
        }
    }
}

type JobCell<J> = Arc<Cell<EncodedJob, EncodedResult, <J as executor_core::Job>::Output>>;
type Submitted<J> = Result<Future<<J as executor_core::Job>::Output>, Rejected<J>>;

/// Submits to one queue, with the options of a handle.
#[derive(Clone)]
pub(crate) struct Submitter {
    pub(crate) scheduler: Scheduler<ProcessRunner>,
    pub(crate) policy: SubmitPolicy,
    pub(crate) options: JobOptions,
    pub(crate) pids: Arc<Pids>,
    /// The process that workers are forked from, if they are.
    pub(crate) template: Option<Arc<Template>>,
    pub(crate) wrappers: Option<Arc<Wrappers>>,
    /// The name of the pool, if it traces jobs.
    #[cfg(feature = "tracing")]
    pub(crate) traced: Option<Arc<str>>,
}

impl Submitter {
    /// A future that ends when the pool is shut down and its last process has ended.
    pub(crate) fn closed(&self) -> Future<()> {
        let closed = self.scheduler.closed();
        match &self.template {
            Some(template) => {
                let template = Arc::clone(template);
                closed.map_ok(move |()| template.end(true, None))
            }
            None => closed,
        }
    }

    /// The pool was shut down: the process that workers are forked from ends with the last worker. With `waits`, blocks until that has ended
    /// if there is no worker left, and kills it at `deadline`.
    pub(crate) fn end_template(&self, waits: bool, deadline: Option<Instant>) {
        let Some(template) = &self.template else { return };
        let closed = self.scheduler.closed();
        if waits && closed.is_done() {
            return template.end(true, deadline);
        }
        let template = Arc::clone(template);
        closed.on_done(move |_| template.end(false, None));
    }

    /// Encodes the job, and queues it. One that cannot be encoded ends as an error.
    #[track_caller]
    pub(crate) fn submit<J: PortableJob>(&self, way: Way, job: J) -> Submitted<J> {
        // A look before the work of encoding; the push looks again.
        if let Some(reason) = self.scheduler.refusal() {
            let refused = self.refused(reason, &job);
            return Err(Rejected::with_error(job, refused));
        }
        let way = way.delayed(self.options.values().delay);
        let made = match self.make(self.scheduler.queue_id(way), job) {
            Ok(made) => made,
            Err(error) => return Ok(Future::failed(error)),
        };
        match self.push(way, made.cell.clone()) {
            Ok(()) => Ok(made.accepted(way.delay())),
            Err((_, reason)) => Err(made.refused(reason)),
        }
    }

    /// Hands over what was encoded already, as `submit` does.
    pub(crate) fn submit_encoded<T: Send + 'static>(
        &self,
        job: EncodedJob,
        open: fn(EncodedResult) -> Result<T, JobError>,
    ) -> Future<T> {
        let way = Way::Now.delayed(self.options.values().delay);
        let captured = match self.capture(job.job_type) {
            Ok(captured) => captured,
            Err(error) => return Future::failed(error),
        };
        let job = self.with_trace(EncodedJob { captured, ..job });
        let mut job = self.policy.with_options(&self.options, job);
        let timer = self.limit_wait(&mut job);
        let cell = Arc::new(Cell::queued(job, open).named().at(self.scheduler.queue_id(way)));
        if let Err((cell, reason)) = self.push(way, cell.clone()) {
            return Future::failed(JobError::Rejected(cell.refused(reason)));
        }
        let future = Future::of(cell);
        if let Some(timer) = timer {
            timer.set(future.control(), way.delay());
        }
        future
    }

    /// Lets a run of a periodic job wait until it is `due`, if `is_next` says so; a shutdown does not wait for it. `ended` is told of its end.
    pub(crate) fn submit_run<J: PortableJob>(
        &self,
        mut run: EncodedJob,
        due: Instant,
        is_next: impl FnOnce(Canceller) -> bool,
        ended: impl FnOnce(Result<J::Output, JobError>) + Send + 'static,
    ) {
        let timer = self.limit_wait(&mut run);
        let cell = cell::<J>(run, self.scheduler.delay());
        let future = Future::of(cell.clone());
        // First, so that a cancel finds it. One that comes in between leaves an empty cell to be pushed.
        if !is_next(future.canceller()) {
            return drop_catching(ended);
        }
        let control = future.control();
        future.on_done(ended);
        if let Err((cell, reason)) = self.scheduler.push_until_shutdown(due, self.options.values().priority, cell) {
            drop(Waiting::fail(cell, JobError::rejected(reason)));
        }
        if let Some(timer) = timer {
            timer.set(control, due.saturating_duration_since(Instant::now()));
        }
    }

    /// Gives each worker a copy of the job, or says why not.
    #[track_caller]
    pub(crate) fn broadcast<J: PortableJob>(&self, job: J) -> Vec<Future<J::Output>> {
        // Once, and before the scheduler's lock is taken: the copies are made under that.
        let encoded = self.encode(&job);
        drop_catching(job);
        let encoded = match encoded {
            Ok(encoded) => encoded,
            Err(error) => return vec![Future::failed(error)],
        };
        let (mut futures, mut timers) = (Vec::new(), Vec::new());
        let told = self.scheduler.broadcast(|| -> Queued {
            let mut encoded = encoded.again();
            let timer = self.limit_wait(&mut encoded);
            let cell = cell::<J>(encoded, self.scheduler.delay());
            let future = Future::of(cell.clone());
            timers.extend(timer.map(|timer| (timer, future.control())));
            futures.push(future);
            cell
        });
        for (timer, control) in timers {
            timer.set(control, Duration::ZERO);
        }
        match told {
            Ok(()) => futures,
            Err(reason) => {
                let refused = Refused::new(reason, Some(encoded.job_name()));
                vec![Future::failed(JobError::Rejected(refused))]
            }
        }
    }

    #[track_caller]
    pub(crate) fn encode<J: PortableJob>(&self, job: &J) -> Result<EncodedJob, JobError> {
        let captured = self.capture(JobType::of::<J>())?;
        Ok(self.with_trace(EncodedJob { captured, ..self.policy.encode(&self.options, job)? }))
    }

    /// The job, with the span in which it is submitted now, if the pool traces jobs.
    #[cfg(feature = "tracing")]
    fn with_trace(&self, mut job: EncodedJob) -> EncodedJob {
        job.trace = self.submission().map(JobTrace::new);
        job
    }

    #[cfg(not(feature = "tracing"))]
    #[expect(clippy::unused_self, reason = "there is nothing to trace")]
    fn with_trace(&self, job: EncodedJob) -> EncodedJob {
        job
    }

    /// The span in which a job is submitted now, if the pool traces jobs. `None` if the subscriber panics.
    #[cfg(feature = "tracing")]
    pub(crate) fn submission(&self) -> Option<Arc<Submission>> {
        let executor = self.traced.clone()?;
        catch(|| Arc::new(Submission::here(executor))).ok()
    }

    /// Captures the values of a job that is submitted now, if the pool wraps its jobs. A pool that is shut down refuses the job without
    /// them.
    ///
    /// # Errors
    ///
    /// The outcome of the job, if a value cannot be captured.
    pub(crate) fn capture(&self, job_type: JobType) -> Result<Option<Arc<Vec<Captured>>>, JobError> {
        let Some(wrappers) = &self.wrappers else { return Ok(None) };
        if self.scheduler.refusal().is_some() {
            return Ok(None);
        }
        let name = self.options.values().label.as_ref().and_then(|label| label.name.clone());
        wrappers.capture(self.policy.codec, job_type, name).map(Some)
    }

    /// The error of a `J` that is refused before it is encoded.
    fn refused<J: PortableJob>(&self, reason: Rejection, job: &J) -> Refused {
        let name = JobName::given(self.options.values().label.as_ref());
        Refused::new(reason, Some(name.unwrap_or_else(|| J::job_name(Some(job)))))
    }

    /// Encodes the job, for the queue `queue_id`.
    #[track_caller]
    fn make<J: PortableJob>(&self, queue_id: QueueId, job: J) -> Result<PreparedJob<J, J::Output>, JobError> {
        let mut encoded = match self.encode(&job) {
            Ok(encoded) => encoded,
            Err(error) => {
                drop_catching(job);
                return Err(error);
            }
        };
        let timer = self.limit_wait(&mut encoded);
        Ok(PreparedJob { cell: cell::<J>(encoded, queue_id), job, timer })
    }

    /// Limits the time that the job may wait, if the options do. The timer event is to be set when it is accepted.
    fn limit_wait(&self, job: &mut EncodedJob) -> Option<StartTimer<ProcessRunner>> {
        let limit = self.options.values().start_by?;
        let error = JobError::TimedOut(TimedOut::not_started(job.name(), limit));
        let (waits, timer) = StartLimit::new(self.scheduler.clone(), limit, error);
        job.start_guard = Some(Box::new(waits));
        Some(timer)
    }

    fn push(&self, way: Way, cell: Queued) -> Pushed<Queued> {
        self.scheduler.push_by(way, self.policy.when_full, self.options.values().priority, cell)
    }
}

/// The cell of an encoded `J`, for the queue `queue_id`.
pub(crate) fn cell<J: PortableJob>(job: EncodedJob, queue_id: QueueId) -> JobCell<J> {
    Arc::new(Cell::queued(job, open::<J>).named().at(queue_id))
}

/// Turns a refusal into a failed future.
pub(crate) fn future_of<J: PortableJob>(submitted: Submitted<J>) -> Future<J::Output> {
    submitted.unwrap_or_else(|rejected| {
        let error = JobError::Rejected(rejected.error().clone());
        drop_catching(rejected);
        Future::failed(error)
    })
}

/// Decodes a result, on the thread that takes it.
pub(crate) fn open<J: PortableJob>(returned: EncodedResult) -> Result<J::Output, JobError> {
    let EncodedResult { codec, payload, .. } = returned;
    codec.decode_result(payload).map_err(|cause| Step::DecodeResult.error::<J>(cause))
}

/// An encoded job, and the job itself, which comes back if it is refused.
struct PreparedJob<J, T> {
    cell: Arc<Cell<EncodedJob, EncodedResult, T>>,
    job: J,
    timer: Option<StartTimer<ProcessRunner>>,
}

impl<J, T: Send + 'static> PreparedJob<J, T> {
    fn accepted(self, delay: Duration) -> Future<T> {
        // Its copy in the worker is the one that runs.
        drop_catching(self.job);
        let future = Future::of(self.cell);
        if let Some(timer) = self.timer {
            timer.set(future.control(), delay);
        }
        future
    }

    fn refused(self, reason: Rejection) -> Rejected<J> {
        let error = self.cell.refused(reason);
        // No other thread has seen the cell: the encoded job is dropped.
        drop(self.cell.claim(None));
        Rejected::with_error(self.job, error)
    }
}

/// A submission that waits for room in a bounded queue; made by [`submit_async`](crate::ProcessHandle::submit_async).
///
/// Awaiting it yields the [`Future`] of the job `J`, whose result is a `T`. The job is submitted when this is polled,
/// and never if this is dropped before. A free place in the queue is offered to one waiting submission at a time, so
/// poll or drop it promptly.
#[must_use = "the job is submitted when this is polled"]
// A parameter of its own, for `J::Output` among the fields would keep the compiler from seeing that tasks with this in them are `Send`.
pub struct SubmitPortable<J, T>(State<J, T>);

enum State<J, T> {
    Waits(PushFuture<ProcessRunner>, Box<PreparedJob<J, T>>),
    Ended(Result<Future<T>, Rejected<J>>),
    /// The options say that the job waits for its time, which needs no slot.
    Delayed(Box<Submitter>, Duration, J),
    Told,
}

impl<J: PortableJob<Output = T>, T: Send + 'static> SubmitPortable<J, T> {
    #[track_caller]
    pub(crate) fn new(submitter: &Submitter, job: J) -> Self {
        if let Some(delay) = submitter.options.values().delay {
            return Self(State::Delayed(Box::new(submitter.clone()), delay, job));
        }
        let (scheduler, priority) = (submitter.scheduler.clone(), submitter.options.values().priority);
        Self(match submitter.make(scheduler.queue(), job) {
            Ok(made) => State::Waits(PushFuture::new(scheduler, priority, made.cell.clone()), Box::new(made)),
            Err(error) => State::Ended(Ok(Future::failed(error))),
        })
    }
}

/// The job is never pinned.
impl<J, T> Unpin for SubmitPortable<J, T> {}

impl<J: PortableJob<Output = T>, T: Send + 'static> std::future::Future for SubmitPortable<J, T> {
    /// The job's future; or the job, if the pool was shut down before there was room.
    type Output = Submitted<J>;

    /// # Panics
    ///
    /// If it is polled again after it returned `Ready`.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Submitted<J>> {
        let pushed = match &mut self.0 {
            State::Waits(push, _) => match Pin::new(push).poll(context) {
                Poll::Ready(pushed) => pushed,
                Poll::Pending => return Poll::Pending,
            },
            State::Delayed(..) | State::Ended(_) | State::Told => Ok(()),
        };
        Poll::Ready(match std::mem::replace(&mut self.0, State::Told) {
            State::Waits(_, made) => match pushed {
                Ok(()) => Ok(made.accepted(Duration::ZERO)),
                Err(reason) => Err(made.refused(reason)),
            },
            State::Ended(submitted) => submitted,
            State::Delayed(submitter, delay, job) => submitter.submit(Way::After(delay), job),
            State::Told => panic!("what was submitted is not polled again"),
        })
    }
}

impl<J, T> fmt::Debug for SubmitPortable<J, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_submitted = !matches!(self.0, State::Waits(..) | State::Delayed(..));
        f.debug_struct("SubmitPortable").field("is_submitted", &is_submitted).finish_non_exhaustive()
    }
}
