//! A job of ours, from its submission to its outcome.

use std::cell::{Cell, OnceCell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use executor_core::cell::{Abort, Dispatch, NamesJob, Task};
use executor_core::observe::JobDescription;
use executor_core::{JobId, JobName, JobPath, Label, Priority};
use executor_process::remote::RemoteResult;
use parking_lot::Mutex;

use super::batch::Batch;
use super::removals::{Closed, Removals};
use super::timers::TimerKey;
use crate::protocol::large::arguments_name;
use crate::protocol::message::HostId;
use crate::protocol::names::JobKey;

/// The job for people: its name, and the call that submitted it.
#[derive(Clone)]
pub(crate) struct Described {
    pub(crate) path: JobPath,
    pub(crate) label: Option<Arc<Label>>,
    pub(crate) place: &'static Location<'static>,
}

impl Described {
    pub(crate) fn name(&self) -> JobName {
        JobName::new(self.label.as_ref(), self.path)
    }
}

impl Described {
    /// The name that the job was given.
    pub(crate) fn given_name(&self) -> Option<String> {
        self.label.as_ref()?.name.as_deref().map(str::to_owned)
    }
}

impl NamesJob for Described {
    fn job_name(described: Option<&Self>) -> Option<JobName> {
        described.map(Self::name)
    }

    fn describe(described: &Self) -> Option<JobDescription> {
        Some(JobDescription::new(described.name(), described.label.clone(), Some(described.place)))
    }
}

/// A job's cell, whatever its result is.
pub(crate) type AnyTask = Arc<dyn Task<Described, RemoteResult>>;

/// Where a job is, as far as this process knows. The ledger decides; here its decisions are kept for the cell.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<Stage>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Delayed by its submitter: nothing was sent.
    Delayed,
    #[default]
    Queued,
    Started,
    /// It never starts.
    Withdrawn,
    /// It had started, and its outcome is that it was aborted.
    Aborted,
    Ended,
}

impl Progress {
    pub(crate) fn at(stage: Stage) -> Arc<Self> {
        Arc::new(Self(Mutex::new(stage)))
    }

    pub(crate) fn stage(&self) -> Stage {
        *self.0.lock()
    }

    /// Returns the stage before.
    pub(crate) fn set(&self, stage: Stage) -> Stage {
        std::mem::replace(&mut *self.0.lock(), stage)
    }
}

impl Abort for Progress {
    fn abort(&self, _: JobId) -> bool {
        self.stage() == Stage::Aborted
    }
}

impl Dispatch for Progress {
    fn revoke(&self, _: JobId) -> bool {
        self.stage() == Stage::Withdrawn
    }

    fn has_started(&self, _: JobId) -> bool {
        matches!(self.stage(), Stage::Started | Stage::Aborted | Stage::Ended)
    }
}

/// A job in the hands of the engine.
pub(crate) struct Job {
    pub(crate) key: JobKey,
    /// Its number in this executor, which differs from that of its key if another executor has submitted it.
    pub(crate) number: u64,
    pub(crate) task: AnyTask,
    pub(crate) progress: Arc<Progress>,
    pub(crate) priority: Priority,
    pub(crate) described: Described,
    /// When it was submitted, or its delay was over.
    pub(crate) since: Cell<Instant>,
    /// How long it may wait for its start.
    pub(crate) start_limit: Option<Duration>,
    /// The limit that is over, if one is.
    pub(crate) exceeded: Cell<Duration>,
    /// The next time at which something is to be done about it.
    pub(crate) timer: Cell<Option<TimerKey>>,
    /// How many threads are about to cancel its cell if it never starts: callbacks of a cancelled job run there.
    pub(crate) cancelling: Cell<u32>,
    /// The message, until it is stored.
    pub(crate) message: RefCell<Option<Bytes>>,
    /// Where it is stored.
    pub(crate) sequence: Cell<Option<u64>>,
    /// The host that runs it.
    pub(crate) host: RefCell<Option<Rc<HostId>>>,
    /// It may have reached the server.
    pub(crate) was_sent: Cell<bool>,
    /// Its last record. 0 is for none.
    pub(crate) revision: Cell<u64>,
    pub(crate) has_large_arguments: Cell<bool>,
    /// The batch that it was sent in, and its place there.
    pub(crate) batch: OnceCell<(Rc<Batch>, u8)>,
    pub(crate) may_be_in_batch: bool,
    /// Its submitter was another executor.
    pub(crate) is_attached: bool,
    pub(crate) removals: Rc<Removals>,
}

impl Job {
    /// A job of which nothing is known yet, and that may take `limit` in all.
    pub(crate) fn new(
        key: JobKey,
        number: u64,
        task: AnyTask,
        progress: Arc<Progress>,
        described: Described,
        limit: Duration,
        removals: Rc<Removals>,
    ) -> Self {
        Self {
            key,
            number,
            task,
            progress,
            priority: Priority::default(),
            described,
            since: Cell::new(Instant::now()),
            start_limit: None,
            exceeded: Cell::new(limit),
            timer: Cell::new(None),
            cancelling: Cell::new(0),
            message: RefCell::new(None),
            sequence: Cell::new(None),
            host: RefCell::new(None),
            was_sent: Cell::new(false),
            revision: Cell::new(0),
            has_large_arguments: Cell::new(false),
            batch: OnceCell::new(),
            may_be_in_batch: false,
            is_attached: false,
            removals,
        }
    }

    /// Nothing was sent of it, so no host can start it, and the ledger need not be asked.
    pub(crate) fn is_only_here(&self) -> bool {
        !self.is_attached && !self.was_sent.get()
    }

    /// The key of its record.
    pub(crate) fn record_key(&self) -> &JobKey {
        self.batch.get().map_or(&self.key, |(batch, _)| &batch.key)
    }

    /// The ledger has this record of the job.
    pub(crate) fn saw(&self, revision: u64) {
        self.revision.set(self.revision.get().max(revision));
    }
}

/// The engine drops the job when it has its outcome, and is stored or never will be.
impl Drop for Job {
    fn drop(&mut self) {
        let is_cancelled = self.progress.stage() == Stage::Withdrawn;
        if self.has_large_arguments.get() || (self.is_attached && is_cancelled) {
            self.removals.arguments(arguments_name(&self.key));
        }
        if !self.is_attached {
            let is_uncertain = self.was_sent.get() && self.sequence.get().is_none();
            let job = self.sequence.get().unwrap_or_default();
            self.removals.closed(&Closed { key: &self.key, record: self.revision.get(), job, is_uncertain });
        }
    }
}
