//! A chunk of a `map`: items that go to a worker as one job, and of which each has its own outcome.
//!
//! Each item, and each outcome, is its length (4 bytes, little-endian) and then its bytes. The worker writes outcomes to the page
//! as they come, so a crash costs the item that ran: the parent reads what was done before, and sends the rest to another worker.

use std::any::type_name;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use executor_core::panics::{catch, drop_quietly};
use executor_core::{JobError, Remake};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::attachments::{Attachment, collect};
use crate::codec::{Codec, Step};
use crate::job::Returned;
use crate::kind::{Answer, Items, RemotePanic};
use crate::payload::Payload;
use crate::transport::{Opened, Outgoing, WorkerEnd};
use crate::worker::remake::Remaker;

/// Of this much run time a chunk is made, if its items are short enough: the way there and back costs a hundredth of it.
const GOAL: Duration = Duration::from_millis(1);

/// So many bytes a chunk has at most, of items or of outcomes, so that they go in a message, and come back on the page.
const MOST_BYTES: u64 = 40 * 1024;

/// So many items a chunk has at most.
const MOST_ITEMS: u64 = 16 * 1024;

/// What the parent keeps of a chunk that is on its way.
pub(crate) struct Chunk {
    total: usize,
    /// The index of the first item that has no outcome.
    next: usize,
    outcomes: Vec<u8>,
    /// What came with the outcomes of items, by index.
    attached: Vec<(usize, Vec<Attachment>)>,
    /// Of items that have an error in place of an outcome, by index.
    errors: Vec<(usize, JobError)>,
    /// How many of the items that were sent last have their outcome.
    taken: usize,
    /// Whether that is all that the worker has written to the page.
    has_page: bool,
    pub(crate) pace: Arc<Pace>,
}

/// What was learnt of the items of a `map`: how long one runs, and how many bytes it has.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// 0 while nothing is known.
    nanos: AtomicU64,
    bytes: AtomicU64,
}

impl Pace {
    /// How many items the next chunk should have.
    pub(crate) fn chunk(&self) -> usize {
        // Relaxed: a guess that is late by one chunk is as good.
        let (nanos, bytes) = (self.nanos.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        if nanos == 0 {
            return 1;
        }
        let goal = u64::try_from(GOAL.as_nanos()).unwrap_or(u64::MAX);
        let items = (goal / nanos).min(MOST_BYTES / bytes.max(1)).clamp(1, MOST_ITEMS);
        usize::try_from(items).unwrap_or(1)
    }

    /// So many items took so long, and had so many bytes.
    pub(crate) fn learn(&self, items: usize, nanos: u64, bytes: usize) {
        let items = items.max(1) as u64;
        let update = |known: &AtomicU64, new: u64| {
            let old = known.load(Ordering::Relaxed);
            // Quick to believe that they have grown: too large a chunk keeps others waiting.
            let new = if new > old { new } else { (old * 3 + new) / 4 };
            known.store(new.max(1), Ordering::Relaxed);
        };
        update(&self.nanos, nanos / items);
        update(&self.bytes, bytes as u64 / items);
    }
}

impl Chunk {
    /// A chunk of `total` items, of which some cannot be sent.
    pub(crate) fn new(total: usize, errors: Vec<(usize, JobError)>, pace: Arc<Pace>) -> Self {
        let mut chunk = Self {
            total,
            next: 0,
            outcomes: Vec::new(),
            attached: Vec::new(),
            errors,
            taken: 0,
            has_page: false,
            pace,
        };
        chunk.skip_errors();
        chunk
    }

    /// Takes in what a worker has written to the page, once. False if that is not well-formed, or too much.
    pub(crate) fn absorb_page(&mut self, outcomes: Option<Vec<u8>>) -> bool {
        std::mem::replace(&mut self.has_page, true) || self.absorb(&outcomes.unwrap_or_default())
    }

    /// Takes in the outcome of one item that came in a message. False if it is not well-formed, or not one.
    pub(crate) fn absorb_payload(&mut self, outcome: &Payload) -> bool {
        let attached = outcome.lend();
        if !attached.is_empty() {
            self.attached.push((self.next, attached));
        }
        let taken = self.taken;
        self.absorb(&outcome.bytes().0) && self.taken == taken + 1
    }

    /// Takes in more outcomes. False if they are not well-formed, or too many.
    pub(crate) fn absorb(&mut self, outcomes: &[u8]) -> bool {
        let mut rest = outcomes;
        while let Some((_, behind)) = split(rest).filter(|_| !self.is_over()) {
            rest = behind;
            self.step();
        }
        self.outcomes.extend_from_slice(&outcomes[..outcomes.len() - rest.len()]);
        rest.is_empty()
    }

    /// The next item, which was running, has no other outcome than this.
    pub(crate) fn fail_next(&mut self, error: JobError) {
        let place = self.errors.partition_point(|(index, _)| *index < self.next);
        self.errors.insert(place, (self.next, error));
        self.step();
    }

    fn step(&mut self) {
        self.taken += 1;
        self.next += 1;
        self.skip_errors();
    }

    fn skip_errors(&mut self) {
        while self.errors.binary_search_by_key(&self.next, |(index, _)| *index).is_ok() {
            self.next += 1;
        }
    }

    /// Whether each item has its outcome.
    pub(crate) fn is_over(&self) -> bool {
        self.next >= self.total
    }

    /// What it returns when it is over.
    pub(crate) fn into_returned(self, codec: Codec) -> Returned {
        let payload = Payload::new(self.outcomes, Vec::new());
        Returned { codec, payload, attached: self.attached, errors: self.errors }
    }

    /// Of the items that were `sent`, those that have no outcome, to be sent again.
    pub(crate) fn rest(&mut self, sent: &[u8]) -> Vec<u8> {
        self.has_page = false;
        let mut rest = sent;
        for _ in 0..std::mem::take(&mut self.taken) {
            rest = split(rest).map_or(&[][..], |(_, behind)| behind);
        }
        rest.to_vec()
    }

    /// Of the items that were `sent`, the one that has no outcome while those before it have theirs, as a chunk of its own.
    pub(crate) fn running(&self, sent: &[u8]) -> Vec<u8> {
        let behind = |bytes| split(bytes).map_or(&[][..], |(_, behind)| behind);
        let rest = (0..self.taken).fold(sent, |rest, _| behind(rest));
        rest[..rest.len() - behind(rest).len()].to_vec()
    }

    /// The items that were sent last took so long.
    pub(crate) fn learn(&self, nanos: u64, sent: usize) {
        self.pace.learn(self.taken, nanos, sent.max(self.outcomes.len()));
    }
}

/// The bytes of the first item, and those behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    rest.split_at_checked(len)
}

/// Appends an item, which `write` writes. What was written by one that fails is taken away again.
fn append(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), String>) -> Result<(), String> {
    let start = bytes.len();
    bytes.extend([0; 4]);
    let written = write(bytes).and_then(|()| {
        let len = u32::try_from(bytes.len() - start - 4).map_err(|_| "it has more than 4 GiB".to_owned())?;
        bytes[start..start + 4].copy_from_slice(&len.to_le_bytes());
        Ok(())
    });
    if written.is_err() {
        bytes.truncate(start);
    }
    written
}

/// The bytes of `items`, and an error for each that is not in them, because it cannot be encoded. They share their attachments.
pub(crate) fn encode<A: Serialize, R>(codec: Codec, items: Vec<A>, name: &str) -> (Payload, Vec<(usize, JobError)>) {
    let (mut bytes, mut errors) = (Vec::new(), Vec::new());
    let ((), attachments) = collect(|| {
        for (index, item) in items.into_iter().enumerate() {
            if let Err(cause) = append(&mut bytes, |bytes| codec.encode_into(&item, bytes)) {
                errors.push((index, Step::EncodeJob.named(name, type_name::<R>(), cause)));
            }
            drop_quietly(item);
        }
    });
    (Payload::new(bytes, attachments), errors)
}

/// How an item ended, in front of what came of it.
const DONE: u8 = 0;
const PANICKED: u8 = 1;
const NOT_DECODED: u8 = 2;
const NOT_ENCODED: u8 = 3;

/// The entry of a chunk in a worker.
pub(crate) fn work<F, A, R>(codec: Codec, opened: Opened, end: &WorkerEnd, items: &mut Items<'_>) -> Answer<Outgoing>
where
    F: Fn(A) -> R + Copy + 'static,
    A: DeserializeOwned,
    R: Serialize,
{
    let function: F = Remaker.remake();
    // From now on, what is on the page is outcomes.
    items.publish(&[]);
    let (mut rest, mut outcomes) = (&opened[..], Vec::new());
    while let Some((item, behind)) = split(rest) {
        rest = behind;
        let start = outcomes.len();
        let mut attachments = Vec::new();
        let appended = append(&mut outcomes, |outcomes| {
            attachments = run_item::<F, A, R>(codec, function, (item, &opened.descriptors), outcomes);
            Ok(())
        });
        let told = match appended {
            Ok(()) if attachments.is_empty() && items.publish(&outcomes) => continue,
            // There is no room for this one. It goes in a message, and the others to the next worker.
            Ok(()) => Outgoing::new(&outcomes[start..], attachments, end),
            Err(cause) => Err(cause),
        };
        return match told {
            Ok(outgoing) => Answer::Done(outgoing),
            Err(cause) => Answer::Codec { step: Step::EncodeResult, cause },
        };
    }
    Answer::Items
}

/// Appends the outcome of an item, and returns what is attached to it.
fn run_item<F, A, R>(
    codec: Codec,
    function: F,
    (item, descriptors): (&[u8], &[Arc<OwnedFd>]),
    outcomes: &mut Vec<u8>,
) -> Vec<Attachment>
where
    F: Fn(A) -> R,
    A: DeserializeOwned,
    R: Serialize,
{
    let start = outcomes.len();
    let (tag, cause) = match codec.decode_value(item, descriptors.to_vec()) {
        Err(cause) => (NOT_DECODED, cause.into_bytes()),
        Ok(argument) => match catch(|| function(argument)) {
            Err(panic) => (PANICKED, postcard::to_stdvec(&RemotePanic::from(panic)).unwrap_or_default()),
            Ok(result) => {
                outcomes.push(DONE);
                let (encoded, attachments) = collect(|| codec.encode_into(&result, outcomes));
                drop_quietly(result);
                let Err(cause) = encoded else { return attachments };
                outcomes.truncate(start);
                (NOT_ENCODED, cause.into_bytes())
            }
        },
    };
    outcomes.push(tag);
    outcomes.extend(cause);
    Vec::new()
}

/// The outcomes of a chunk, on the thread of whoever takes them.
pub(crate) fn open<R: DeserializeOwned>(returned: Returned, name: &str) -> Vec<Result<R, JobError>> {
    let Returned { codec, payload, attached, errors } = returned;
    let (mut errors, mut attached) = (errors.into_iter().peekable(), attached.into_iter().peekable());
    let (mut rest, mut outcomes) = (&payload.bytes().0[..], Vec::new());
    loop {
        if let Some((_, error)) = errors.next_if(|(index, _)| *index == outcomes.len()) {
            outcomes.push(Err(error));
        } else if let Some((outcome, behind)) = split(rest) {
            rest = behind;
            let came = attached.next_if(|(index, _)| *index == outcomes.len()).map(|(_, came)| came);
            let descriptors = came.into_iter().flatten().map(|attachment| attachment.descriptor).collect();
            outcomes.push(open_item(codec, (outcome, descriptors), name));
        } else {
            return outcomes;
        }
    }
}

fn open_item<R: DeserializeOwned>(
    codec: Codec,
    (outcome, descriptors): (&[u8], Vec<Arc<OwnedFd>>),
    name: &str,
) -> Result<R, JobError> {
    let failed = |step: Step, cause: String| -> JobError { step.named(name, type_name::<R>(), cause) };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match outcome.split_first() {
        Some((&DONE, result)) => {
            codec.decode_value(result, descriptors).map_err(|cause| failed(Step::DecodeResult, cause))
        }
        Some((&NOT_DECODED, cause)) => Err(failed(Step::DecodeJob, text(cause))),
        Some((&NOT_ENCODED, cause)) => Err(failed(Step::EncodeResult, text(cause))),
        Some((&PANICKED, panic)) => Err(match postcard::from_bytes::<RemotePanic>(panic) {
            Ok(panic) => panic.into(),
            Err(cause) => failed(Step::DecodeResult, cause.to_string()),
        }),
        _ => Err(failed(Step::DecodeResult, "it has no known form".to_owned())),
    }
}

#[cfg(test)]
mod tests;
