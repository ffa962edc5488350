//! Claims the jobs of a batch together.

use std::rc::Rc;

use tokio::sync::mpsc::unbounded_channel;
use tokio::task::spawn_local;

use super::arrived::{Arrived, Member};
use super::engine::{Engine, Run};
use super::members::{BatchRun, Starting};
use super::run::Done;
use super::slot::Slot;
use crate::protocol::batch::{BatchState, Changed, Members};
use crate::protocol::loss::LostJob;
use crate::protocol::names::JobKey;
use crate::protocol::removal::Copy;

impl Engine {
    /// Runs the jobs of a batch that no other host has claimed. `slots` has one for each job of the batch.
    pub(super) async fn run_batch(self: &Rc<Self>, arrived: Arrived, slots: Vec<Slot>) {
        let reply = arrived.reply.clone();
        self.replies.borrow_mut().insert(reply.clone());
        match self.claim_and_run(arrived, slots).await {
            Done::Acknowledge => self.acknowledge(reply.clone()).await,
            Done::Return => self.return_job(reply.clone()).await,
            Done::Leave => {}
        }
        self.replies.borrow_mut().remove(&reply);
    }

    async fn claim_and_run(self: &Rc<Self>, arrived: Arrived, slots: Vec<Slot>) -> Done {
        let Arrived { key, copy, members, reply, .. } = arrived;
        let keys: Vec<_> = members.iter().map(|member| member.key.clone()).collect();
        // A submitter may ask for them from now on.
        let entered = self.enter_members(&key, &keys, &slots);
        let (mine, claim) = self.claim_batch(&key, copy, keys.len()).await;
        for place in entered.without(mine).places() {
            let run = self.running.borrow_mut().remove(&keys[usize::from(place)]);
            self.answer(run.map(|run| run.askers).unwrap_or_default()).await;
        }
        self.has_returned.notify_one();
        let Some(Changed { revision, state, .. }) = claim else { return Done::Acknowledge };
        if mine.is_empty() {
            drop(slots);
            return self.judge_batch(&key, &members, revision, state).await;
        }
        let mut run = BatchRun::new(self.clone(), key, keys, reply);
        (run.revision, run.state, run.here) = (revision, state, mine);
        let (sender, left) = unbounded_channel();
        let mut starting = Vec::with_capacity(members.len());
        for ((place, member), slot) in (0..).zip(members).zip(slots) {
            let slot = mine.contains(place).then(|| Rc::new(slot));
            run.expect(member.remote.as_ref().ok().cloned(), slot.clone());
            starting.extend(slot.map(|slot| Starting { place, member, slot }));
        }
        spawn_local(self.clone().start_members(starting, sender));
        run.follow(left).await;
        match run.reply {
            Some(_) if run.state.is_over() => Done::Acknowledge,
            Some(_) if !run.state.free.is_empty() => Done::Return,
            // They are at another host. If it gives them back, they come again.
            _ => Done::Leave,
        }
    }

    /// Returns the jobs that were not here: another delivery of the batch may be.
    fn enter_members(&self, batch: &JobKey, keys: &[JobKey], slots: &[Slot]) -> Members {
        let (batch, mut running) = (Rc::new(batch.clone()), self.running.borrow_mut());
        let mut entered = Members::default();
        for ((place, key), slot) in (0..).zip(keys).zip(slots) {
            if !running.contains_key(key) {
                let batch = Some((batch.clone(), place));
                running.insert(key.clone(), Run { order: slot.order, has_slot: true, batch, ..Run::default() });
                entered = entered.with(Members::one(place));
            }
        }
        entered
    }

    /// Claims the free jobs of a batch. Returns them, and the record. `None` if all have ended.
    async fn claim_batch(&self, key: &JobKey, copy: Copy, count: usize) -> (Members, Option<Changed>) {
        let mut mine = Members::default();
        let known = (0, BatchState::new(count));
        let claim = |state: &mut BatchState| {
            // A forged record may tell of more jobs than there are.
            state.free = state.free.and(Members::first(count));
            mine = state.free;
            state.claim(&self.host)
        };
        match self.streams.change_batch(key, known, claim).await {
            Ok(Some(changed)) if changed.is_first && !self.is_there(copy).await => {
                // The jobs have ended, and their record is removed. This one is of no use.
                drop(self.streams.ledger.delete_message(changed.revision).await);
                (Members::default(), None)
            }
            Ok(Some(changed)) => (mine, Some(changed)),
            _ => (Members::default(), None),
        }
    }

    /// None of the jobs is free. Writes the loss of those whose host is gone.
    async fn judge_batch(&self, key: &JobKey, members: &[Member], mut revision: u64, mut state: BatchState) -> Done {
        for (host, jobs) in state.claims().to_vec() {
            let is_here = |place| self.running.borrow().contains_key(&members[usize::from(place)].key);
            let is_lost = if host == self.host {
                !jobs.and(Members::first(members.len())).places().any(is_here)
            } else {
                self.streams.is_lost(&host.token, key).await
            };
            if !is_lost {
                continue;
            }
            let named = |place| {
                let Some(member) = members.get(usize::from(place)) else { return LostJob::default() };
                let function = member.remote.as_ref().ok().map(|remote| remote.name().to_owned());
                LostJob { function, name: member.job.name.clone() }
            };
            match self.streams.put_batch_loss(key, (revision, state), &host, named).await {
                Ok(Some(changed)) => (revision, state) = (changed.revision, changed.state),
                _ => return Done::Acknowledge,
            }
        }
        state.free = state.free.and(Members::first(members.len()));
        match state.is_over() {
            true => Done::Acknowledge,
            false if state.free.is_empty() => Done::Leave,
            false => Done::Return,
        }
    }
}
