//! What becomes of the jobs of a worker that is dead, or is killed.

use executor_core::JobError;
use executor_thread::scheduler::Batch;

use crate::dispatch::job::{InFlight, Queued, requeue_or_cancel};
use crate::dispatch::runner::ProcessRunner;
use crate::dispatch::time_limit::TimeLimit;
use crate::dispatch::worker_loss::WorkerLoss;
use crate::protocol::status_page::Claim;
use crate::supervisor::start::Worker;

impl ProcessRunner {
    /// The worker is dead, or as good as dead. It costs the job that it was running, whose name this returns.
    pub(super) fn lose_worker(
        &mut self,
        worker: &Worker,
        mut jobs: Vec<Option<InFlight>>,
        loss: &WorkerLoss,
        batch: &mut Batch<'_, Queued>,
    ) -> Option<&'static str> {
        let page = &worker.claims.page;
        let waits = |(slot, place): (usize, &Option<InFlight>)| {
            place.as_ref().is_none_or(|lent| page.look(slot, lent.id()) == Some(Claim::Sent))
        };
        let mut is_in_vain = jobs.iter().enumerate().all(waits);
        self.take_done(worker, &mut jobs);
        let (mut waiting, mut killer) = (Vec::new(), None);
        for (slot, place) in jobs.iter_mut().enumerate() {
            let Some(mut lent) = place.take() else { continue };
            match page.look(slot, lent.id()) {
                Some(Claim::Revoked | Claim::TimedOut) => self.end_revoked(worker, lent),
                _ if self.clock.as_ref().is_some_and(TimeLimit::is_up) => {} // its alarm ends it
                Some(Claim::Sent) => {
                    if std::mem::take(&mut is_in_vain) {
                        lent.payload.failed_starts += 1;
                        let tries = self.settings.tries;
                        if lent.payload.failed_starts >= tries {
                            let error = loss.in_vain(worker, &lent.case(&self.settings.worker), tries);
                            self.finish(lent, Err(error));
                            continue;
                        }
                    }
                    waiting.push(lent);
                }
                // Also one that was aborted when its word said that it was done, and that has not proved that.
                Some(Claim::Aborted | Claim::Done) | None if lent.job.stop_requested() => {
                    self.finish(lent, Err(JobError::Cancelled));
                }
                Some(from @ (Claim::Started | Claim::Done)) if lent.payload.chunk.is_some() => {
                    let Some(mut lent) = self.read(worker, slot, lent) else { continue };
                    killer = Some(lent.payload.kind.name);
                    let case = lent.case(&self.settings.worker);
                    if !lent.payload.runs_again()
                        && let Some(chunk) = &mut lent.payload.chunk
                    {
                        chunk.fail_next(loss.error(worker, &case));
                    }
                    self.go_on(worker, (slot, from), lent, batch);
                }
                Some(Claim::Started)
                    if lent.payload.runs_again() && page.change(slot, lent.id(), Claim::Started, Claim::Sent) =>
                {
                    killer = Some(lent.payload.kind.name);
                    waiting.push(lent);
                }
                Some(Claim::Aborted) => self.refuse(worker, lent, "an abort that nobody asked for"),
                Some(Claim::Started | Claim::Done) | None => {
                    killer = Some(lent.payload.kind.name);
                    let error = loss.error(worker, &lent.case(&self.settings.worker));
                    self.finish(lent, Err(error));
                }
            }
        }
        for lent in waiting.into_iter().rev() {
            if let Some(lent) = requeue_or_cancel(lent, batch)
                && !self.clock.as_ref().is_some_and(TimeLimit::is_up)
            {
                killer = Some(lent.payload.kind.name);
                let error = loss.error(worker, &lent.case(&self.settings.worker));
                self.finish(lent, Err(error));
            }
        }
        killer
    }
}
