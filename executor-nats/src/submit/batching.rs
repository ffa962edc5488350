//! Sends short jobs that wait together as batches.

use std::rc::Rc;
use std::time::Duration;

use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use executor_core::JobError;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;

use super::batch::Batch;
use super::engine::{Engine, Stored};
use super::job::{Job, Stage};
use super::publisher::{Outgoing, Refusal, store_at_last};
use crate::protocol::batch::MOST_JOBS;
use crate::protocol::message::{Body, JobMessage, Piece, encode};
use crate::protocol::names::JobKey;

/// The most work of a batch. About half of what a host claims ahead of a free worker.
const MOST_WORK: Duration = Duration::from_micros(500);

/// Of a job that runs for less than can be measured.
const LEAST_WORK: Duration = Duration::from_micros(1);

/// The longest message of a job that goes with others: a longer one gains little.
const LONGEST: usize = 4096;

/// The most bytes of a batch.
const MOST_BYTES: usize = 64 * 1024;

/// Jobs that wait to be sent.
pub(super) struct Waiting {
    jobs: UnboundedReceiver<Outgoing>,
    next: Option<Outgoing>,
}

impl Waiting {
    pub(super) fn new(jobs: UnboundedReceiver<Outgoing>) -> Self {
        Self { jobs, next: None }
    }

    pub(super) async fn recv(&mut self) -> Option<Outgoing> {
        match self.next.take() {
            None => self.jobs.recv().await,
            next => next,
        }
    }

    fn next_if(&mut self, accepts: impl FnOnce(&Job) -> bool) -> Option<Outgoing> {
        self.next = self.next.take().or_else(|| self.jobs.try_recv().ok());
        if accepts(&self.next.as_ref()?.job) { self.next.take() } else { None }
    }

    fn len(&self) -> usize {
        self.jobs.len() + usize::from(self.next.is_some())
    }
}

/// A batch on its way.
struct Sending {
    batch: Rc<Batch>,
    jobs: Vec<Outgoing>,
    message: Bytes,
}

impl Engine {
    /// The time that a job will probably run. `None` if it is to go alone.
    fn work(&self, job: &Job) -> Option<(Duration, usize)> {
        let time = self.times.get(job.described.path.as_str())?.max(LEAST_WORK);
        let length = job.message.borrow().as_ref()?.len();
        let is_short = 2 * time <= MOST_WORK && length <= LONGEST;
        (is_short && job.may_be_in_batch && job.progress.stage() == Stage::Queued).then_some((time, length))
    }

    /// The short jobs that wait behind this one, as long as the other workers have as many.
    pub(super) fn take_with(&self, first: &Job, waiting: &mut Waiting) -> Vec<Outgoing> {
        let mut others = Vec::new();
        if waiting.len() == 0 {
            return others;
        }
        let Some((mut time, mut length)) = self.work(first) else { return others };
        let workers = self.shared.hosts.workers().max(1);
        let most = ((1 + waiting.len()) / (2 * workers)).min(MOST_JOBS);
        let most_bytes = MOST_BYTES.min(self.streams.limit() / 2);
        while others.len() + 1 < most {
            let other = waiting.next_if(|job| {
                let Some((its_time, its_length)) = self.work(job).filter(|_| job.priority == first.priority) else {
                    return false;
                };
                (time, length) = (time + its_time, length + its_length);
                time <= MOST_WORK && length <= most_bytes
            });
            match other {
                Some(other) => others.push(other),
                None => break,
            }
        }
        others
    }

    /// Sends jobs as one message. If that is not sent, those behind wait, so that the order stays.
    pub(super) async fn publish_batch(self: &Rc<Self>, jobs: Vec<Outgoing>) {
        let key = JobKey { submitter: self.submitter.clone(), number: self.shared.next_number(), is_kept: false };
        let numbers = jobs.iter().map(|outgoing| outgoing.job.number).collect();
        let batch = Batch::new(key.clone(), numbers, &self.batches, &self.removals);
        let mut pieces = Vec::with_capacity(jobs.len());
        for (place, Outgoing { job, .. }) in (0..).zip(&jobs) {
            pieces.push(Piece(job.message.take().unwrap_or_default().into()));
            job.was_sent.set(true);
            // A job is sent once.
            drop(job.batch.set((batch.clone(), place)));
        }
        let body = Body::Batch(pieces);
        let message = encode(&JobMessage { key, id: 0, name: None, tag: None, timeout: None, retries: 0, body });
        let sending = Sending { batch, jobs, message: message.into() };
        match self.send_batch(&sending).await {
            Ok(sent) => {
                let engine = self.clone();
                spawn_local(async move {
                    match sent.await {
                        Ok(stored) => engine.batch_stored(sending, stored.sequence).await,
                        Err(error) => engine.send_batch_again(sending, error.into()).await,
                    }
                });
            }
            Err(refusal) => self.send_batch_again(sending, refusal).await,
        }
    }

    async fn send_batch(&self, sending: &Sending) -> Result<PublishAckFuture, Refusal> {
        let Sending { batch, jobs, message } = sending;
        let subject = self.streams.names.job(jobs[0].job.priority, &batch.key);
        let message = PublishMessage::build().payload(message.clone()).message_id(batch.key.to_string());
        Ok(self.streams.context.send_publish(subject, message).await?)
    }

    async fn send_batch_again(self: &Rc<Self>, sending: Sending, refusal: Refusal) {
        let is_wanted = || sending.jobs.iter().any(|outgoing| outgoing.job.progress.stage() != Stage::Withdrawn);
        match store_at_last(refusal, is_wanted, async || self.send_batch(&sending).await).await {
            Ok(Some(sequence)) => self.batch_stored(sending, sequence).await,
            Ok(None) => sending.jobs.iter().for_each(|_| self.shared.one_stored()),
            Err(refused) => {
                for outgoing in sending.jobs {
                    self.refuse(outgoing, JobError::Broken(refused.clone()));
                }
            }
        }
    }

    async fn batch_stored(&self, sending: Sending, sequence: u64) {
        let Sending { batch, jobs, .. } = sending;
        batch.sequence.set(Some(sequence));
        let mut is_needed = false;
        for Outgoing { job, reply, .. } in jobs {
            job.sequence.set(Some(sequence));
            self.shared.one_stored();
            if let Some(reply) = reply {
                reply.send(Stored::Yes);
            }
            is_needed |= job.progress.stage() != Stage::Withdrawn;
        }
        if !is_needed {
            self.delete_batch(&batch).await;
        }
    }
}
