//! Ends or requeues the jobs of a worker that is dead, or is killed.

use executor_core::JobError;
use executor_thread::scheduler::Batch;

use super::fate::{Fate, Known, fate};
use crate::dispatch::job::{InFlight, Queued, requeue_or_cancel};
use crate::dispatch::runner::ProcessRunner;
use crate::dispatch::time_limit::TimeLimit;
use crate::dispatch::worker_loss::WorkerLoss;
use crate::protocol::status_page::Claim;
use crate::supervisor::start::Worker;

impl ProcessRunner {
    /// The worker is dead, or is being killed. Returns the name of the job that it was running, to which the loss is charged.
    pub(super) fn lose_worker(
        &mut self,
        worker: &Worker,
        mut jobs: Vec<Option<InFlight>>,
        loss: &WorkerLoss,
        batch: &mut Batch<'_, Queued>,
    ) -> Option<&'static str> {
        let page = &worker.claims.page;
        let has_not_started = |(slot, place): (usize, &Option<InFlight>)| {
            place.as_ref().is_none_or(|lent| page.look(slot, lent.id()) == Some(Claim::Sent))
        };
        let mut nothing_started = jobs.iter().enumerate().all(has_not_started);
        self.take_done(worker, &mut jobs);
        let (mut waiting, mut killer) = (Vec::new(), None);
        for (slot, place) in jobs.iter_mut().enumerate() {
            let Some(mut lent) = place.take() else { continue };
            let claim = page.look(slot, lent.id());
            // A worker that began none of its jobs is held against the first one, and against no other.
            let is_held_against = claim == Some(Claim::Sent) && std::mem::take(&mut nothing_started) && !self.is_up();
            lent.payload.failed_starts += u32::from(is_held_against);
            let known = Known {
                is_up: self.is_up(),
                has_no_tries_left: is_held_against && lent.payload.failed_starts >= self.settings.tries,
                stop_requested: lent.job.stop_requested(),
                is_chunk: lent.payload.chunk.is_some(),
                has_retries: lent.payload.retries > 0,
            };
            match (fate(claim, known), claim) {
                (Fate::EndedByOthers, _) => self.end_revoked(worker, lent),
                (Fate::LeftToAlarm, _) => {}
                (Fate::Requeue, _) => waiting.push(lent),
                (Fate::GaveUp, _) => {
                    let error = loss.in_vain(worker, &lent.case(&self.settings.worker), self.settings.tries);
                    self.finish(lent, Err(error));
                }
                (Fate::Cancelled, _) => self.finish(lent, Err(JobError::Cancelled)),
                (Fate::ContinueChunk, Some(from)) => {
                    let Some(lent) = self.read(worker, slot, lent) else { continue };
                    killer = Some(lent.payload.job_type.name);
                    self.continue_chunk(worker, (slot, from), lent, loss, batch);
                }
                (Fate::Retry, _) if page.change(slot, lent.id(), Claim::Started, Claim::Sent) => {
                    killer = Some(lent.payload.job_type.name);
                    lent.payload.runs_again();
                    waiting.push(lent);
                }
                (Fate::Forged, _) => self.refuse(worker, lent, "an abort that nobody asked for"),
                (Fate::Crashed | Fate::Retry | Fate::ContinueChunk, _) => {
                    killer = Some(self.crash(worker, lent, loss));
                }
            }
        }
        for lent in waiting.into_iter().rev() {
            // A worker that is killed, and lives on for a moment, may have started it since.
            if let Some(lent) = requeue_or_cancel(lent, batch)
                && !self.is_up()
            {
                killer = Some(self.crash(worker, lent, loss));
            }
        }
        killer
    }

    fn is_up(&self) -> bool {
        self.clock.as_ref().is_some_and(TimeLimit::is_up)
    }

    /// Ends a job that the worker was running. Returns its name.
    fn crash(&mut self, worker: &Worker, lent: InFlight, loss: &WorkerLoss) -> &'static str {
        let name = lent.payload.job_type.name;
        let error = loss.error(worker, &lent.case(&self.settings.worker));
        self.finish(lent, Err(error));
        name
    }

    /// The item that ran has the loss as its outcome, unless it may be run again. The others go to another worker.
    fn continue_chunk(
        &mut self,
        worker: &Worker,
        at: (usize, Claim),
        mut lent: InFlight,
        loss: &WorkerLoss,
        batch: &mut Batch<'_, Queued>,
    ) {
        let case = lent.case(&self.settings.worker);
        if !lent.payload.runs_again()
            && let Some(chunk) = &mut lent.payload.chunk
        {
            chunk.fail_next(loss.error(worker, &case));
        }
        self.go_on(worker, at, lent, batch);
    }
}
