//! The outcomes of a chunk, decoded on the thread that takes them.

use std::any::type_name;
use std::fmt;
use std::vec;

use executor_core::JobError;
use executor_core::panics::catch;
use serde::de::DeserializeOwned;

use crate::dispatch::encoded_result::EncodedResult;
use crate::ipc::attachments::Attachment;
use crate::ipc::codec::{Codec, Step};
use crate::ipc::payload::Payload;
use crate::protocol::answer::RemotePanic;
use crate::protocol::item_number::{self, is_number};
use crate::protocol::item_record::{DONE, NOT_DECODED, NOT_ENCODED, PANICKED, next};

/// How many outcomes are decoded at once. Panics of the user's `Deserialize` are caught once for all of these, since that costs more than
/// to decode a number; and a batch of this size stays in the CPU's cache.
const BATCH: usize = 64;

/// The outcomes of a chunk of a [`map`](crate::ProcessPool::map), decoded as they are taken.
pub struct Outcomes<R> {
    codec: Codec,
    name: &'static str,
    payload: Payload,
    /// How much of it is decoded.
    read: usize,
    /// The index of the next item.
    index: usize,
    /// Of items, by index, the last one first.
    errors: Vec<(usize, JobError)>,
    /// Likewise.
    attached: Vec<(usize, Vec<Attachment>)>,
    batch: vec::IntoIter<Result<R, JobError>>,
}

impl<R: DeserializeOwned + 'static> Outcomes<R> {
    pub(crate) fn new(returned: EncodedResult) -> Self {
        let EncodedResult { name, codec, payload, mut attached, mut errors } = returned;
        errors.reverse();
        attached.reverse();
        Self { codec, name, payload, read: 0, index: 0, errors, attached, batch: Vec::new().into_iter() }
    }

    /// The next result, if it is a number: decoding that runs no code of a user's. Otherwise changes nothing.
    #[inline]
    fn next_number(&mut self) -> Option<R> {
        if !is_number::<R>(self.codec) || self.errors.last().is_some_and(|(of, _)| *of == self.index) {
            return None;
        }
        let bytes = &self.payload.bytes()[..];
        let mut rest = &bytes[self.read..];
        let (_, record) = next(&mut rest).filter(|(tag, _)| *tag == DONE)?;
        let number = item_number::read(self.codec, record)?;
        self.index += 1;
        self.read = bytes.len() - rest.len();
        Some(number)
    }

    /// Decodes some more, if there are any.
    fn decode(&mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        if let Err(panic) = catch(|| self.decode_to(&mut batch)) {
            batch.push(Err(error::<R>(Step::DecodeResult, panic.to_string(), self.name)));
        }
        self.batch = batch.into_iter();
    }

    fn decode_to(&mut self, batch: &mut Vec<Result<R, JobError>>) {
        let bytes = &self.payload.bytes()[..];
        while batch.len() < BATCH {
            let index = self.index;
            if let Some((_, error)) = self.errors.pop_if(|(of, _)| *of == index) {
                self.index += 1;
                batch.push(Err(error));
                continue;
            }
            let mut rest = &bytes[self.read..];
            let Some((tag, record)) = next(&mut rest) else { return };
            // Before it is decoded, which may panic.
            self.index += 1;
            self.read = bytes.len() - rest.len();
            if tag != DONE {
                batch.push(Err(failed::<R>(tag, record, self.name)));
                continue;
            }
            let descriptors = match self.attached.pop_if(|(of, _)| *of == index) {
                Some((_, came)) => came.into_iter().map(|attachment| attachment.descriptor).collect(),
                None => Vec::new(),
            };
            match self.codec.decode_unguarded(record, descriptors) {
                Ok(result) => batch.push(Ok(result)),
                Err(cause) => batch.push(Err(error::<R>(Step::DecodeResult, cause, self.name))),
            }
        }
    }
}

impl<R: DeserializeOwned + 'static> Iterator for Outcomes<R> {
    type Item = Result<R, JobError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.batch.len() == 0 {
            if let Some(number) = self.next_number() {
                return Some(Ok(number));
            }
            self.decode();
        }
        self.batch.next()
    }
}

impl<R> fmt::Debug for Outcomes<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcomes").finish_non_exhaustive()
    }
}

#[cold]
fn error<R>(step: Step, cause: String, name: &str) -> JobError {
    step.named(name, type_name::<R>(), cause)
}

/// The error that a worker has told of.
#[cold]
fn failed<R>(tag: u8, bytes: &[u8], name: &'static str) -> JobError {
    let text = || String::from_utf8_lossy(bytes).into_owned();
    match tag {
        NOT_DECODED => error::<R>(Step::DecodeJob, text(), name),
        NOT_ENCODED => error::<R>(Step::EncodeResult, text(), name),
        PANICKED => match postcard::from_bytes::<RemotePanic>(bytes) {
            Ok(panic) => panic.of(name, None),
            Err(cause) => error::<R>(Step::DecodeResult, cause.to_string(), name),
        },
        _ => unreachable!("a tag has four values"),
    }
}
