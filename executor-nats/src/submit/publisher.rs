//! Brings jobs to the server, in the order of their submission.

use std::rc::Rc;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, ErrorCode};
use executor_core::{Broken, JobError, WhenFull};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::batching::Waiting;
use super::engine::{Engine, Reply, Stored};
use super::job::{Job, Stage};
use crate::protocol::ledger::Retry;

/// A job to be sent, and who waits for the answer.
pub(crate) struct Outgoing {
    pub(crate) job: Rc<Job>,
    pub(crate) reply: Option<Reply>,
    /// Whether it waits if the stream is full.
    pub(crate) when_full: WhenFull,
    /// How long to wait for room, if so.
    pub(crate) until: Option<Instant>,
}

/// Why the server does not store a job.
pub(crate) enum Refusal {
    Full,
    /// It has not answered.
    Silent,
    Other(String),
}

impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Self {
        match error.kind() {
            // The stream is not found also while a cluster chooses a leader.
            PublishErrorKind::TimedOut
            | PublishErrorKind::BrokenPipe
            | PublishErrorKind::MaxAckPending
            | PublishErrorKind::StreamNotFound => Self::Silent,
            _ => {
                let source = std::error::Error::source(&error);
                match source.and_then(|source| source.downcast_ref::<jetstream::Error>()) {
                    Some(error) => Self::of_answer(error),
                    None => Self::Other(error.to_string()),
                }
            }
        }
    }
}

impl Refusal {
    fn of_answer(error: &jetstream::Error) -> Self {
        // Of "nats-server/server/errors.json": what lacks is room, not a server.
        const NO_ROOM: [ErrorCode; 5] = [
            ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
            ErrorCode::INSUFFICIENT_RESOURCES,
            ErrorCode::STORAGE_RESOURCES_EXCEEDED,
            ErrorCode::MEMORY_RESOURCES_EXCEEDED,
            ErrorCode::STREAM_MAX_STREAM_BYTES_EXCEEDED,
        ];
        let text = error.to_string();
        let is_limit = text.contains("maximum messages") || text.contains("maximum bytes");
        match error.error_code() {
            ErrorCode::STREAM_STORE_FAILED if is_limit => Self::Full,
            ErrorCode::STREAM_STORE_FAILED if text.contains("no space") => Self::Other(text),
            code if NO_ROOM.contains(&code) => Self::Other(text),
            // It was sent before, and the servers have not agreed on it yet.
            ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT => Self::Silent,
            // Servers that choose a leader or have just started answer so.
            _ if error.code() >= 500 => Self::Silent,
            _ => Self::Other(text),
        }
    }
}

/// How often to look for a connection that is not told of.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Engine {
    pub(crate) async fn publish_all(self: Rc<Self>, outgoing: UnboundedReceiver<Outgoing>) {
        if self.is_bounded {
            return self.publish_in_turn(outgoing).await;
        }
        let mut waiting = Waiting::new(outgoing);
        while let Some(next) = waiting.recv().await {
            self.wait_for_connection(&next.job).await;
            let mut others = self.take_with(&next.job, &mut waiting);
            if !others.is_empty() {
                others.insert(0, next);
                self.publish_batch(others).await;
                continue;
            }
            self.store_arguments(&next.job).await;
            match self.send(&next.job).await {
                Ok(sent) => drop(spawn_local(self.clone().publish_sent(next, sent))),
                // The jobs behind wait, so that the order stays.
                Err(refusal) => self.clone().try_again(next, refusal).await,
            }
        }
    }

    /// Waits until there is a connection, or the job is withdrawn. The client would keep the message, and send it later: then the job could
    /// not be withdrawn without a server.
    pub(crate) async fn wait_for_connection(&self, job: &Job) {
        while self.lost_since().is_some() && job.progress.stage() != Stage::Withdrawn {
            tokio::select! {
                () = self.link.connected.notified() => {}
                () = self.one_withdrawn.notified() => {}
                // The client leaves events out if there are too many.
                () = sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Large arguments go first. The jobs behind wait, so that the order stays.
    pub(crate) async fn store_arguments(&self, job: &Job) {
        let message = job.message.take();
        if let Some(message) = message.filter(|_| job.progress.stage() != Stage::Withdrawn)
            && let Ok((message, is_large)) = self.streams.store_arguments(message).await
        {
            job.has_large_arguments.set(is_large);
            *job.message.borrow_mut() = Some(message);
        }
    }

    pub(crate) async fn send(&self, job: &Job) -> Result<PublishAckFuture, Refusal> {
        let payload = job.message.borrow().clone().filter(|_| job.progress.stage() != Stage::Withdrawn);
        // Of a job that is withdrawn, nothing is sent.
        let Some(payload) = payload else { return Err(Refusal::Silent) };
        let subject = self.streams.names.job(job.priority, &job.key);
        job.was_sent.set(true);
        let message = PublishMessage::build().payload(payload).message_id(job.key.to_string());
        Ok(self.streams.context.send_publish(subject, message).await?)
    }

    async fn publish_sent(self: Rc<Self>, outgoing: Outgoing, sent: PublishAckFuture) {
        match sent.await {
            Ok(stored) => self.stored(outgoing, stored.sequence).await,
            Err(error) => self.try_again(outgoing, error.into()).await,
        }
    }

    async fn try_again(self: Rc<Self>, outgoing: Outgoing, refusal: Refusal) {
        let job = outgoing.job.clone();
        let is_wanted = || job.progress.stage() != Stage::Withdrawn;
        match store_at_last(refusal, is_wanted, async || self.send(&job).await).await {
            Ok(Some(sequence)) => self.stored(outgoing, sequence).await,
            Ok(None) => self.shared.one_stored(),
            Err(refused) => self.refuse(outgoing, JobError::Broken(refused)),
        }
    }

    pub(crate) async fn stored(&self, outgoing: Outgoing, sequence: u64) {
        let Outgoing { job, reply, .. } = outgoing;
        job.sequence.set(Some(sequence));
        *job.message.borrow_mut() = None;
        self.shared.one_stored();
        if let Some(reply) = reply {
            reply.send(Stored::Yes);
        }
        // Withdrawn while it was on its way: no host needs to see it.
        if job.progress.stage() == Stage::Withdrawn {
            self.streams.delete_job(sequence).await;
        }
    }

    pub(crate) fn refuse(&self, outgoing: Outgoing, error: JobError) {
        self.shared.one_stored();
        self.withdraw(&outgoing.job, error);
    }
}

/// Has `send` send a message again until the server has stored it, and returns where. `None` if it is not wanted any more.
///
/// # Errors
///
/// When the server refuses it.
pub(super) async fn store_at_last(
    mut refusal: Refusal,
    is_wanted: impl Fn() -> bool,
    send: impl AsyncFn() -> Result<PublishAckFuture, Refusal>,
) -> Result<Option<u64>, Broken> {
    let mut retry = Retry::new(None);
    while is_wanted() {
        match refusal {
            Refusal::Other(text) => {
                return Err(Broken::new(format!("the NATS server refused to store the job: {text}")));
            }
            // The stream has a limit although this program's namespace has none.
            Refusal::Full | Refusal::Silent => drop(retry.pause().await),
        }
        refusal = match send().await {
            Err(refusal) => refusal,
            Ok(sent) => match sent.await {
                Ok(stored) => return Ok(Some(stored.sequence)),
                Err(error) => error.into(),
            },
        };
    }
    Ok(None)
}

/// How long a connection that is closed may take to send what is left.
pub(crate) const FLUSH_TIME: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: u16, error_code: u64, text: &str) -> Refusal {
        let answer = serde_json::json!({ "code": code, "err_code": error_code, "description": text });
        Refusal::of_answer(&serde_json::from_value(answer).unwrap())
    }

    #[test]
    fn refusals_that_pass_are_tried_again() {
        assert!(matches!(refusal(409, 10158, "duplicate message id is in process"), Refusal::Silent));
        assert!(matches!(refusal(503, 10008, "JetStream system temporarily unavailable"), Refusal::Silent));
        assert!(matches!(refusal(503, 10077, "maximum messages exceeded"), Refusal::Full));
        assert!(matches!(refusal(400, 10025, "bad request"), Refusal::Other(_)));
    }
}
