//! A chunk in a worker.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use executor_core::panics::{catch, drop_catching};
use executor_core::wrap::{self, Context};
use executor_core::{JobError, JobPath, Remake};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ipc::attachments::{Attachment, collect};
use crate::ipc::codec::{Codec, Step};
use crate::protocol::answer::{Answer, PANICKED as PANIC_CODE, RemotePanic};
use crate::protocol::item_number;
use crate::protocol::item_record::{DONE, NOT_DECODED, NOT_ENCODED, PANICKED, WITH_HANDLES, append, next};
use crate::protocol::status_page::Appender;
use crate::transport::{Opened, Outgoing, WorkerEnd, outgoing};
use crate::worker::end_copy;
use crate::worker::remake::Remaker;

/// The entry of a chunk in a worker. Each item runs inside of the context.
pub(crate) fn work<A, R>(
    codec: Codec,
    opened: Opened,
    context: Option<&Context>,
    end: &WorkerEnd,
    outcomes: &mut Appender<'_>,
) -> Answer<Outgoing>
where
    A: DeserializeOwned + 'static,
    R: Serialize + 'static,
{
    let descriptors = &opened.descriptors[..];
    let sent = opened.split_first_chunk();
    let Some((function, mut rest)) = sent.and_then(|(head, items)| {
        let function = Remaker.pointer::<fn(A) -> R>(usize::from_ne_bytes(*head))?;
        Some((function, items))
    }) else {
        return Answer::Codec { step: Step::DecodeJob, cause: "its function is not in this program".to_owned() };
    };
    let name = JobPath::of::<fn(A) -> R>().into();
    let run = |argument| match context {
        None => function(argument),
        Some(context) => wrap::run(Some((context, &name)), || function(argument)),
    };
    let mut item = Item::new(codec, descriptors);
    outcomes.begin();
    loop {
        // Once for all items: a `catch` costs more than a short item.
        let ran = catch(|| {
            while let Some((tag, bytes)) = next(&mut rest) {
                if let Some(attachments) = item.run(run, tag == WITH_HANDLES, bytes, outcomes) {
                    return Some(attachments);
                }
            }
            None
        });
        let attachments = match ran {
            Ok(None) => return Answer::Items,
            Ok(Some(attachments)) => attachments,
            Err(panic) => {
                end_copy(PANIC_CODE);
                item.panicked(panic);
                if outcomes.push(&item.outcome) {
                    continue;
                }
                Vec::new()
            }
        };
        // There is no room for this one. It goes in a message, and the others to the next worker.
        return match outgoing(&item.outcome, attachments, end) {
            Ok(outgoing) => Answer::Done(outgoing),
            Err(cause) => Answer::Codec { step: Step::EncodeResult, cause },
        };
    }
}

/// The current step of an item, in case it panics.
#[derive(Clone, Copy)]
enum Doing {
    Decode,
    Run,
    Encode,
}

/// The item that is worked on.
struct Item<'a, R> {
    codec: Codec,
    descriptors: &'a [Arc<OwnedFd>],
    doing: Doing,
    /// Out of the way of a panic: unwinding would end the process, should its drop panic, too.
    result: Option<R>,
    outcome: Vec<u8>,
}

impl<'a, R: Serialize + 'static> Item<'a, R> {
    fn new(codec: Codec, descriptors: &'a [Arc<OwnedFd>]) -> Self {
        Self { codec, descriptors, doing: Doing::Decode, result: None, outcome: Vec::new() }
    }

    /// Runs the item that `bytes` are. Returns what is attached to its outcome, if that has no room among the others.
    #[inline]
    fn run<A: DeserializeOwned + 'static>(
        &mut self,
        function: impl Fn(A) -> R,
        has_handles: bool,
        bytes: &[u8],
        outcomes: &mut Appender<'_>,
    ) -> Option<Vec<Attachment>> {
        let argument = match item_number::read(self.codec, bytes) {
            Some(number) => number,
            None => match self.decode(has_handles, bytes) {
                Ok(argument) => argument,
                Err(cause) => {
                    self.say(NOT_DECODED, cause.as_bytes());
                    return self.publish(Vec::new(), outcomes);
                }
            },
        };
        self.doing = Doing::Run;
        let result = function(argument);
        end_copy(0);
        match item_number::record(self.codec, &result) {
            Some(record) if outcomes.push_short(record) => None,
            _ => self.encode(result, outcomes),
        }
    }

    fn decode<A: DeserializeOwned + 'static>(&mut self, has_handles: bool, bytes: &[u8]) -> Result<A, String> {
        self.doing = Doing::Decode;
        let descriptors = if has_handles { self.descriptors.to_vec() } else { Vec::new() };
        let decoded = self.codec.decode_unguarded(bytes, descriptors);
        end_copy(0);
        decoded
    }

    fn encode(&mut self, result: R, outcomes: &mut Appender<'_>) -> Option<Vec<Attachment>> {
        let result = self.result.insert(result);
        self.doing = Doing::Encode;
        self.outcome.clear();
        let (codec, outcome) = (self.codec, &mut self.outcome);
        let (encoded, attachments) =
            collect(|| append(outcome, |outcome| codec.encode_unguarded(result, outcome).map(|_| DONE)));
        drop_catching(self.result.take());
        end_copy(0);
        if let Err(cause) = encoded {
            self.say(NOT_ENCODED, cause.as_bytes());
            return self.publish(Vec::new(), outcomes);
        }
        self.publish(attachments, outcomes)
    }

    /// Puts the outcome on the page. Returns what is attached to one that has to go in a message.
    fn publish(&self, attachments: Vec<Attachment>, outcomes: &mut Appender<'_>) -> Option<Vec<Attachment>> {
        (!attachments.is_empty() || !outcomes.push(&self.outcome)).then_some(attachments)
    }

    /// It has panicked.
    fn panicked(&mut self, panic: JobError) {
        drop_catching(self.result.take());
        match self.doing {
            Doing::Decode => self.say(NOT_DECODED, panic.to_string().as_bytes()),
            Doing::Run => self.say(PANICKED, &postcard::to_stdvec(&RemotePanic::from(panic)).unwrap_or_default()),
            Doing::Encode => self.say(NOT_ENCODED, panic.to_string().as_bytes()),
        }
    }

    #[cold]
    fn say(&mut self, tag: u8, what: &[u8]) {
        self.outcome.clear();
        let Ok(()) = append(&mut self.outcome, |outcome| {
            outcome.extend_from_slice(what);
            Ok::<_, std::convert::Infallible>(tag)
        });
    }
}
