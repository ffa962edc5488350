//! Hears what a worker says beside its answers, and passes it on.

use std::cell::Cell;
use std::sync::Arc;

use crate::protocol::record::{Content, Record};
use crate::supervisor::delivery::Delivery;
use crate::supervisor::records::{self, Source, SourceJob};

pub(crate) struct Listener {
    delivery: Arc<Delivery>,
    /// The worker, in none of its jobs.
    source: Source,
    /// How many records were dropped here, and were not reported yet.
    lost: Cell<u64>,
}

impl Listener {
    pub(crate) fn new(delivery: Arc<Delivery>, worker: Arc<str>, pid: u32) -> Self {
        Self { delivery, source: Source { worker, pid, job: None }, lost: Cell::new(0) }
    }

    /// Passes a record on. `find` returns the job of a number, if the worker has that.
    pub(crate) fn hear(&self, record: Record, find: impl FnOnce(u64) -> Option<SourceJob>) {
        let source = Source { job: find(record.job), ..self.source.clone() };
        let lost = self.lost.take();
        let is_told = lost == 0 || records::deliver(&self.delivery, source.clone(), Content::Lost(lost));
        let lost = if is_told { 0 } else { lost };
        let is_delivered = is_told && records::deliver(&self.delivery, source, record.content);
        self.lost.set(lost + u64::from(!is_delivered));
    }

    /// Blocks until all that was heard is delivered, for 1 s at most.
    pub(crate) fn catch_up(&self) {
        self.delivery.catch_up();
    }
}
