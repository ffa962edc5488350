//! Arguments and results that are larger than a message may be: they go through the object store.

use std::time::Duration;

use async_nats::jetstream::object_store::{GetErrorKind, Object, ObjectMetadata};
use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::ledger::{Retry, Unreachable};
use super::message::{Body, JobMessage, decode, encode};
use super::names::JobKey;
use super::streams::{ANSWER_TIME, Streams};

/// Room for what a message has beside the value: its headers, and the name and tag of a job.
const HEAD: usize = 4096;

/// The same, for a value that shares a message with others.
const BESIDE: usize = 16;

/// A larger value is stored in pieces of this size.
const PIECE: usize = 128 * 1024;

/// How often a value that is not found is asked for again.
const TRIES: usize = 3;

/// Memory that is taken for a value before its bytes are there.
const MAX_AHEAD: usize = 64 << 20;

/// The name of a job's arguments in the object store.
pub(crate) fn arguments_name(key: &JobKey) -> String {
    format!("{key}-arguments")
}

impl Streams {
    /// The largest value that fits into a message.
    pub(crate) fn limit(&self) -> usize {
        self.context.client().server_info().max_payload.saturating_sub(HEAD)
    }

    /// Puts the bytes where they fit. `part` names them beside others of the same job.
    pub(crate) async fn store(&self, key: &JobKey, part: &str, bytes: Vec<u8>) -> Result<Body, Unreachable> {
        self.store_beside(key, part, bytes, 1).await
    }

    /// The same, for bytes that share a message with those of other jobs: `count` in all.
    pub(crate) async fn store_beside(
        &self,
        key: &JobKey,
        part: &str,
        bytes: Vec<u8>,
        count: usize,
    ) -> Result<Body, Unreachable> {
        // Each of the others has a head of its own.
        let limit = if count == 1 { self.limit() } else { (self.limit() / count).saturating_sub(BESIDE) };
        if bytes.len() <= limit {
            return Ok(Body::Inline(bytes));
        }
        let name = format!("{key}-{part}");
        self.put_object(&name, &bytes).await?;
        Ok(Body::Large(name))
    }

    /// Puts the arguments of an encoded job where they fit. Returns the job's message, and whether its arguments are elsewhere.
    pub(crate) async fn store_arguments(&self, message: Bytes) -> Result<(Bytes, bool), Unreachable> {
        if message.len() <= self.limit() {
            return Ok((message, false));
        }
        let Ok(mut job) = decode::<JobMessage>(&message) else { return Ok((message, false)) };
        let Body::Inline(arguments) = job.body else { return Ok((message, false)) };
        drop(message);
        let name = arguments_name(&job.key);
        self.put_object(&name, &arguments).await?;
        job.body = Body::Large(name);
        Ok((encode(&job).into(), true))
    }

    /// Tries again while no server answers.
    async fn put_object(&self, name: &str, bytes: &[u8]) -> Result<(), Unreachable> {
        let mut retry = Retry::new(None);
        loop {
            let piece = PIECE.min(self.limit()).max(1);
            let object = ObjectMetadata { name: name.to_owned(), chunk_size: Some(piece), ..ObjectMetadata::default() };
            let mut source = bytes;
            match self.large.put(object, &mut source).await {
                Ok(_) => return Ok(()),
                // The pieces that were stored are removed by their age.
                Err(_) => retry.pause().await?,
            }
        }
    }

    /// The bytes. `None` if they are gone or damaged. Tries again while no server answers.
    pub(crate) async fn load(&self, body: Body) -> Option<Vec<u8>> {
        let name = match body {
            Body::Inline(bytes) => return Some(bytes),
            Body::Large(name) => name,
            Body::Batch(_) => return None,
        };
        let (mut retry, mut tries) = (Retry::new(None), 0);
        loop {
            let found = match self.large.get(&name).await {
                Ok(object) => read(object).await,
                // A server that is behind has not heard of it yet.
                Err(error) if matches!(error.kind(), GetErrorKind::NotFound | GetErrorKind::InvalidName) => None,
                Err(_) => {
                    retry.pause().await.ok()?;
                    continue;
                }
            };
            if found.is_some() || tries == TRIES {
                return found;
            }
            tries += 1;
            retry.pause().await.ok()?;
        }
    }

    /// Gives the room back, if the bytes take some.
    pub(crate) async fn discard(&self, body: &Body) {
        if let Body::Large(name) = body {
            self.discard_object(name).await;
        }
    }

    /// If this fails, the object is removed by its age.
    pub(crate) async fn discard_object(&self, name: &str) {
        if self.large.delete(name).await.is_ok() {
            // The server keeps a note of what was deleted.
            let note = format!("$O.{}.M.{}", self.names.large_bucket(), url_safe(name.as_bytes()));
            drop(self.large_stream.purge().filter(note).await);
        }
    }
}

/// `None` if its pieces do not come, or are not those that were put.
async fn read(mut object: Object) -> Option<Vec<u8>> {
    let size = object.info().size;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size.min(MAX_AHEAD)).ok()?;
    loop {
        let next = timeout(ANSWER_TIME + Duration::from_secs(1), object.read_buf(&mut bytes)).await;
        match next {
            Ok(Ok(0)) => return (bytes.len() == size).then_some(bytes),
            Ok(Ok(_)) if bytes.len() <= size => {}
            _ => return None,
        }
    }
}

/// Base64 for URLs, as object stores encode names.
fn url_safe(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let number = (0..3).fold(0, |number, at| number << 8 | usize::from(three.get(at).copied().unwrap_or_default()));
        for digit in 0..4 {
            let is_there = digit <= three.len();
            text.push(if is_there { char::from(DIGITS[number >> (18 - 6 * digit) & 63]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::url_safe;

    #[test]
    fn names_are_encoded_as_by_rfc_4648() {
        for (plain, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("??>", "Pz8-")]
        {
            assert_eq!(url_safe(plain.as_bytes()), encoded);
        }
    }
}
