//! The result of a job, on its way from the worker to the thread that takes it.

use executor_core::JobError;

use crate::ipc::attachments::Attachment;
use crate::ipc::codec::Codec;
use crate::ipc::payload::Payload;

/// A result on its way back, decoded by the thread that takes it.
pub(crate) struct EncodedResult {
    /// The job's, in errors.
    pub(crate) name: &'static str,
    pub(crate) codec: Codec,
    pub(crate) payload: Payload,
    /// The attachments of the outcomes of a chunk's items, by index.
    pub(crate) attached: Vec<(usize, Vec<Attachment>)>,
    /// Of the items of a chunk that have an error in place of bytes, by index.
    pub(crate) errors: Vec<(usize, JobError)>,
}
