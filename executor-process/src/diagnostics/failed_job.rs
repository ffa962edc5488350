//! A job that failed in a worker, and the part of it that can be kept.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use executor_core::{JobId, Label};

use crate::ipc::payload::Bytes;
use crate::supervisor::start::WorkerSettings;
use crate::worker::entry_point::JobEntry;

/// A job that a worker was running.
pub(crate) struct FailedJob {
    pub(crate) settings: Arc<WorkerSettings>,
    pub(crate) id: JobId,
    pub(crate) attempt: u32,
    /// The name that it was given.
    pub(crate) label: Option<Arc<Label>>,
    pub(crate) entry: JobEntry,
    /// The path of its function or type.
    pub(crate) type_name: &'static str,
    pub(crate) body: SavedArguments,
}

/// The part of a job that can be kept.
#[derive(Clone)]
pub(crate) enum SavedArguments {
    /// The attachments are in the places that the bytes name. `None` if only other items of the chunk hold one.
    Whole { bytes: Bytes, attached: Vec<Option<Arc<OwnedFd>>> },
    /// There are ends of channels in it, which are of no use to another process later.
    Handles,
}

impl FailedJob {
    /// The name that it was given.
    pub(super) fn name(&self) -> Option<&str> {
        self.label.as_ref()?.name.as_deref()
    }
}
