//! A chunk of a `map`: items that go to a worker as one job, and of which each has its own outcome.
//!
//! The worker writes outcomes to the page as they come, so a crash costs the item that ran: the parent reads what was done before, and
//! sends the rest to another worker.
//!
//! Items cost tens of nanoseconds, so what is done for each is little: what can be is done once a chunk, such as catching panics.

mod outcomes;
mod pace;

use std::any::type_name;
use std::sync::Arc;

use executor_core::JobError;
use executor_core::job_counters::Failure;
use executor_core::panics::{catch, drop_catching};
use serde::Serialize;

pub use self::outcomes::Outcomes;
pub(crate) use self::pace::Pace;
use crate::dispatch::encoded_result::EncodedResult;
use crate::ipc::attachments::{Attachment, begin_item, collect_of_items, end_failed_item};
use crate::ipc::codec::{Codec, Step};
use crate::ipc::payload::Payload;
use crate::protocol::item_number;
use crate::protocol::item_record::{WITH_HANDLES, append, failure, split};

/// In front of the items: the function that is applied to them, as its distance from the image's base.
const HEAD: usize = size_of::<usize>();

/// The bytes of an item for which memory is allocated before it is encoded.
const USUAL: usize = 4;

/// The parent's state of a chunk that was sent to a worker.
pub(crate) struct Chunk {
    total: usize,
    /// The index of the first item that has no outcome.
    next: usize,
    outcomes: Vec<u8>,
    /// The attachments of items' outcomes, by index.
    attached: Vec<(usize, Vec<Attachment>)>,
    /// The errors of items that have no encoded outcome, by index.
    errors: Vec<(usize, JobError)>,
    /// The worst of the outcomes.
    worst: Option<Failure>,
    /// How many of the items that were sent last have their outcome.
    taken: usize,
    /// Whether that is all that the worker has written to the page.
    has_page: bool,
    pub(crate) pace: Arc<Pace>,
}

impl Chunk {
    /// A chunk of `total` items, of which some cannot be sent.
    pub(crate) fn new(total: usize, errors: Vec<(usize, JobError)>, pace: Arc<Pace>) -> Self {
        let mut chunk = Self {
            total,
            next: 0,
            outcomes: Vec::new(),
            attached: Vec::new(),
            worst: errors.iter().filter_map(|(_, error)| Failure::of(error)).max(),
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
        std::mem::replace(&mut self.has_page, true) || self.absorb(outcomes.unwrap_or_default())
    }

    /// Takes in the outcome of one item that came in a message. False if it is not well-formed, or not one.
    pub(crate) fn absorb_payload(&mut self, outcome: &Payload) -> bool {
        let attached = outcome.lend();
        if !attached.is_empty() {
            self.attached.push((self.next, attached));
        }
        let taken = self.taken;
        self.absorb(outcome.bytes().to_vec()) && self.taken == taken + 1
    }

    /// Takes in more outcomes. False if they are not well-formed, or too many.
    pub(crate) fn absorb(&mut self, mut outcomes: Vec<u8>) -> bool {
        let mut rest = &outcomes[..];
        while let Some(((tag, _), behind)) = split(rest).filter(|_| !self.is_over()) {
            rest = behind;
            if let Some(failure) = failure(tag) {
                self.worst = self.worst.max(Some(failure));
            }
            self.step();
        }
        let is_all = rest.is_empty();
        outcomes.truncate(outcomes.len() - rest.len());
        if self.outcomes.is_empty() {
            self.outcomes = outcomes;
        } else {
            self.outcomes.extend_from_slice(&outcomes);
        }
        is_all
    }

    /// The next item, which was running, has no other outcome than this.
    pub(crate) fn fail_next(&mut self, error: JobError) {
        self.worst = self.worst.max(Failure::of(&error));
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
        while !self.errors.is_empty() && self.errors.binary_search_by_key(&self.next, |(index, _)| *index).is_ok() {
            self.next += 1;
        }
    }

    /// Whether each item has its outcome.
    pub(crate) fn is_over(&self) -> bool {
        self.next >= self.total
    }

    /// The failure that the chunk counts as: the worst of its items'.
    pub(crate) fn worst(&self) -> Option<Failure> {
        self.worst
    }

    /// The result of the chunk, once it is over.
    pub(crate) fn into_returned(self, codec: Codec, name: &'static str) -> EncodedResult {
        let payload = Payload::new(self.outcomes, Vec::new());
        EncodedResult { name, codec, payload, attached: self.attached, errors: self.errors }
    }

    /// Whether no item of those that were sent last has its outcome.
    pub(crate) fn is_whole(&self) -> bool {
        self.taken == 0
    }

    /// Leaves in the `body`, which was sent, what is to be sent again: the items that have no outcome.
    pub(crate) fn leave_rest(&mut self, body: &mut Payload) {
        let rest = self.rest(body.bytes());
        body.replace(rest, self.next);
    }

    /// Of the items that were `sent`, those that have no outcome.
    fn rest(&mut self, sent: &[u8]) -> Vec<u8> {
        self.has_page = false;
        let (head, mut rest) = sent.split_at(HEAD.min(sent.len()));
        for _ in 0..std::mem::take(&mut self.taken) {
            rest = split(rest).map_or(&[][..], |(_, behind)| behind);
        }
        [head, rest].concat()
    }

    /// The number of the item that has no outcome while those before it have theirs.
    pub(crate) fn running_item(&self) -> usize {
        self.next
    }

    /// Of the items that were `sent`, the one that has no outcome while those before it have theirs, as a chunk of its own.
    pub(crate) fn running(&self, sent: &[u8]) -> Vec<u8> {
        let behind = |bytes| split(bytes).map_or(&[][..], |(_, behind)| behind);
        let (head, items) = sent.split_at(HEAD.min(sent.len()));
        let rest = (0..self.taken).fold(items, |rest, _| behind(rest));
        [head, &rest[..rest.len() - behind(rest).len()]].concat()
    }

    /// Records that the items sent last took `nanos`.
    pub(crate) fn learn(&self, nanos: u64, sent: usize) {
        self.pace.learn(self.taken, nanos, sent.max(self.outcomes.len()));
    }
}

/// Items that go in one message.
pub(crate) struct Part {
    pub(crate) total: usize,
    /// The bytes of those that can be encoded. They share their attachments.
    pub(crate) body: Payload,
    /// For each of the others, by index, why it cannot.
    pub(crate) errors: Vec<(usize, JobError)>,
}

/// Encodes `items`, in as many parts as it takes: no message has room for more attachments than [`MAX_DESCRIPTORS`](crate::ipc::attachments::MAX_DESCRIPTORS).
pub(crate) fn encode<A: Serialize + 'static, R>(codec: Codec, function: usize, items: Vec<A>, name: &str) -> Vec<Part> {
    let (mut parts, mut left) = (Vec::with_capacity(1), &items[..]);
    while !left.is_empty() {
        let part = encode_some::<A, R>(codec, function, left, name);
        left = &left[part.total..];
        parts.push(part);
    }
    items.into_iter().for_each(drop_catching);
    parts
}

/// As many of `items` as one message has room for: one at least.
fn encode_some<A: Serialize + 'static, R>(codec: Codec, function: usize, items: &[A], name: &str) -> Part {
    let (mut bytes, mut errors) = (Vec::with_capacity(HEAD + items.len() * USUAL), Vec::new());
    bytes.extend_from_slice(&function.to_ne_bytes());
    let (total, attachments) = collect_of_items(|| {
        let (mut left, mut at) = (items.iter().enumerate(), (0, HEAD));
        loop {
            let encoded = catch(|| {
                left.try_for_each(|(index, item)| {
                    if item_number::append(codec, item, &mut bytes) {
                        return Ok(());
                    }
                    at = (index, bytes.len());
                    begin_item(index);
                    append(&mut bytes, |bytes| {
                        let has_handles = codec.encode_unguarded(item, bytes)?;
                        Ok(if has_handles { WITH_HANDLES } else { 0 })
                    })
                })
            });
            let Err(cause) = encoded.unwrap_or_else(|panic| Err(panic.to_string())) else { return items.len() };
            bytes.truncate(at.1);
            if end_failed_item(at.0) {
                return at.0;
            }
            errors.push((at.0, Step::EncodeJob.named(name, type_name::<R>(), cause)));
        }
    });
    Part { total, body: Payload::of_chunk(bytes, attachments), errors }
}

#[cfg(all(test, not(loom)))]
mod tests;
