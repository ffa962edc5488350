//! The one place that decides what becomes of a job: the last record on its subject, written by compare-and-set.
//!
//! ```text
//!   (none) ──> Started(1) ──> Ended ──> Read     a kept job's outcome was read
//!     │            ├────────> Cancelled          abort
//!     │            └────────> Returned ──> …     not run, or its host was lost and a retry is left; another host may start it
//!     ├──> Cancelled                             cancel
//!     └──> Expired                               its time to wait was over
//! ```
//!
//! Several short jobs have one record together: see [`batch`](super::batch).
//!
//! Each arrow is a message that the server accepts only if the last message on the subject has the sequence number that the writer saw
//! (`Nats-Expected-Last-Subject-Sequence`). So one of two writers wins, and the other learns what the first one wrote.

use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use tokio::time::sleep;

use super::message::{Record, State, decode, encode};
use super::names::{JobKey, random_number};
use super::streams::Streams;

/// The last record of a job.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// The sequence number of its message.
    pub(crate) revision: u64,
    pub(crate) state: State,
    writer: u64,
}

/// How a write went.
#[derive(Debug)]
pub(crate) enum Put {
    /// It is the last record now, with this revision.
    Won(u64),
    /// Another writer was first.
    Lost(Standing),
    /// There was a record, and it is gone: the job has ended, and its outcome was read or its time was up.
    Gone,
}

/// No server has answered for as long as the caller would wait.
#[derive(Debug)]
pub(crate) struct Unreachable;

impl Streams {
    /// Writes the state of a job, if the last record is the one with the revision `after`; 0 is for none. Asks again while no server
    /// answers, up to `patience`.
    pub(crate) async fn put(
        &self,
        key: &JobKey,
        after: u64,
        state: State,
        patience: Option<Duration>,
    ) -> Result<Put, Unreachable> {
        let record = Record { writer: random_number(), state };
        let (subject, bytes) = (self.names.outcome(key), bytes::Bytes::from(encode(&record)));
        let mut retry = Retry::new(patience);
        loop {
            let message = PublishMessage::build().payload(bytes.clone()).expected_last_subject_sequence(after);
            // The server remembers it for a time, also if it is removed.
            let message = if after == 0 { message.message_id(key.to_string()) } else { message };
            let acknowledged = match self.context.send_publish(subject.clone(), message).await {
                Ok(acknowledged) => acknowledged.await,
                Err(error) => Err(error),
            };
            // The server has taken no such record.
            let is_refused = match acknowledged {
                Ok(acknowledged) if !acknowledged.duplicate => return Ok(Put::Won(acknowledged.sequence)),
                Ok(_) => true,
                Err(error) => after != 0 && error.kind() == PublishErrorKind::WrongLastSequence,
            };
            // It may have come through although its answer was lost, so the last record tells more than an error.
            match self.look(key).await {
                Ok(Some(standing)) if standing.writer == record.writer => return Ok(Put::Won(standing.revision)),
                Ok(Some(standing)) if standing.revision != after => return Ok(Put::Lost(standing)),
                Ok(None) if is_refused => return Ok(Put::Gone),
                _ => retry.pause().await?,
            }
        }
    }

    /// The last record of a job. `None` if there is none.
    pub(crate) async fn look(&self, key: &JobKey) -> Result<Option<Standing>, Unreachable> {
        // Asked of the stream's leader: another server may be behind.
        match self.ledger.get_last_raw_message_by_subject(&self.names.outcome(key)).await {
            Ok(message) => {
                let (state, writer) = match decode::<Record>(&message.payload) {
                    Ok(record) => (record.state, record.writer),
                    Err(_) => (State::Damaged, 0),
                };
                Ok(Some(Standing { revision: message.sequence, state, writer }))
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(_) => Err(Unreachable),
        }
    }
}

/// Pauses between requests that no server answers: 20 ms, then twice as long each time, up to 1 s.
pub(crate) struct Retry {
    pause: Duration,
    left: Option<Duration>,
}

impl Retry {
    pub(crate) fn new(patience: Option<Duration>) -> Self {
        Self { pause: Duration::from_millis(20), left: patience }
    }

    pub(crate) async fn pause(&mut self) -> Result<(), Unreachable> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(self.pause).ok_or(Unreachable)?;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(1));
        Ok(())
    }
}
