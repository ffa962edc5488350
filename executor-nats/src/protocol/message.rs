//! Messages as bytes. A damaged or forged one is an error, which costs that message alone.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::batch::BatchState;
use super::names::{JobKey, token_of};

/// The version of these messages. Another one is not read.
const VERSION: u8 = 1;

/// A job on its way to a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct JobMessage {
    pub(crate) key: JobKey,
    /// The id that the job has for its submitter.
    pub(crate) id: u64,
    /// The name and the tag that the submitter gave.
    pub(crate) name: Option<String>,
    pub(crate) tag: Option<String>,
    /// The time that the job may run.
    pub(crate) timeout: Option<Duration>,
    /// How often it may start again after its host was lost.
    pub(crate) retries: u32,
    pub(crate) body: Body,
}

/// Bytes in a message, or in the object store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Body {
    Inline(#[serde(with = "one_piece")] Vec<u8>),
    Large(String),
    /// The messages of the jobs of a batch.
    Batch(Vec<Piece>),
}

/// A message in another one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Piece(#[serde(with = "one_piece")] pub(crate) Vec<u8>);

impl Body {
    /// Whether it can be of this job: a forged message may name an object of another job.
    pub(crate) fn is_of(&self, key: &JobKey) -> bool {
        match self {
            Self::Inline(_) | Self::Batch(_) => true,
            Self::Large(name) => name.strip_prefix(&key.to_string()).is_some_and(|part| part.starts_with('-')),
        }
    }
}

/// A host, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostId {
    #[serde(deserialize_with = "token_of")]
    pub(crate) token: String,
    /// The machine's name, and the id of the process.
    pub(crate) machine: String,
    pub(crate) pid: u32,
}

/// The state of a job, decided by the first who wrote it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Random, so that a writer finds out whether a write came through whose answer was lost.
    pub(crate) writer: u64,
    pub(crate) state: State,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum State {
    /// A host is about to run the job, for the `attempt`-th time.
    Started { host: HostId, attempt: u32 },
    /// Its host gave it back before it started: its worker was at a long job. The next host starts it as this attempt.
    Returned { attempt: u32 },
    /// Cancelled before it started, or aborted afterwards.
    Cancelled { had_started: bool },
    /// Its time to wait was over.
    Expired,
    /// The outcome.
    Ended { body: Body },
    /// The outcome was read. Only the records of kept jobs come to this.
    Read,
    /// The jobs of a batch are in these states.
    Batch(BatchState),
    /// The message is not one of ours. Never written.
    #[serde(skip)]
    Damaged,
}

impl State {
    /// From the message of a record.
    pub(crate) fn of(message: &[u8]) -> Self {
        decode::<Record>(message).map_or(Self::Damaged, |record| record.state)
    }
}

/// A host tells that it is there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Presence {
    #[serde(deserialize_with = "token_of")]
    pub(crate) host: String,
    /// The machine's name and the process, for people.
    pub(crate) label: String,
    pub(crate) workers: usize,
    pub(crate) running: usize,
    pub(crate) done: u64,
    pub(crate) is_leaving: bool,
}

/// A message that is not one of ours.
#[derive(Debug)]
pub(crate) struct Damaged;

pub(crate) fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    let bytes = vec![VERSION, 0, 0, 0, 0];
    let mut bytes = postcard::to_extend(message, bytes).expect("our messages have no part that cannot be encoded");
    let sum = crc32fast::hash(&bytes[5..]);
    bytes[1..5].copy_from_slice(&sum.to_le_bytes());
    bytes
}

pub(crate) fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, Damaged> {
    let (head, message) = bytes.split_at_checked(5).ok_or(Damaged)?;
    if head[0] != VERSION || head[1..] != crc32fast::hash(message).to_le_bytes() {
        return Err(Damaged);
    }
    match postcard::take_from_bytes(message) {
        Ok((message, [])) => Ok(message),
        _ => Err(Damaged),
    }
}

/// Bytes that are copied as a whole, not one by one.
mod one_piece {
    use executor_core::bytes::InOnePiece;
    use serde::{Serialize, Serializer};

    pub(super) use executor_core::bytes::deserialize;

    pub(super) fn serialize<S: Serializer>(bytes: &Vec<u8>, to: S) -> Result<S::Ok, S::Error> {
        InOnePiece(bytes).serialize(to)
    }
}
