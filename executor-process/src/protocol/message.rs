//! Messages between the parent and a worker.

use serde::{Deserialize, Serialize};

use crate::ipc::codec::Codec;
use crate::ipc::payload::Body;
use crate::protocol::answer::Answered;
use crate::protocol::job_context::JobContext;
use crate::protocol::program_image::Offset;
use crate::protocol::record::{Levels, Record};

/// The first message of a worker, on the socket that it was started with.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Greeting {
    /// The worker has what it needs. `build` says of which program it is.
    Hello { build: String },
    /// The worker cannot be one, for this reason. It ends.
    Refused(String),
}

/// From the parent.
#[derive(Serialize, Deserialize)]
pub(crate) enum Request {
    /// The first one. Answered by [`Reply::Ready`] or [`Reply::NotReady`] if there is an initializer.
    Prepare { name: String, codec: Codec, levels: Levels, initializer: Option<(Offset, Body)> },
    /// Jobs to run one after the other, answered by [`Reply::Done`].
    Run(Vec<JobMessage>),
    /// The worker is to be a template from now on. Answered by [`Reply::Ready`] or [`Reply::NotReady`].
    BeTemplate,
    /// A worker is to be forked from this template, and gets the socket that the message has. Answered by [`Reply::Forked`] or
    /// [`Reply::NotReady`].
    Fork(Body),
}

/// A job as it is sent.
#[derive(Serialize, Deserialize)]
pub(crate) struct JobMessage {
    /// Its place on the page.
    pub(crate) slot: usize,
    pub(crate) job: u64,
    pub(crate) attempt: u32,
    pub(crate) about: Option<JobContext>,
    pub(crate) work: Offset,
    pub(crate) body: Body,
}

/// From a worker.
#[derive(Serialize, Deserialize)]
pub(crate) enum Reply {
    Ready,
    /// The initializer failed, or the template cannot do what it was asked for, for this reason.
    NotReady(String),
    /// The answer of a job that is done, which is not on the page.
    Answer {
        slot: usize,
        job: u64,
        answer: Answered,
    },
    /// Some jobs are done, and others of the same message are not.
    Progress,
    /// All jobs of the message are done, or were revoked.
    Done,
    /// Something that happened in the worker. Comes before the answer of its job, and may come at any other time.
    Record(Record),
    /// The process id of a worker that was forked.
    Forked(u32),
}
