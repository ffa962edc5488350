//! How a portable job comes into the queue: encoded, so that what waits is bytes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use executor_core::cell::{Cell, Task};
use executor_core::home::HomeId;
use executor_core::panics::drop_quietly;
use executor_core::{Future, JobError, JobOptions, PortableJob, Rejected, Rejection, TimedOut};
use executor_thread::WhenFull;
use executor_thread::scheduler::{Fill, Handle, Line, Push, Pushed, StartAlarm, StartLimit, time_after};

use crate::codec::{Codec, Step};
use crate::job::{Encoded, Queued, Returned};
use crate::kind::Kind;
use crate::runner::InProcess;
use crate::worker::remake::Remaker;

/// What the pool was told to do with jobs, whichever handle they come by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) codec: Codec,
    pub(crate) when_full: WhenFull,
    pub(crate) retry: u32,
}

type JobCell<J> = Arc<Cell<Encoded, Returned, <J as executor_core::Job>::Output>>;
type Submitted<J> = Result<Future<<J as executor_core::Job>::Output>, Rejected<J>>;

impl Rules {
    /// Hands a job over, as its options and [`WhenFull`] say.
    pub(crate) fn submit<J: PortableJob>(
        self,
        scheduler: &impl Push<InProcess>,
        options: &JobOptions,
        job: J,
    ) -> Future<J::Output> {
        let submitted = match options.get_delay() {
            Some(delay) => self.submit_after(scheduler, options, delay, job),
            None => {
                self.push(scheduler, options, job, |cell| self.when_full.push(scheduler, options.get_priority(), cell))
            }
        };
        future_of(submitted)
    }

    /// Hands a job over if that needs no waiting.
    pub(crate) fn try_submit<J: PortableJob>(
        self,
        scheduler: &impl Push<InProcess>,
        options: &JobOptions,
        job: J,
    ) -> Submitted<J> {
        match options.get_delay() {
            Some(delay) => self.submit_after(scheduler, options, delay, job),
            None => self
                .push(scheduler, options, job, |cell| self.when_full.try_push(scheduler, options.get_priority(), cell)),
        }
    }

    /// Hands a job over that is queued once `delay` is over, full or not.
    pub(crate) fn submit_after<J: PortableJob>(
        self,
        scheduler: &impl Push<InProcess>,
        options: &JobOptions,
        delay: Duration,
        job: J,
    ) -> Submitted<J> {
        self.made(scheduler, scheduler.delay(), options, job, |made| {
            made.push(delay, |cell| scheduler.push_at(time_after(delay), options.get_priority(), cell))
        })
    }

    /// Hands a job over by `push`.
    pub(crate) fn push<J: PortableJob>(
        self,
        scheduler: &impl Push<InProcess>,
        options: &JobOptions,
        job: J,
        push: impl FnOnce(Queued) -> Pushed<Queued>,
    ) -> Submitted<J> {
        self.made(scheduler, scheduler.queue(), options, job, |made| made.push(Duration::ZERO, push))
    }

    /// What `hand_over` makes of the encoded job. One that cannot be encoded ends here.
    fn made<J: PortableJob>(
        self,
        scheduler: &impl Push<InProcess>,
        home: HomeId,
        options: &JobOptions,
        job: J,
        hand_over: impl FnOnce(Made<J>) -> Submitted<J>,
    ) -> Submitted<J> {
        // A look before the work of encoding; the push looks again.
        if let Some(reason) = scheduler.refusal() {
            return Err(Rejected::new(job, reason));
        }
        match self.make(scheduler, home, options, job) {
            Ok(made) => hand_over(made),
            Err(error) => Ok(Future::failed(error)),
        }
    }

    /// Encodes the job, for the queue of `home`.
    fn make<J: PortableJob>(
        self,
        scheduler: &impl Push<InProcess>,
        home: HomeId,
        options: &JobOptions,
        job: J,
    ) -> Result<Made<J>, JobError> {
        let mut encoded = match self.encode(options, &job) {
            Ok(encoded) => encoded,
            Err(error) => {
                drop_quietly(job);
                return Err(error);
            }
        };
        let alarm = limit_wait(scheduler, options, &mut encoded);
        Ok(Made { cell: cell::<J>(encoded, home), job, alarm })
    }

    /// The job as it waits.
    pub(crate) fn encode<J: PortableJob>(self, options: &JobOptions, job: &J) -> Result<Encoded, JobError> {
        let body = self.codec.encode(&job.wire(&Remaker)).map_err(|cause| Step::EncodeJob.error::<J>(cause))?;
        Ok(self.described(options, Encoded::new(Kind::of::<J>(), body)))
    }

    fn described(self, options: &JobOptions, job: Encoded) -> Encoded {
        Encoded {
            label: options.label().cloned(),
            priority: options.get_priority(),
            timeout: options.get_timeout(),
            retries: options.get_retry().unwrap_or(self.retry),
            ..job
        }
    }

    /// Hands over what was encoded already, as `submit` does.
    pub(crate) fn submit_encoded<T: Send + 'static>(
        self,
        scheduler: &impl Push<InProcess>,
        options: &JobOptions,
        job: Encoded,
        open: fn(Returned) -> Result<T, JobError>,
    ) -> Future<T> {
        let mut job = self.described(options, job);
        let alarm = limit_wait(scheduler, options, &mut job);
        let (priority, delay) = (options.get_priority(), options.get_delay());
        let home = if delay.is_some() { scheduler.delay() } else { scheduler.queue() };
        let cell = Arc::new(Cell::queued(job, open).at(home));
        let pushed = match delay {
            Some(delay) => scheduler.push_at(time_after(delay), priority, cell.clone()),
            None => self.when_full.push(scheduler, priority, cell.clone()),
        };
        if let Err((_, reason)) = pushed {
            return Future::failed(JobError::Rejected(reason));
        }
        let future = Future::of(cell);
        if let Some((alarm, error)) = alarm {
            alarm.set(future.control(), delay.unwrap_or_default(), error);
        }
        future
    }
}

/// Limits the time that the job may wait, if its options do. The alarm is to be set when it is accepted.
fn limit_wait(
    scheduler: &impl Push<InProcess>,
    options: &JobOptions,
    job: &mut Encoded,
) -> Option<(StartAlarm<InProcess>, JobError)> {
    let limit = options.get_start_by()?;
    let (waits, alarm) = StartLimit::new(scheduler.handle(), limit);
    job.waits = Some(Box::new(waits));
    Some((alarm, JobError::TimedOut(TimedOut::new(job.name(), limit))))
}

/// The cell of an encoded `J`, for the queue of `home`.
pub(crate) fn cell<J: PortableJob>(job: Encoded, home: HomeId) -> JobCell<J> {
    Arc::new(Cell::queued(job, open::<J>).at(home))
}

/// What a submit returns that tells of a refusal by the future.
pub(crate) fn future_of<J: PortableJob>(submitted: Submitted<J>) -> Future<J::Output> {
    submitted.unwrap_or_else(|rejected| {
        let reason = rejected.reason();
        drop_quietly(rejected);
        Future::failed(JobError::Rejected(reason))
    })
}

/// Decodes a result, on the thread of whoever takes it.
pub(crate) fn open<J: PortableJob>(returned: Returned) -> Result<J::Output, JobError> {
    let Returned { codec, payload, .. } = returned;
    codec.decode_result(&payload).map_err(|cause| Step::DecodeResult.error::<J>(cause))
}

/// An encoded job, and the job itself, which comes back if it is refused.
struct Made<J: PortableJob> {
    cell: JobCell<J>,
    job: J,
    alarm: Option<(StartAlarm<InProcess>, JobError)>,
}

impl<J: PortableJob> Made<J> {
    /// Hands it over by `push`, to be queued after `delay`.
    fn push(self, delay: Duration, push: impl FnOnce(Queued) -> Pushed<Queued>) -> Submitted<J> {
        match push(self.cell.clone()) {
            Ok(()) => Ok(self.accepted(delay)),
            Err((_, reason)) => Err(self.refused(reason)),
        }
    }

    fn accepted(self, delay: Duration) -> Future<J::Output> {
        // Its copy in the worker is the one that runs.
        drop_quietly(self.job);
        let future = Future::of(self.cell);
        if let Some((alarm, error)) = self.alarm {
            alarm.set(future.control(), delay, error);
        }
        future
    }

    fn refused(self, reason: Rejection) -> Rejected<J> {
        // Nobody else has seen it: what is left of it goes.
        drop(self.cell.claim(None));
        Rejected::new(self.job, reason)
    }
}

/// A portable job that waits for a place in the queue, without a thread that waits. Made by
/// [`submit_async`](crate::ProcessPool::submit_async).
///
/// It is a std future of the [`Future`] of the job. Nothing is submitted before it is polled, or after it is dropped. A free place
/// is offered to one of those that wait: poll this, or drop it.
#[must_use = "the job is submitted when this is polled"]
pub struct SubmitPortable<J: PortableJob>(State<J>);

enum State<J: PortableJob> {
    Waits(Line<InProcess>, Box<Made<J>>),
    Ended(Submitted<J>),
    Told,
}

impl<J: PortableJob> SubmitPortable<J> {
    pub(crate) fn new(rules: Rules, scheduler: Handle<InProcess>, options: &JobOptions, job: J) -> Self {
        Self(match rules.make(&scheduler, scheduler.queue(), options, job) {
            Ok(made) => State::Waits(Line::new(scheduler, options.get_priority(), made.cell.clone()), Box::new(made)),
            Err(error) => State::Ended(Ok(Future::failed(error))),
        })
    }
}

/// The job is never pinned.
impl<J: PortableJob> Unpin for SubmitPortable<J> {}

impl<J: PortableJob> std::future::Future for SubmitPortable<J> {
    /// The job comes back when the pool was shut down before there was a place.
    type Output = Submitted<J>;

    /// # Panics
    ///
    /// When it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Submitted<J>> {
        let pushed = match &mut self.0 {
            State::Waits(line, _) => match Pin::new(line).poll(context) {
                Poll::Ready(pushed) => pushed,
                Poll::Pending => return Poll::Pending,
            },
            State::Ended(_) | State::Told => Ok(()),
        };
        Poll::Ready(match std::mem::replace(&mut self.0, State::Told) {
            State::Waits(_, made) => match pushed {
                Ok(()) => Ok(made.accepted(Duration::ZERO)),
                Err(reason) => Err(made.refused(reason)),
            },
            State::Ended(submitted) => submitted,
            State::Told => panic!("what was submitted is not polled again"),
        })
    }
}

impl<J: PortableJob> fmt::Debug for SubmitPortable<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_submitted = !matches!(self.0, State::Waits(..));
        f.debug_struct("SubmitPortable").field("is_submitted", &is_submitted).finish_non_exhaustive()
    }
}
