//! Jobs whose host is gone.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_nats::connection::State as ConnectionState;
use bytes::Bytes;
use executor_core::{Broken, Crashed, Exit, JobError};
use executor_process::remote::{RemoteJob, RemoteOutcome};
use futures_lite::StreamExt;
use futures_lite::future::poll_once;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::batch::{BatchState, Changed};
use super::ledger::{Put, Unreachable};
use super::message::{Body, HostId, JobMessage, State};
use super::names::JobKey;
use super::streams::Streams;

/// A host that connects again after a server's restart has the time to answer.
pub(crate) const SILENCE: Duration = Duration::from_secs(3);

/// How long it is remembered that a host was silent.
const REMEMBERED: Duration = Duration::from_secs(1);

/// The job as errors name it: the path of its function or type, and the name that it was given.
#[derive(Default)]
pub(crate) struct LostJob {
    pub(crate) function: Option<String>,
    pub(crate) name: Option<String>,
}

impl Streams {
    /// From the message of the job.
    pub(crate) async fn named(&self, job: JobMessage) -> LostJob {
        let job_bytes = self.load(job.body).await;
        let function = job_bytes.and_then(|bytes| Some(RemoteJob::from_bytes(&bytes).ok()?.name().to_owned()));
        LostJob { function, name: job.name }
    }
}

/// When each host was found to be lost, if that was so.
#[derive(Default)]
pub(crate) struct Inquiries(RefCell<HashMap<String, Rc<Mutex<Option<Instant>>>>>);

impl Inquiries {
    fn of(&self, host: &str) -> Rc<Mutex<Option<Instant>>> {
        let mut inquiries = self.0.borrow_mut();
        let is_needed = |found: &Option<Instant>| found.is_some_and(|at| at.elapsed() < REMEMBERED);
        inquiries
            .retain(|_, inquiry| Rc::strong_count(inquiry) > 1 || inquiry.try_lock().is_ok_and(|at| is_needed(&at)));
        inquiries.entry(host.to_owned()).or_default().clone()
    }
}

impl Streams {
    /// Asks a host whether it is there, for as long as the lease, and at least for [`SILENCE`]. Returns true if the host was silent while this connection worked.
    ///
    /// The server may give a job to a second host although the first one runs it: the server was down for longer than the lease, its
    /// clock was set, or it has the job twice.
    pub(crate) async fn is_lost(&self, host: &str, key: &JobKey) -> bool {
        let inquiry = self.inquiries.of(host);
        // The other jobs of the host wait for the same answer.
        let mut found_lost = inquiry.lock().await;
        if found_lost.is_some_and(|at| at.elapsed() < REMEMBERED) {
            return true;
        }
        let is_lost = self.is_silent(host, key).await;
        *found_lost = is_lost.then(Instant::now);
        is_lost
    }

    async fn is_silent(&self, host: &str, key: &JobKey) -> bool {
        let client = self.context.client();
        let connects = || client.statistics().connects.load(Ordering::Relaxed);
        let before = connects();
        let Ok(mut presences) = client.subscribe(self.names.host(host)).await else { return false };
        drop(client.publish(self.names.who(), Bytes::new()).await);
        if timeout(self.settings.lease.max(SILENCE), presences.next()).await.is_ok() {
            return false;
        }
        // After a partition, presences come before this answer.
        let has_answer = self.look(key).await.is_ok();
        let is_same = before == connects() && client.connection_state() == ConnectionState::Connected;
        has_answer && is_same && poll_once(presences.next()).await.is_none()
    }

    /// Writes that the host of a job was lost, after the record of its start.
    pub(crate) async fn put_loss(
        &self,
        key: &JobKey,
        revision: u64,
        host: &HostId,
        job: LostJob,
    ) -> Result<Put, Unreachable> {
        self.put_error(key, revision, self.loss(key, host, job), &host.machine).await
    }

    fn loss(&self, key: &JobKey, host: &HostId, job: LostJob) -> JobError {
        let function = job.function.unwrap_or_else(|| key.to_string());
        let silence = format!("the host was silent for longer than the lease of {:?}", self.settings.lease);
        let crashed =
            Crashed::new(function, host.pid, Exit::Lost, Duration::ZERO).with_name(job.name).with_cause(Some(silence));
        JobError::Crashed(crashed)
    }

    /// Writes that the host of jobs of a batch was lost.
    pub(crate) async fn put_batch_loss(
        &self,
        key: &JobKey,
        known: (u64, BatchState),
        host: &HostId,
        named: impl Fn(u8) -> LostJob,
    ) -> Result<Option<Changed>, Unreachable> {
        let lose = |state: &mut BatchState| {
            let lost = state.at(host).places().map(|place| {
                let error = self.loss(key, host, named(place));
                (place, Body::Inline(RemoteOutcome::new(Err(error), &host.machine).to_bytes()))
            });
            let lost: Vec<_> = lost.collect();
            state.end(host, &lost)
        };
        self.change_batch(key, known, lose).await
    }

    /// Writes that nothing is known of a job any more.
    pub(crate) async fn put_broken(&self, key: &JobKey, revision: u64, reason: &str) -> Result<Put, Unreachable> {
        self.put_error(key, revision, JobError::Broken(Broken::new(reason)), "").await
    }

    async fn put_error(&self, key: &JobKey, after: u64, error: JobError, host: &str) -> Result<Put, Unreachable> {
        let bytes = RemoteOutcome::new(Err(error), host).to_bytes();
        let body = self.store(key, "lost", bytes).await?;
        self.put(key, after, State::Ended { body }, None).await
    }
}

/// The reason of a job's end whose record was overwritten.
pub(crate) const DAMAGED_RECORD: &str = "its record on the server was overwritten with a message that is not of this crate; check the \
                                         permissions of the subjects";
