//! Jobs that wait behind a long one are given to another host.

use std::rc::Rc;
use std::time::Duration;

use async_nats::Subject;
use async_nats::jetstream::AckKind;
use tokio::time::sleep;

use super::engine::Engine;
use crate::protocol::names::PRIORITIES;

/// How long a job waits here while every worker is busy, before another host may have it.
const STUCK: Duration = Duration::from_millis(50);

/// The longest time between two looks for another host.
const MOST_STUCK: Duration = Duration::from_secs(1);

impl Engine {
    /// How many jobs are here, in any state, for which no worker is free.
    pub(super) fn waiting(&self) -> usize {
        (self.claimed.get() + self.lanes.held()).saturating_sub(self.local.workers().max(1))
    }

    /// Gives jobs to other hosts that wait here while no job starts or ends.
    pub(super) async fn return_stuck(self: Rc<Self>) {
        let turns = || (self.starts.get(), self.stops.get());
        loop {
            self.is_holding.notified().await;
            let mut pause = STUCK;
            while self.waiting() > 0 {
                let before = turns();
                sleep(pause).await;
                if turns() != before {
                    pause = STUCK;
                    continue;
                }
                self.is_stuck.set(true);
                pause = (2 * pause).min(MOST_STUCK);
                if self.is_another_host_idle().await && !self.is_ending.get() {
                    self.return_waiting().await;
                }
            }
            self.has_returned_jobs.set(false);
        }
    }

    /// Whether the server has a request for jobs that is not of this host. Without one, jobs would come back, in another order.
    async fn is_another_host_idle(&self) -> bool {
        for (lane, priority) in self.lanes.0.iter().zip(PRIORITIES) {
            let (ours, sent) = (lane.requests.get(), lane.sent.get());
            // Requests of this host that have ended since may have been counted.
            if let Some(waiting) = self.streams.waiting_requests(priority).await
                && waiting > ours + lane.sent.get() - sent
            {
                return true;
            }
        }
        false
    }

    async fn return_waiting(self: &Rc<Self>) {
        self.has_returned_jobs.set(true);
        self.is_returning.set(true);
        self.return_claimed().await;
        self.return_held().await;
        self.is_returning.set(false);
        self.start_held();
        self.has_room.notify_one();
    }

    /// Takes the jobs from the local pool that were claimed ahead, and have not started. Waits until the server knows, so that it gives
    /// them to the next host before those that came later.
    async fn return_claimed(&self) {
        let workers = self.local.workers().max(1);
        let mut claimed: Vec<_> = self
            .running
            .borrow()
            .iter()
            .filter(|(_, run)| run.has_slot)
            .map(|(key, run)| (run.order, key.clone()))
            .collect();
        claimed.sort_unstable_by_key(|&(order, _)| order);
        if claimed.len() <= workers {
            return;
        }
        let mut returned = Vec::new();
        for (_, key) in claimed.split_off(workers) {
            let canceller = self.running.borrow().get(&key).and_then(|run| run.canceller.clone());
            // One that is being claimed is returned after that.
            if canceller.is_none_or(|canceller| canceller.cancel()) {
                if let Some(run) = self.running.borrow_mut().get_mut(&key) {
                    run.is_returned = true;
                }
                returned.push(key);
            }
        }
        while returned.iter().any(|key| self.running.borrow().contains_key(key)) {
            self.has_returned.notified().await;
        }
    }

    pub(super) async fn return_held(&self) {
        for arrived in self.lanes.take_held() {
            self.return_job(arrived.reply).await;
        }
    }

    /// The server may give the job to another host at once.
    pub(super) async fn return_job(&self, reply: Subject) {
        drop(self.streams.context.client().publish(reply, AckKind::Nak(None).into()).await);
    }
}
