//! The values that `wrap_jobs` captured for a job, as they are sent with it.

use serde::{Deserialize, Serialize};

use crate::ipc::payload::Bytes;
use crate::protocol::program_image::Offset;

/// The most bytes that the offsets of a value take of a message.
const OFFSETS: usize = 24;

/// A value that was captured, and the functions that use it in the worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Captured {
    /// Decodes the value, and puts the function around the job.
    pub(crate) entry: Offset,
    /// The distance of the function from the image's base.
    pub(crate) function: usize,
    pub(crate) value: Bytes,
}

impl Captured {
    /// The most bytes that it takes of a message.
    pub(crate) fn len(&self) -> usize {
        OFFSETS + self.value.len()
    }
}
