//! The one place that turns values into bytes and back.

use std::any::type_name;
use std::fmt;
use std::io::Cursor;

use executor_core::panics::{catch, drop_quietly};
use executor_core::{CodecError, JobError, Portable, PortableJob};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::worker::remake::Remaker;

/// How jobs and results become bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Codec {
    /// [postcard](https://postcard.jamesmunns.com): compact and fast. The types on both sides say what the bytes mean, so types
    /// that ask the bytes (`serde_json::Value`, `#[serde(untagged)]`, `#[serde(flatten)]`) cannot be decoded.
    #[default]
    Postcard,
    /// [`MessagePack`](https://msgpack.org), with names of fields: self-describing, so every type of serde's goes through.
    MessagePack,
}

/// What a codec says of bytes that it cannot make or read.
type Cause = String;

impl Codec {
    /// The bytes of `value`. A panic of the user's `Serialize` is a cause like any other.
    pub(crate) fn encode(self, value: &impl Serialize) -> Result<Vec<u8>, Cause> {
        let mut bytes = Vec::new();
        self.encode_into(value, &mut bytes)?;
        Ok(bytes)
    }

    /// Appends the bytes of `value`, or a part of them if that fails.
    pub(crate) fn encode_into(self, value: &impl Serialize, bytes: &mut Vec<u8>) -> Result<(), Cause> {
        guarded(|| match self {
            Self::Postcard => postcard::to_extend(value, Behind(bytes)).map(drop).map_err(cause),
            Self::MessagePack => rmp_serde::encode::write_named(bytes, value).map_err(cause),
        })
    }

    /// The job that `bytes` are.
    pub(crate) fn decode_job<J: Portable>(self, bytes: &[u8]) -> Result<J, Cause> {
        guarded(|| match self {
            Self::Postcard => {
                let mut source = postcard::Deserializer::from_bytes(bytes);
                let job = J::rebuild(&mut source, &Remaker).map_err(cause)?;
                all_read(job, source.finalize().map_err(cause)?)
            }
            Self::MessagePack => {
                let mut source = rmp_serde::Deserializer::new(Cursor::new(bytes));
                let job = J::rebuild(&mut source, &Remaker).map_err(cause)?;
                all_read(job, rest(bytes, source.position()))
            }
        })
    }

    /// The result that `bytes` are.
    pub(crate) fn decode_output<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, Cause> {
        guarded(|| match self {
            Self::Postcard => {
                let (value, rest) = postcard::take_from_bytes(bytes).map_err(cause)?;
                all_read(value, rest)
            }
            Self::MessagePack => {
                let mut source = rmp_serde::Deserializer::new(Cursor::new(bytes));
                let value = T::deserialize(&mut source).map_err(cause)?;
                all_read(value, rest(bytes, source.position()))
            }
        })
    }
}

/// What postcard writes behind what is there.
struct Behind<'a>(&'a mut Vec<u8>);

impl Extend<u8> for Behind<'_> {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        self.0.extend(bytes);
    }
}

fn cause(error: impl fmt::Display) -> Cause {
    error.to_string()
}

/// Serde's traits are implemented by users, so they may panic.
fn guarded<T>(f: impl FnOnce() -> Result<T, Cause>) -> Result<T, Cause> {
    catch(f).unwrap_or_else(|panic| Err(panic.to_string()))
}

fn rest(bytes: &[u8], read: u64) -> &[u8] {
    usize::try_from(read).ok().and_then(|read| bytes.get(read..)).unwrap_or_default()
}

/// Bytes that are left over mean that the two sides disagree about the type: what was read is not what was sent.
fn all_read<T>(value: T, rest: &[u8]) -> Result<T, Cause> {
    if rest.is_empty() {
        return Ok(value);
    }
    drop_quietly(value);
    Err(format!("{} bytes were left over: `Serialize` wrote more than `Deserialize` reads", rest.len()))
}

/// Which of the four steps failed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Step {
    EncodeJob,
    DecodeJob,
    EncodeResult,
    DecodeResult,
}

impl Step {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::EncodeJob => "encode the job",
            Self::DecodeJob => "decode the job in the worker process",
            Self::EncodeResult => "encode the result in the worker process",
            Self::DecodeResult => "decode the result",
        }
    }

    /// The error of a `J` at this step.
    pub(crate) fn error<J: PortableJob>(self, cause: Cause) -> JobError {
        self.named(J::type_name(), type_name::<J::Output>(), cause)
    }

    /// The error of a job of that name, with that output, at this step.
    pub(crate) fn named(self, job: &str, output: &str, cause: Cause) -> JobError {
        JobError::Codec(CodecError::new(self.text(), job, output, cause))
    }
}
