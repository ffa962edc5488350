//! Both jobs: a thread reads a file's next part, and a process computes what it adds to the file's digest.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};

use executor::RemoteError;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest, Sha256};

/// Large enough that a job is worth its way to another process, small enough that many of them are little memory.
pub(crate) const PART: usize = 1024 * 1024;

/// The next part of `file`: shorter than [`PART`], and perhaps empty, if it is the last.
pub(crate) fn read_part(file: &File) -> io::Result<Bytes> {
    let mut part = Vec::new();
    file.take(PART as u64).read_to_end(&mut part)?;
    Ok(Bytes(part))
}

/// The sums over those parts of a file that were added so far.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Sum {
    /// The state of SHA-256 between two parts; `None` before the first.
    state: Option<Bytes>,
    bytes: u64,
    deflated: u64,
}

/// The results for a whole file.
#[derive(Serialize, Deserialize)]
pub(crate) struct Whole {
    pub(crate) digest: [u8; 32],
    pub(crate) bytes: u64,
    /// The size after DEFLATE, each part compressed by itself.
    pub(crate) deflated: u64,
}

/// The outcome of adding a part.
#[derive(Serialize, Deserialize)]
pub(crate) enum Added {
    More(Sum),
    Last(Whole),
}

/// Adds a part to the sum. No process keeps anything for the next one, so each part of a file may go to another.
pub(crate) fn add_part(sum: Sum, part: Bytes) -> Result<Added, RemoteError> {
    let (Sum { state, bytes, deflated }, Bytes(part)) = (sum, part);
    let mut sha = match state {
        None => Sha256::new(),
        Some(Bytes(state)) => {
            let state: &SerializedState<Sha256> = state.as_slice().try_into()?;
            Sha256::deserialize(state)?
        }
    };
    sha.update(&part);
    let bytes = bytes + part.len() as u64;
    let deflated = deflated + deflated_len(&part)?;
    Ok(if part.len() < PART {
        Added::Last(Whole { digest: sha.finalize().into(), bytes, deflated })
    } else {
        Added::More(Sum { state: Some(Bytes(sha.serialize().to_vec())), bytes, deflated })
    })
}

/// With `--crash`, a job does this instead.
pub(crate) fn crash() -> Result<Added, RemoteError> {
    std::process::abort()
}

fn deflated_len(part: &[u8]) -> io::Result<u64> {
    if part.is_empty() {
        return Ok(0);
    }
    let mut encoder = DeflateEncoder::new(io::sink(), Compression::default());
    encoder.write_all(part)?;
    encoder.try_finish()?;
    Ok(encoder.total_out())
}

/// Bytes that serde moves as a whole. A `Vec<u8>` is a sequence to it, and goes element by element.
pub(crate) struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IntoBytes;
        impl Visitor<'_> for IntoBytes {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_owned()))
            }

            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(IntoBytes)
    }
}
