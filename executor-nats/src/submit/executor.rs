//! The executor and its handles.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use executor_core::cell::{Cell, Steer, Task};
use executor_core::{
    Executor, Future, JobError, JobName, JobOptions, JobPath, PortableJob, Refused, Rejected, Rejection, Shutdown,
    WhenFull,
};
use executor_process::Codec;
use executor_process::remote::{RemoteJob, RemoteResult};

use super::engine::{Command, NewJob, Stored};
use super::job::{Payload, Progress, Stage};
use super::shared::{Entry, Shared};
use crate::protocol::message::{Body, JobMessage, encode};
use crate::protocol::names::JobKey;

/// Submits jobs to the hosts that [`serve`](crate::serve()) a namespace. Dropping it shuts it down, and waits for its jobs.
///
/// It derefs to its [`NatsHandle`], which has most methods.
pub struct NatsExecutor(NatsHandle);

/// A handle of a [`NatsExecutor`]: an executor, too, and does not keep it alive.
#[derive(Clone)]
pub struct NatsHandle {
    pub(crate) shared: Arc<Shared>,
    codec: Codec,
    retry: u32,
    when_full: WhenFull,
    is_bounded: bool,
    submitter: Arc<str>,
    options: JobOptions,
}

impl NatsHandle {
    pub(crate) fn new(
        shared: Arc<Shared>,
        codec: Codec,
        retry: u32,
        when_full: WhenFull,
        is_bounded: bool,
        submitter: String,
    ) -> Self {
        Self { shared, codec, retry, when_full, is_bounded, submitter: submitter.into(), options: JobOptions::new() }
    }

    /// Submits a job, and returns the future of its outcome. Blocks while the namespace's capacity is reached, or too many jobs are on
    /// their way to the server.
    pub fn submit<J: PortableJob>(&self, job: J) -> Future<J::Output> {
        let delay = self.options.values().delay.unwrap_or_default();
        self.submit_after(delay, job)
    }

    /// Submits a job once `delay` is over. Until then it is kept in this process, and is lost with that.
    pub fn submit_after<J: PortableJob>(&self, delay: Duration, job: J) -> Future<J::Output> {
        let waits = self.is_bounded && delay.is_zero();
        match self.hand_over(&job, delay, self.when_full, waits) {
            Ok(future) => future,
            Err(reason) => Future::failed(JobError::Rejected(self.refused::<J>(reason))),
        }
    }

    /// Submits a job, unless the executor is shut down or the namespace's capacity is reached. Blocks until the server has answered.
    ///
    /// # Errors
    ///
    /// [`Rejected`], with the job.
    pub fn try_submit<J: PortableJob>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        let delay = self.options.values().delay.unwrap_or_default();
        match self.hand_over(&job, delay, WhenFull::Reject, self.is_bounded && delay.is_zero()) {
            Ok(future) => Ok(future),
            Err(reason) => {
                let error = self.refused::<J>(reason);
                Err(Rejected::with_error(job, error))
            }
        }
    }

    /// Returns a handle whose jobs have these options.
    pub fn with(&self, options: JobOptions) -> Self {
        Self { options, ..self.clone() }
    }

    fn refused<J: PortableJob>(&self, reason: Rejection) -> Refused {
        let name = JobName::new(self.options.values().label.as_ref(), JobPath::by(J::type_name));
        Refused::new(reason, Some(name))
    }

    fn hand_over<J: PortableJob>(
        &self,
        job: &J,
        delay: Duration,
        when_full: WhenFull,
        waits: bool,
    ) -> Result<Future<J::Output>, Rejection> {
        if self.shared.is_closed() {
            return Err(Rejection::Shutdown);
        }
        let values = self.options.values();
        let remote = match RemoteJob::new(self.codec, job) {
            Ok(remote) => remote,
            Err(error) => return Ok(Future::failed(error)),
        };
        let payload = Payload { path: JobPath::by(J::type_name), label: values.label.clone() };
        let cell = Cell::<_, RemoteResult, J::Output>::queued(payload, RemoteResult::open::<J>);
        let cell = Arc::new(cell.named().at(self.shared.queue_id()));
        let progress = Progress::at(if delay.is_zero() { Stage::Queued } else { Stage::Delayed });
        drop(cell.dispatch(progress.clone()));
        let label = values.label.as_deref();
        let mut message = JobMessage {
            key: JobKey { submitter: self.submitter.to_string(), number: 0 },
            id: executor_core::cell::Control::id(&*cell).get(),
            name: label.and_then(|label| label.name.as_deref().map(str::to_owned)),
            tag: label.and_then(|label| label.tag.as_deref().map(str::to_owned)),
            timeout: values.timeout,
            retries: values.retry.unwrap_or(self.retry),
            body: Body::Inline(remote.to_bytes()),
        };
        let (reply, stored) = if waits {
            let (reply, stored) = oneshot::channel();
            (Some(reply), Some(stored))
        } else {
            (None, None)
        };
        let entry = self.shared.enter(!delay.is_zero(), |number| {
            message.key.number = number;
            Command::Submit(Box::new(NewJob {
                number,
                task: cell.clone(),
                progress: progress.clone(),
                priority: values.priority,
                message: encode(&message),
                delay,
                when_full,
                reply,
            }))
        });
        let Entry::Number(number) = entry else { return Err(Rejection::Shutdown) };
        if let Some(stored) = stored {
            // An error means that the job has ended before it was stored: its future tells how.
            if let Ok(Stored::Full) = stored.recv() {
                return Err(Rejection::Full);
            }
        }
        Ok(Future::steered(cell, Arc::new(Steering { shared: self.shared.clone(), number })))
    }
}

/// Asks the engine, and so the ledger.
struct Steering {
    shared: Arc<Shared>,
    number: u64,
}

impl Steering {
    fn ask(&self, command: impl FnOnce(u64, oneshot::Sender<bool>) -> Command) -> bool {
        let (reply, answered) = oneshot::channel();
        // An error means that the engine has ended, and each job with it.
        self.shared.send(command(self.number, reply)) && answered.recv().unwrap_or(false)
    }
}

impl Steer for Steering {
    fn cancel(&self) {
        self.ask(|number, reply| Command::Stop { number, aborts: false, reply });
    }

    fn abort(&self) -> bool {
        self.ask(|number, reply| Command::Stop { number, aborts: true, reply })
    }

    fn refresh(&self) {
        self.ask(|number, reply| Command::Refresh { number, reply });
    }
}

impl Shutdown for NatsHandle {
    fn shutdown(&self, wait: bool) {
        self.shared.close();
        if wait {
            self.shared.wait_gone(None);
        }
    }
}

impl<J: PortableJob> Executor<J> for NatsHandle {
    fn submit(&self, job: J) -> Future<J::Output> {
        NatsHandle::submit(self, job)
    }

    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        NatsHandle::try_submit(self, job)
    }
}

impl NatsExecutor {
    pub(crate) fn of(handle: NatsHandle) -> Self {
        Self(handle)
    }

    /// Returns a handle.
    pub fn handle(&self) -> NatsHandle {
        self.0.clone()
    }
}

impl Deref for NatsExecutor {
    type Target = NatsHandle;

    fn deref(&self) -> &NatsHandle {
        &self.0
    }
}

impl Shutdown for NatsExecutor {
    fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait);
    }
}

impl<J: PortableJob> Executor<J> for NatsExecutor {
    fn submit(&self, job: J) -> Future<J::Output> {
        self.0.submit(job)
    }

    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.0.try_submit(job)
    }
}

impl Drop for NatsExecutor {
    fn drop(&mut self) {
        self.shutdown(true);
    }
}

impl fmt::Debug for NatsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsHandle").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for NatsExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsExecutor").field("name", &self.shared.name).finish_non_exhaustive()
    }
}
