//! A job on its way to a worker, and back.

use std::sync::Arc;
use std::time::Duration;

use executor_core::cell::{Control, Task};
use executor_core::{Broken, JobError, Label, Priority};
use executor_thread::scheduler::StartLimit;

use crate::about::About;
use crate::chunk::Chunk;
use crate::codec::Codec;
use crate::frame::{Answered, Body, Bytes, Sent};
use crate::kind::{Answer, Kind};
use crate::runner::InProcess;
use crate::worker::image::Offset;

/// A job on its way to a worker.
pub(crate) struct Encoded {
    pub(crate) kind: Kind,
    pub(crate) bytes: Bytes,
    pub(crate) label: Option<Arc<Label>>,
    /// Ends it if it has not started in its time.
    pub(crate) waits: Option<Box<StartLimit<InProcess>>>,
    /// The lane that it comes back to.
    pub(crate) priority: Priority,
    /// The time that it may run.
    pub(crate) timeout: Option<Duration>,
    /// How many times more it may be run after its worker died.
    pub(crate) retries: u32,
    /// Which run is the next one, from 1 on.
    pub(crate) attempt: u32,
    /// How many workers died before they began it.
    pub(crate) vain: u32,
    /// What is known of its items, if it is a chunk of a `map`.
    pub(crate) chunk: Option<Box<Chunk>>,
}

/// A result on its way back, to be decoded by whoever takes it.
pub(crate) struct Returned {
    pub(crate) codec: Codec,
    pub(crate) bytes: Bytes,
    /// Of the items of a chunk that have an error in place of bytes, by index.
    pub(crate) errors: Vec<(usize, JobError)>,
}

/// A job of the process pool's queue.
pub(crate) type Queued = Arc<dyn Task<Encoded, Returned>>;

impl Encoded {
    pub(crate) fn new(kind: Kind, bytes: Vec<u8>) -> Self {
        Self {
            kind,
            bytes: bytes.into(),
            label: None,
            waits: None,
            priority: Priority::Normal,
            timeout: None,
            retries: 0,
            attempt: 1,
            vain: 0,
            chunk: None,
        }
    }

    /// Its name, in errors.
    pub(crate) fn name(&self) -> &str {
        let name = self.label.as_ref().and_then(|label| label.name.as_deref());
        name.unwrap_or(self.kind.name)
    }

    /// The same, for another cell.
    pub(crate) fn again(&self) -> Self {
        let Self { kind, ref bytes, ref label, priority, timeout, retries, .. } = *self;
        let (bytes, label) = (bytes.clone(), label.clone());
        Self { kind, bytes, label, waits: None, priority, timeout, retries, attempt: 1, vain: 0, chunk: None }
    }

    /// Whether it goes to a worker alone, with nothing sent ahead or behind: only so its time is counted from when it starts, and what
    /// it weighs does not fill the channel.
    pub(crate) fn goes_alone(&self) -> bool {
        self.timeout.is_some() || self.bytes.0.len() > crate::frame::INLINE / 2
    }

    /// What is sent of it.
    pub(crate) fn sent(&self, slot: usize, job: u64) -> Result<Sent, JobError> {
        let broken = |text: String| JobError::Broken(Broken::new(text));
        let work = Offset::of_work(self.kind.work).ok_or_else(|| {
            broken(format!("`{}` is not in the program's own file, but in a shared library", self.kind.name))
        })?;
        let body = Body::pack(&self.bytes)
            .map_err(|error| broken(format!("there is {error} for its arguments; free some and submit again")))?;
        Ok(Sent { slot, job, attempt: self.attempt, about: About::of(self), work, body })
    }

    /// The worker that ran it died. Whether it may be run again.
    pub(crate) fn runs_again(&mut self) -> bool {
        let is_allowed = self.retries > 0;
        if is_allowed {
            self.retries -= 1;
            self.attempt += 1;
        }
        is_allowed
    }

    /// Its outcome, as a worker that lives tells it.
    pub(crate) fn outcome(&self, codec: Codec, answer: Answered) -> Result<Returned, JobError> {
        match answer.unpack() {
            Answer::Done(bytes) => Ok(Returned { codec, bytes, errors: Vec::new() }),
            Answer::Items => Err(JobError::Broken(Broken::new("its worker process answered as if it were a chunk"))),
            Answer::Panicked(panic) => Err(panic.into()),
            Answer::Codec { step, cause } => Err((self.kind.codec_error)(step, cause)),
        }
    }
}

/// A job that was lent to a worker, and what it was made of, should it come back.
pub(crate) struct Lent {
    pub(crate) job: Queued,
    pub(crate) payload: Encoded,
}

impl Lent {
    pub(crate) fn id(&self) -> u64 {
        Control::id(&*self.job).get()
    }
}
