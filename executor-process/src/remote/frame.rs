//! The frame around the bytes of a job or an outcome: its version, its kind and a checksum.

use std::error::Error;
use std::fmt;
use std::hash::{DefaultHasher, Hasher};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ipc::codec::append_message;

const VERSION: u8 = 1;

/// The kind of thing that the bytes are.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Kind {
    Job = b'j',
    Outcome = b'o',
}

/// The bytes are no job or no outcome that this program can use. `{}` writes the reason.
///
/// ```
/// use executor::extend::remote::RemoteJob;
///
/// let error = RemoteJob::from_bytes(b"other bytes").unwrap_err();
/// assert!(error.to_string().starts_with("the bytes of the remote job cannot be used: "));
/// ```
#[derive(Clone, Debug)]
pub struct DamagedJob(String);

impl DamagedJob {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for DamagedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the bytes of the remote job cannot be used: {}", self.0)
    }
}

impl Error for DamagedJob {}

type Head = [u8; 10];

fn head(kind: Kind, body: &[u8]) -> Head {
    let mut head = Head::default();
    head[0] = VERSION;
    head[1] = kind as u8;
    head[2..].copy_from_slice(&checksum(kind, body).to_le_bytes());
    head
}

/// Finds damage; it is no protection against forgery.
fn checksum(kind: Kind, body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(&[VERSION, kind as u8]);
    hasher.write(body);
    hasher.finish()
}

/// `value` in a frame.
pub(super) fn seal(kind: Kind, value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Head::default().to_vec();
    // The types in frames are this crate's own, and all that they hold can be encoded.
    append_message(value, &mut bytes).expect("a value of this crate can be encoded");
    set_head(kind, &mut bytes);
    bytes
}

/// Any bytes in a frame.
#[cfg(any(test, fuzzing))]
pub(super) fn seal_bytes(kind: Kind, body: &[u8]) -> Vec<u8> {
    let mut bytes = [&Head::default()[..], body].concat();
    set_head(kind, &mut bytes);
    bytes
}

fn set_head(kind: Kind, bytes: &mut [u8]) {
    if let Some((head_of, body)) = bytes.split_first_chunk_mut() {
        *head_of = head(kind, body);
    }
}

/// The value in a frame.
///
/// # Errors
///
/// If the bytes are no such frame, or are damaged.
pub(super) fn open<T: DeserializeOwned>(kind: Kind, bytes: &[u8]) -> Result<T, DamagedJob> {
    let (found, body) =
        bytes.split_first_chunk::<{ size_of::<Head>() }>().ok_or_else(|| damaged("it ends too early"))?;
    if found[0] != VERSION {
        return Err(DamagedJob::new(format!("it has version {}, but this program reads version {VERSION}", found[0])));
    }
    if *found != head(kind, body) {
        return Err(damaged("its checksum does not match"));
    }
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(damaged(&format!("{} bytes too long", rest.len()))),
        Err(error) => Err(damaged(&error.to_string())),
    }
}

fn damaged(reason: &str) -> DamagedJob {
    DamagedJob(format!("it is damaged: {reason}"))
}
