//! How a job comes to the engine: encoded, so that what waits is bytes.

use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::cell::{Cell, Control, Steer, Task};
use executor_core::{
    Future, JobError, JobName, JobOptions, JobPath, PortableJob, Refused, Rejection, WhenFull, promise,
};
use executor_process::Codec;
use executor_process::remote::{RemoteJob, RemoteResult};

use super::callbacks::Inside;
use super::engine::{Command, NewJob, Reply, Stopped, Stored};
use super::job::{Described, Progress, Stage};
use super::shared::Shared;
use crate::protocol::message::{Body, JobMessage, encode};
use crate::protocol::names::JobKey;

/// The executor's settings for jobs, the same for all its handles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) codec: Codec,
    pub(crate) retry: u32,
    pub(crate) when_full: WhenFull,
    /// Of the whole namespace.
    pub(crate) capacity: Option<usize>,
}

/// How to submit a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As the settings say, if the namespace is full.
    Now,
    /// Not if the namespace is full.
    Try,
    /// Waits for room, up to a time. `None` for no limit.
    Until(Option<Instant>),
    /// Once a delay is over. The caller does not wait.
    After(Duration),
    /// A task waits for room.
    Async,
    /// A run of a periodic job. The caller does not wait.
    Run,
}

/// Submits to one executor, with the options of a handle.
#[derive(Clone)]
pub(crate) struct Submitter {
    pub(crate) shared: Arc<Shared>,
    pub(crate) policy: Policy,
    /// Names this executor in the keys of its jobs.
    pub(crate) token: Arc<str>,
    pub(crate) options: JobOptions,
    /// Whether other programs can attach to the jobs.
    pub(crate) is_kept: bool,
}

/// A job that was not refused.
pub(crate) struct Accepted<T> {
    pub(crate) future: Future<T>,
    /// The number that the engine knows it by. `None` if it cannot be encoded, so that the engine does not have it.
    pub(crate) number: Option<u64>,
    /// If the task is to wait until the job is stored.
    pub(crate) stored: Option<Future<Stored>>,
}

/// The one who waits until a job is stored.
enum Waiter {
    Thread(oneshot::Receiver<Stored>),
    Task(Future<Stored>),
}

impl Submitter {
    pub(crate) fn refused<J: PortableJob>(&self, reason: Rejection, job: &J) -> Refused {
        let name = JobName::given(self.options.values().label.as_ref());
        Refused::new(reason, Some(name.unwrap_or_else(|| J::job_name(Some(job)))))
    }

    fn delayed(&self, way: Way) -> Way {
        match (way, self.options.values().delay) {
            (Way::Now | Way::Try | Way::Until(_) | Way::Async, Some(delay)) => Way::After(delay),
            _ => way,
        }
    }

    /// Encodes the job, and hands it over to the engine. A job that cannot be encoded ends as an error.
    #[track_caller]
    pub(crate) fn submit<J: PortableJob, T: Send + 'static>(
        &self,
        way: Way,
        job: &J,
        open: fn(RemoteResult) -> Result<T, JobError>,
    ) -> Result<Accepted<T>, Rejection> {
        self.submit_at(Location::caller(), way, job, open)
    }

    /// The same, of a job that was submitted at `place`.
    pub(crate) fn submit_at<J: PortableJob, T: Send + 'static>(
        &self,
        place: &'static Location<'static>,
        way: Way,
        job: &J,
        open: fn(RemoteResult) -> Result<T, JobError>,
    ) -> Result<Accepted<T>, Rejection> {
        if self.shared.is_closed() {
            return Err(Rejection::Shutdown);
        }
        let (way, values) = (self.delayed(way), self.options.values());
        let remote = match RemoteJob::new(self.policy.codec, job) {
            Ok(remote) => remote,
            Err(error) => return Ok(Accepted { future: Future::failed(error), number: None, stored: None }),
        };
        let path = JobPath::by(J::type_name);
        let described = Described { path, label: values.label.clone(), place };
        let cell = Cell::<_, RemoteResult, T>::queued(described.clone(), open);
        let cell = Arc::new(cell.named().at(self.shared.queue_id()));
        let delay = if let Way::After(delay) = way { delay } else { Duration::ZERO };
        let progress = Progress::at(if delay.is_zero() { Stage::Queued } else { Stage::Delayed });
        drop(cell.dispatch(progress.clone()));
        let mut message = self.message(Control::id(&*cell).get(), &remote);
        let (reply, waiter) = self.waiter(way).unzip();
        let (when_full, until) = self.room(way);
        let entry = self.shared.enter(!delay.is_zero(), blocks(way), |number| {
            message.key.number = number;
            Command::Submit(Box::new(NewJob {
                key: message.key.clone(),
                task: cell.clone(),
                progress,
                priority: values.priority,
                message: encode(&message),
                may_be_in_batch: message.retries == 0 && !self.is_kept,
                delay,
                start_limit: values.start_by,
                described,
                when_full,
                until,
                reply,
            }))
        });
        let Some(number) = entry else { return Err(Rejection::Shutdown) };
        let stored = match waiter {
            Some(Waiter::Thread(stored)) => match stored.recv() {
                Ok(Stored::Full) => return Err(Rejection::Full),
                // An error means that the job has ended before it was stored: its future tells how.
                Ok(Stored::Yes) | Err(_) => None,
            },
            Some(Waiter::Task(stored)) => Some(stored),
            None => None,
        };
        let steering = Steering { shared: self.shared.clone(), number };
        Ok(Accepted { future: Future::steered(cell, Arc::new(steering)), number: Some(number), stored })
    }

    fn message(&self, id: u64, job: &RemoteJob) -> JobMessage {
        let values = self.options.values();
        let label = values.label.as_deref();
        JobMessage {
            key: JobKey { submitter: self.token.to_string(), number: 0, is_kept: self.is_kept },
            id,
            name: label.and_then(|label| label.name.as_deref().map(str::to_owned)),
            tag: label.and_then(|label| label.tag.as_deref().map(str::to_owned)),
            timeout: values.timeout,
            retries: values.retry.unwrap_or(self.policy.retry),
            body: Body::Inline(job.to_bytes()),
        }
    }

    /// Whether the job waits if the namespace is full, and how long.
    fn room(&self, way: Way) -> (WhenFull, Option<Instant>) {
        match way {
            Way::Now | Way::Run => (self.policy.when_full, None),
            Way::Try => (WhenFull::Reject, None),
            Way::Until(until) => (WhenFull::Block, until),
            Way::After(_) | Way::Async => (WhenFull::Block, None),
        }
    }

    /// `None` if neither thread nor task waits until the job is stored.
    fn waiter(&self, way: Way) -> Option<(Reply, Waiter)> {
        let is_bounded = self.policy.capacity.is_some();
        match (way, self.shared.inside()) {
            // The answer would come from this thread.
            (_, Some(Inside::Engine)) | (Way::After(_) | Way::Run, _) => None,
            // In a callback, only the answer to a question is waited for: room may need other callbacks.
            (Way::Now | Way::Until(_), Some(Inside::Callback)) if self.policy.when_full == WhenFull::Block => None,
            (Way::Async, _) => (is_bounded || self.shared.is_behind()).then(|| {
                let (reply, stored) = promise();
                (Reply::Task(reply), Waiter::Task(stored))
            }),
            (Way::Now | Way::Try | Way::Until(_), _) => is_bounded.then(|| {
                let (reply, stored) = oneshot::channel();
                (Reply::Thread(reply), Waiter::Thread(stored))
            }),
        }
    }
}

/// Whether the calling thread may wait until fewer jobs are on their way to the server.
fn blocks(way: Way) -> bool {
    match way {
        Way::Now | Way::Try | Way::Until(_) => true,
        Way::After(_) | Way::Async | Way::Run => false,
    }
}

impl Submitter {
    /// Cancels the job, unless it has started. Does not wait for the answer.
    pub(crate) fn give_up(&self, number: u64) {
        self.shared.send(Command::Stop { number, aborts: false, reply: None });
    }
}

/// Opens the result of a `J`, on the thread that takes it.
pub(crate) fn open<J: PortableJob>(result: RemoteResult) -> Result<J::Output, JobError> {
    result.open::<J>()
}

/// Asks the engine, and so the ledger.
pub(super) struct Steering {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u64,
}

impl Steering {
    /// `None` without an answer.
    fn ask<A>(&self, command: impl FnOnce(Option<oneshot::Sender<A>>) -> Command) -> Option<A> {
        // On the engine's own thread, in a waker, the answer would not come.
        if self.shared.inside() == Some(Inside::Engine) {
            self.shared.send(command(None));
            return None;
        }
        let (reply, answer) = oneshot::channel();
        // An error means that the engine has ended, and each job with it.
        self.shared.send(command(Some(reply))).then(|| answer.recv().ok())?
    }
}

impl Steer for Steering {
    fn cancel(&self) {
        self.ask(|reply| Command::Stop { number: self.number, aborts: false, reply });
    }

    fn abort(&self) -> bool {
        self.ask(|reply| Command::Stop { number: self.number, aborts: true, reply }) == Some(Stopped::Aborted)
    }

    fn refresh(&self) {
        self.ask(|reply| Command::Refresh { number: self.number, reply });
    }
}
