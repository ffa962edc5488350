//! Batches that this executor has sent, and what the ledger says about their jobs.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use executor_core::{JobError, JobName};
use tokio::sync::Mutex;

use super::engine::Engine;
use super::job::Job;
use super::removals::{Closed, Removals};
use crate::protocol::batch::{BatchState, Members};
use crate::protocol::ledger::Standing;
use crate::protocol::loss::{DAMAGED_RECORD, LostJob};
use crate::protocol::message::{HostId, State};
use crate::protocol::names::JobKey;

/// By the numbers of their keys.
pub(crate) type Batches = RefCell<HashMap<u64, Weak<Batch>>>;

/// A batch of which a job is open, or that is being sent.
pub(crate) struct Batch {
    pub(super) key: JobKey,
    /// The numbers of its jobs.
    jobs: Vec<u64>,
    /// Where its message is stored.
    pub(super) sequence: Cell<Option<u64>>,
    /// Its last record. 0 is for none.
    pub(super) revision: Cell<u64>,
    /// Jobs that are to be dropped, and whether also if they are at a host. Several tasks may want to drop one.
    wishes: RefCell<Vec<(u8, bool)>>,
    /// Jobs that were dropped, and had or had not been at a host.
    pub(super) aborted: Cell<Members>,
    pub(super) cancelled: Cell<Members>,
    /// One at a time writes its record.
    pub(super) turn: Mutex<()>,
    all: Rc<Batches>,
    removals: Rc<Removals>,
}

impl Batch {
    pub(super) fn new(key: JobKey, jobs: Vec<u64>, all: &Rc<Batches>, removals: &Rc<Removals>) -> Rc<Self> {
        removals.opened(&key);
        let number = key.number;
        let batch = Rc::new(Self {
            key,
            jobs,
            sequence: Cell::new(None),
            revision: Cell::new(0),
            wishes: RefCell::default(),
            aborted: Cell::default(),
            cancelled: Cell::default(),
            turn: Mutex::new(()),
            all: all.clone(),
            removals: removals.clone(),
        });
        all.borrow_mut().insert(number, Rc::downgrade(&batch));
        batch
    }

    pub(super) fn count(&self) -> usize {
        self.jobs.len()
    }

    /// A task wants to drop a job, until it calls [`wish_ended`](Batch::wish_ended).
    pub(super) fn wish(&self, place: u8, may_have_started: bool) {
        self.wishes.borrow_mut().push((place, may_have_started));
    }

    pub(super) fn wish_ended(&self, place: u8, may_have_started: bool) {
        let mut wishes = self.wishes.borrow_mut();
        if let Some(at) = wishes.iter().position(|wish| *wish == (place, may_have_started)) {
            wishes.swap_remove(at);
        }
    }

    /// The jobs that are to be dropped if they are free.
    pub(super) fn to_cancel(&self) -> Members {
        self.wished(|_| true)
    }

    /// The jobs that are to be dropped if they are at a host, too.
    pub(super) fn to_abort(&self) -> Members {
        self.wished(|may_have_started| may_have_started)
    }

    fn wished(&self, is_one: impl Fn(bool) -> bool) -> Members {
        let wishes = self.wishes.borrow();
        let wished = wishes.iter().filter(|(_, may_have_started)| is_one(*may_have_started));
        wished.fold(Members::default(), |jobs, (place, _)| jobs.with(Members::one(*place)))
    }

    /// Returns false if a later record is known.
    pub(super) fn saw(&self, revision: u64) -> bool {
        let is_news = revision >= self.revision.get();
        self.revision.set(self.revision.get().max(revision));
        is_news
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.all.borrow_mut().remove(&self.key.number);
        let (record, sequence) = (self.revision.get(), self.sequence.get());
        let job = sequence.unwrap_or_default();
        self.removals.closed(&Closed { key: &self.key, record, job, is_uncertain: sequence.is_none() });
    }
}

impl Engine {
    /// Another ledger counts from 1 again, so that its records would look like earlier ones.
    pub(super) fn forget_revisions(&self) {
        self.batches.borrow().values().filter_map(Weak::upgrade).for_each(|batch| batch.revision.set(0));
    }

    pub(super) fn batch(&self, key: &JobKey) -> Option<Rc<Batch>> {
        self.batches.borrow().get(&key.number)?.upgrade().filter(|batch| batch.key == *key)
    }

    /// A job of the batch, unless it has ended.
    fn member(&self, batch: &Batch, place: u8) -> Option<Rc<Job>> {
        self.job(*batch.jobs.get(usize::from(place))?)
    }

    /// The last record of a job, or of its batch, is this one.
    pub(super) fn learn(self: &Rc<Self>, job: &Rc<Job>, standing: Standing) {
        if let Some((batch, _)) = job.batch.get() {
            return self.apply_batch(batch, standing.revision, standing.state);
        }
        job.saw(standing.revision);
        self.apply(job, standing.state);
    }

    /// The ledger has this record of a batch. It says all that the records before have said.
    pub(super) fn apply_batch(self: &Rc<Self>, batch: &Rc<Batch>, revision: u64, state: State) {
        if !batch.saw(revision) {
            return;
        }
        match state {
            State::Batch(state) => self.apply_members(batch, state),
            // All of its jobs have ended so.
            State::Ended { body } => {
                for job in (0..).take(batch.count()).filter_map(|place| self.member(batch, place)) {
                    self.apply(&job, State::Ended { body: body.clone() });
                }
            }
            // A host that found the message damaged has claimed it as one job.
            State::Started { .. } => {}
            _ => {
                let (engine, key) = (self.clone(), batch.key.clone());
                // The reader of the ledger ends its jobs then.
                tokio::task::spawn_local(async move {
                    drop(engine.streams.put_broken(&key, revision, DAMAGED_RECORD).await);
                });
            }
        }
    }

    fn apply_members(self: &Rc<Self>, batch: &Rc<Batch>, state: BatchState) {
        for (host, jobs) in state.claims() {
            let host = Rc::new(host.clone());
            for job in jobs.places().filter_map(|place| self.member(batch, place)) {
                self.started(&job, host.clone());
            }
        }
        for job in state.free.places().filter_map(|place| self.member(batch, place)) {
            self.apply(&job, State::Returned { attempt: 1 });
        }
        // Those that are being dropped are told by the task that does so.
        let dropped = state.dropped.without(batch.to_cancel());
        for job in dropped.places().filter_map(|place| self.member(batch, place)) {
            self.never_started(&job);
            self.withdraw(&job, JobError::cancelled());
        }
        for (place, body) in state.outcomes {
            if let Some(job) = self.member(batch, place) {
                self.apply(&job, State::Ended { body });
            }
        }
    }

    /// A host has claimed the job, and never starts it.
    pub(super) fn never_started(self: &Rc<Self>, job: &Rc<Job>) {
        self.apply(job, State::Returned { attempt: 1 });
    }

    /// The host of jobs of a batch is lost.
    pub(super) async fn end_batch_of_host(self: &Rc<Self>, batch: &Rc<Batch>, host: &HostId) {
        let known = match self.streams.look(&batch.key).await {
            Ok(Some(Standing { revision, state: State::Batch(state), .. })) => (revision, state),
            Ok(Some(standing)) => return self.apply_batch(batch, standing.revision, standing.state),
            // The record of their start is gone.
            Ok(None) => {
                let mut state = BatchState::new(batch.count());
                state.claim(host);
                (0, state)
            }
            Err(_) => return,
        };
        let named = |place| match self.member(batch, place) {
            Some(job) => LostJob {
                function: Some(JobName::from(job.described.path).to_string()),
                name: job.described.given_name(),
            },
            None => LostJob::default(),
        };
        if let Ok(Some(changed)) = self.streams.put_batch_loss(&batch.key, known, host, named).await
            && changed.state.is_over()
        {
            self.delete_batch(batch).await;
        }
    }

    /// No host needs to see the message of the batch.
    pub(super) async fn delete_batch(&self, batch: &Batch) {
        if let Some(sequence) = batch.sequence.get() {
            self.streams.delete_job(sequence).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wish_lasts_until_its_own_end() {
        let key = JobKey { submitter: "s".to_owned(), number: 9, is_kept: false };
        let batch = Batch::new(key, vec![1, 2, 3], &Rc::default(), &Rc::default());
        batch.wish(1, false);
        batch.wish(1, true);
        batch.wish(2, false);
        assert_eq!((batch.to_cancel(), batch.to_abort()), (Members::one(1).with(Members::one(2)), Members::one(1)));
        batch.wish_ended(1, false);
        batch.wish_ended(2, false);
        assert_eq!((batch.to_cancel(), batch.to_abort()), (Members::one(1), Members::one(1)));
        batch.wish_ended(1, true);
        assert_eq!((batch.to_cancel(), batch.to_abort()), (Members::default(), Members::default()));
    }
}
