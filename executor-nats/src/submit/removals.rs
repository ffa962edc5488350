//! The things to be removed from the server: the records of jobs that have ended, and large values.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem::take;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::protocol::message::Body;
use crate::protocol::names::JobKey;

/// Of the jobs of one executor.
#[derive(Default)]
pub(crate) struct Removals {
    blocks: RefCell<BTreeMap<u64, Block>>,
    read: RefCell<Vec<Read>>,
    /// The names of large arguments of jobs that have ended.
    arguments: RefCell<Vec<String>>,
    open: Cell<usize>,
    /// A job has ended.
    pub(super) changed: Notify,
}

/// The jobs of a block.
#[derive(Default)]
struct Block {
    open: usize,
    /// The last record and the last message of a job that has ended.
    last_record: u64,
    last_job: u64,
}

impl Block {
    fn is_due(&self) -> bool {
        self.open == 0 && self.last_record > 0
    }
}

/// A block of which something is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DueBlock {
    pub(super) number: u64,
    /// 0 is for none.
    pub(super) last_job: u64,
    pub(super) last_record: u64,
}

/// A kept job whose outcome is in memory.
pub(super) struct Read {
    pub(super) key: JobKey,
    pub(super) revision: u64,
    pub(super) body: Body,
    since: Instant,
}

/// A job that has ended, and is stored or never will be.
pub(crate) struct Closed<'a> {
    pub(crate) key: &'a JobKey,
    /// Its last record and its message; 0 is for none.
    pub(crate) record: u64,
    pub(crate) job: u64,
    /// It is not known whether its message was stored.
    pub(crate) is_uncertain: bool,
}

impl Removals {
    pub(crate) fn opened(&self, key: &JobKey) {
        if let Some(block) = key.block() {
            self.blocks.borrow_mut().entry(block).or_default().open += 1;
            self.open.set(self.open.get() + 1);
        }
    }

    pub(crate) fn closed(&self, job: &Closed<'_>) {
        let Some(number) = job.key.block() else { return };
        self.open.set(self.open.get() - 1);
        if let Some(block) = self.blocks.borrow_mut().get_mut(&number) {
            // A message that comes late must find the record. So that stays until its time is up, and the block with it.
            block.open -= usize::from(!job.is_uncertain);
            block.last_record = block.last_record.max(job.record);
            block.last_job = block.last_job.max(job.job);
        }
        self.changed.notify_one();
    }

    /// Other streams count from 1 again, so what is known of the blocks is of no use. Their records stay until their time is up.
    pub(super) fn streams_are_new(&self) {
        for block in self.blocks.borrow_mut().values_mut() {
            block.open += 1;
        }
    }

    /// A job that had large arguments has ended.
    pub(crate) fn arguments(&self, name: String) {
        self.arguments.borrow_mut().push(name);
        self.changed.notify_one();
    }

    /// The outcome of a kept job is in memory.
    pub(crate) fn read(&self, key: &JobKey, revision: u64, body: Body) {
        let body = if matches!(body, Body::Large(_)) { body } else { Body::Inline(Vec::new()) };
        self.read.borrow_mut().push(Read { key: key.clone(), revision, body, since: Instant::now() });
        self.changed.notify_one();
    }

    pub(super) fn has_open(&self) -> bool {
        self.open.get() > 0
    }

    pub(super) fn is_empty(&self) -> bool {
        let has_due = self.blocks.borrow().values().any(Block::is_due);
        !has_due && self.read.borrow().is_empty() && self.arguments.borrow().is_empty()
    }

    pub(super) fn take_arguments(&self) -> Vec<String> {
        take(&mut *self.arguments.borrow_mut())
    }

    /// The jobs whose outcome has been in memory for at least `age`.
    pub(super) fn take_read(&self, age: Duration) -> Vec<Read> {
        let mut read = self.read.borrow_mut();
        let due = read.partition_point(|read| read.since.elapsed() >= age);
        read.drain(..due).collect()
    }

    /// The blocks whose jobs have all ended.
    pub(super) fn due_blocks(&self) -> Vec<DueBlock> {
        let mut blocks = self.blocks.borrow_mut();
        blocks.retain(|_, block| block.open > 0 || block.is_due());
        let due = blocks.iter().filter(|(_, block)| block.is_due());
        due.map(|(number, Block { last_job, last_record, .. })| DueBlock {
            number: *number,
            last_job: *last_job,
            last_record: *last_record,
        })
        .collect()
    }

    /// It is removed.
    pub(super) fn removed(&self, due: DueBlock) {
        if let Some(block) = self.blocks.borrow_mut().get_mut(&due.number)
            && block.last_record == due.last_record
        {
            block.last_record = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::names::BLOCK;

    fn key(number: u64) -> JobKey {
        JobKey { submitter: "s".to_owned(), number, is_kept: false }
    }

    fn close(removals: &Removals, number: u64, record: u64) {
        removals.closed(&Closed { key: &key(number), record, job: number + 1, is_uncertain: false });
    }

    #[test]
    fn block_with_an_open_job_is_left() {
        let removals = Removals::default();
        removals.opened(&key(0));
        removals.opened(&key(1));
        close(&removals, 1, 7);
        assert!(removals.due_blocks().is_empty() && removals.is_empty());
        close(&removals, 0, 5);
        let due = DueBlock { number: 0, last_job: 2, last_record: 7 };
        assert_eq!(removals.due_blocks(), [due]);
        assert!(!removals.is_empty() && !removals.has_open());
        // A job that came meanwhile has a record of its own.
        removals.opened(&key(2));
        close(&removals, 2, 9);
        removals.removed(due);
        assert_eq!(removals.due_blocks(), [DueBlock { number: 0, last_job: 3, last_record: 9 }]);
        removals.removed(removals.due_blocks()[0]);
        assert!(removals.is_empty());
    }

    #[test]
    fn job_without_record_leaves_nothing() {
        let removals = Removals::default();
        removals.opened(&key(0));
        close(&removals, 0, 0);
        assert!(removals.is_empty() && removals.due_blocks().is_empty());
    }

    #[test]
    fn uncertain_job_keeps_its_block() {
        let removals = Removals::default();
        removals.opened(&key(0));
        removals.closed(&Closed { key: &key(0), record: 5, job: 0, is_uncertain: true });
        assert!(removals.due_blocks().is_empty() && !removals.has_open());
    }

    #[test]
    fn blocks_of_lost_streams_stay() {
        let removals = Removals::default();
        removals.opened(&key(0));
        removals.streams_are_new();
        close(&removals, 0, 5);
        assert!(removals.due_blocks().is_empty() && !removals.has_open());
        removals.opened(&key(BLOCK));
        close(&removals, BLOCK, 6);
        assert_eq!(removals.due_blocks().len(), 1);
    }

    #[test]
    fn kept_job_is_in_no_block() {
        let removals = Removals::default();
        let kept = JobKey { is_kept: true, ..key(0) };
        removals.opened(&kept);
        removals.closed(&Closed { key: &kept, record: 5, job: 1, is_uncertain: false });
        assert!(removals.is_empty() && !removals.has_open());
        removals.read(&kept, 5, Body::Inline(vec![1]));
        assert!(!removals.is_empty());
        assert!(removals.take_read(Duration::from_secs(3600)).is_empty());
        assert_eq!(removals.take_read(Duration::ZERO).len(), 1);
        assert!(removals.is_empty());
    }
}
