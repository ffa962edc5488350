//! Jobs of batches that are stopped: cancelled, aborted, or late.

use std::rc::Rc;

use super::batch::Batch;
use super::engine::Engine;
use super::job::{Job, Stage};
use crate::protocol::batch::{BatchState, Members};
use crate::protocol::ledger::{Retry, Standing};
use crate::protocol::message::{HostId, State};

/// How a wish to drop a job of a batch fared.
enum Dropping {
    /// It is dropped.
    Done { had_started: bool },
    /// It is at this host.
    At(HostId),
    /// It has ended.
    No,
}

impl Engine {
    /// Ends a job of a batch if it has not started, or in any case if it `may_have_started`. `state` says how it ends, from whether it had.
    pub(super) async fn end_member(self: &Rc<Self>, job: &Rc<Job>, may_have_started: bool, state: fn(bool) -> State) {
        let Some((batch, place)) = job.batch.get() else { return };
        batch.wish(*place, may_have_started);
        let found = self.drop_members(batch, *place).await;
        let had_started = match found {
            Dropping::Done { had_started } => Some(had_started),
            Dropping::At(host) => self.ask_back(job, &host.token).await.then_some(false),
            Dropping::No => None,
        };
        batch.wish_ended(*place, may_have_started);
        let Some(had_started) = had_started else {
            let is_there = self.look_at_batch(job, batch).await;
            let may_end = may_have_started || job.progress.stage() != Stage::Started;
            if !is_there && may_end && matches!(state(false), State::Expired) {
                // The record's time in the ledger was over.
                self.expired(job);
                self.stop_at_host(job).await;
            }
            return;
        };
        if !had_started {
            self.never_started(job);
        }
        self.apply(job, state(had_started));
        if had_started {
            self.stop_at_host(job).await;
        }
    }

    /// Drops the jobs of a batch that are to be dropped, as far as they can. Returns how the one at `place` fared.
    async fn drop_members(self: &Rc<Self>, batch: &Rc<Batch>, place: u8) -> Dropping {
        let _turn = batch.turn.lock().await;
        // Those that wait for their turn are dropped together.
        let done = |batch: &Batch| {
            let had_started = batch.aborted.get().contains(place);
            (had_started || batch.cancelled.get().contains(place)).then_some(Dropping::Done { had_started })
        };
        if let Some(done) = done(batch) {
            return done;
        }
        let known = match batch.revision.get() {
            0 => (0, BatchState::new(batch.count())),
            _ => match self.streams.look(&batch.key).await {
                Ok(Some(Standing { revision, state: State::Batch(state), .. })) => (revision, state),
                Ok(Some(standing)) => {
                    self.apply_batch(batch, standing.revision, standing.state);
                    return Dropping::No;
                }
                _ => return Dropping::No,
            },
        };
        let (mut free, mut claimed) = (Members::default(), Members::default());
        let change = |state: &mut BatchState| {
            let before = state.dropped;
            state.drop_free(batch.to_cancel());
            free = state.dropped.without(before);
            state.drop_claimed(batch.to_abort());
            claimed = state.dropped.without(before).without(free);
            !free.with(claimed).is_empty()
        };
        let Ok(Some(changed)) = self.streams.change_batch(&batch.key, known, change).await else { return Dropping::No };
        batch.saw(changed.revision);
        batch.cancelled.set(batch.cancelled.get().with(free));
        batch.aborted.set(batch.aborted.get().with(claimed));
        if changed.state.is_over() {
            self.delete_batch(batch).await;
        }
        if let Some(done) = done(batch) {
            return done;
        }
        // Its host has dropped it when it was asked before.
        if changed.state.dropped.contains(place) {
            return Dropping::Done { had_started: false };
        }
        let host = changed.state.host_of(place).cloned();
        self.apply_batch(batch, changed.revision, State::Batch(changed.state));
        host.map_or(Dropping::No, Dropping::At)
    }

    /// The job is not dropped by this task. If it was dropped meanwhile, the reader of the ledger has left it out.
    ///
    /// Returns false if the job is open, and the record is gone.
    async fn look_at_batch(self: &Rc<Self>, job: &Job, batch: &Rc<Batch>) -> bool {
        let mut retry = Retry::new(None);
        while self.job(job.number).is_some() {
            match self.streams.look(&batch.key).await {
                Ok(Some(standing)) => {
                    self.apply_batch(batch, standing.revision, standing.state);
                    return true;
                }
                Ok(None) => return false,
                Err(_) => drop(retry.pause().await),
            }
        }
        true
    }
}
