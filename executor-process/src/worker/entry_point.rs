//! The functions of the program that a worker runs, and how they are named in messages. Unsafe, because it makes functions of addresses.
#![allow(unsafe_code)]

use std::any::Any;
use std::rc::Rc;

use executor_core::wrap::Context;

use crate::ipc::codec::Codec;
use crate::protocol::answer::Answer;
use crate::protocol::captured::Captured;
use crate::protocol::program_image::{Offset, code};
use crate::protocol::status_page::Appender;
use crate::transport::{Opened, Outgoing, WorkerEnd};

/// Decodes a job, runs it inside of its context, and encodes its result: the entry of a job type in a worker. A chunk says the outcomes of
/// its items as they come.
pub(crate) type JobEntry = fn(Codec, Opened, Option<&Context>, &WorkerEnd, &mut Appender<'_>) -> Answer<Outgoing>;

/// Decodes an initializer, runs it, and keeps what it made: the entry of an initializer in a worker.
pub(crate) type InitEntry = fn(Codec, Opened) -> Result<Rc<dyn Any>, String>;

/// Decodes a value that was captured where a job was submitted, and makes the code around the job: the entry of a type of value in a worker.
pub(crate) type WrapEntry = fn(Codec, &Captured) -> Result<Context, String>;

impl Offset {
    /// `None` if the function is not in the program's own file.
    pub(crate) fn of_job(entry: JobEntry) -> Option<Self> {
        Self::of(entry as usize)
    }

    /// `None` if the function is not in the program's own file.
    pub(crate) fn of_init(entry: InitEntry) -> Option<Self> {
        Self::of(entry as usize)
    }

    /// `None` if the function is not in the program's own file.
    pub(crate) fn of_wrap(entry: WrapEntry) -> Option<Self> {
        Self::of(entry as usize)
    }

    /// The function that [`of_job`](Offset::of_job) was given, in a process that runs the same file.
    pub(crate) fn job_entry(self) -> Option<JobEntry> {
        // SAFETY: the address is in the program's code, and the sender, which runs the same build (both sides checked before
        // the first request), made the offset from a `JobEntry`. A worker takes requests from its parent alone.
        self.address().map(|address| unsafe { std::mem::transmute::<*const (), JobEntry>(code(address)) })
    }

    /// The function that [`of_init`](Offset::of_init) was given, in a process that runs the same file.
    pub(crate) fn init_entry(self) -> Option<InitEntry> {
        // SAFETY: as in `job_entry`, with an offset made from a `InitEntry`.
        self.address().map(|address| unsafe { std::mem::transmute::<*const (), InitEntry>(code(address)) })
    }

    /// The function that [`of_wrap`](Offset::of_wrap) was given, in a process that runs the same file.
    pub(crate) fn wrap_entry(self) -> Option<WrapEntry> {
        // SAFETY: as in `job_entry`, with an offset made from a `WrapEntry`.
        self.address().map(|address| unsafe { std::mem::transmute::<*const (), WrapEntry>(code(address)) })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::ipc::codec::Step;
    use crate::ipc::payload::Payload;
    use crate::protocol::status_page::Appender;
    use crate::transport::{self, Opened, Outgoing, WorkerEnd};

    fn work(_: Codec, opened: Opened, _: Option<&Context>, _: &WorkerEnd, _: &mut Appender<'_>) -> Answer<Outgoing> {
        Answer::Codec { step: Step::DecodeJob, cause: format!("called with {opened:?}") }
    }

    #[test]
    fn a_function_comes_back_from_its_offset() {
        let offset = Offset::of_job(work).expect("it is in this program");
        let (parent, worker) = transport::pair();
        let opened = worker.open(parent.pack(&Payload::new(vec![7], Vec::new())).unwrap()).unwrap();
        let found = offset.job_entry().expect("it is code");
        let answer = found(Codec::Postcard, opened, None, &worker, &mut Appender::nowhere());
        assert!(matches!(answer, Answer::Codec { cause, .. } if cause == "called with [7]"));
    }
}
