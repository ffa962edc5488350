//! Ends or requeues the jobs of a worker that is dead, or is killed.

use executor_core::JobError;
use executor_core::observe::JobOutcome;

use super::Exchange;
use super::fate::{Fate, Known, fate};
use crate::dispatch::job::{InFlight, requeue_or_cancel};
use crate::dispatch::worker_loss::WorkerLoss;
use crate::protocol::status_page::Claim;

impl Exchange<'_, '_> {
    /// The worker is dead, or is being killed. Returns the name of the job that it was running, to
    /// which the loss is charged.
    pub(super) fn lose_worker(&mut self, loss: &WorkerLoss) -> Option<&'static str> {
        let has_not_started = |slot: usize| self.slots[slot].is_none() || self.claim(slot) == Some(Claim::Sent);
        let mut nothing_started = (0..self.slots.len()).all(has_not_started);
        self.hear_last();
        self.take_done();
        let mut killer = None;
        for slot in 0..self.slots.len() {
            let Some(in_flight) = self.slots[slot].take() else { continue };
            killer = self.lose_job(slot, in_flight, &mut nothing_started, loss).or(killer);
        }
        self.requeue_rest(loss).or(killer)
    }

    /// Decides the fate of a job, by its claim, which is read once.
    fn lose_job(
        &mut self,
        slot: usize,
        mut in_flight: InFlight,
        nothing_started: &mut bool,
        loss: &WorkerLoss,
    ) -> Option<&'static str> {
        let claim = self.worker.claims.page.look(slot, in_flight.id());
        // A worker that began none of its jobs is held against the first one, and against no other.
        let is_held_against = claim == Some(Claim::Sent) && std::mem::take(nothing_started) && !self.is_up();
        let payload = &mut in_flight.payload;
        payload.failed_starts += u32::from(is_held_against);
        let known = Known {
            is_up: self.is_up(),
            has_no_tries_left: is_held_against && payload.failed_starts >= self.settings.tries,
            stop_requested: in_flight.job.stop_requested(),
            is_chunk: payload.chunk.is_some(),
            // Where ends of channels have gone with the worker, there is nothing to run again.
            has_retries: payload.retries > 0 && !payload.body.has_given(),
        };
        self.apply(slot, fate(claim, known), in_flight, loss)
    }

    /// Brings a job to its fate. Returns its name if the worker was running it. A job that is to be
    /// requeued is left in its slot.
    fn apply(&mut self, slot: usize, fate: Fate, in_flight: InFlight, loss: &WorkerLoss) -> Option<&'static str> {
        match fate {
            Fate::EndedByOthers => self.end_revoked(in_flight),
            Fate::LeftToAlarm => drop(in_flight),
            Fate::Requeue => self.slots[slot] = Some(in_flight),
            Fate::GaveUp => self.give_up(in_flight, loss),
            Fate::Cancelled => self.finish(in_flight, Err(JobError::cancelled())),
            Fate::ContinueChunk { from } => return self.continue_chunk(slot, from, in_flight, loss),
            Fate::Retry => return Some(self.retry(slot, in_flight, loss)),
            Fate::Forged => self.refuse(in_flight, "it marked a job as aborted that was not"),
            Fate::Crashed => return Some(self.crash(in_flight, loss)),
        }
        None
    }

    /// Requeues the jobs that are left in their slots, in their order.
    fn requeue_rest(&mut self, loss: &WorkerLoss) -> Option<&'static str> {
        let mut killer = None;
        for slot in (0..self.slots.len()).rev() {
            let Some(in_flight) = self.slots[slot].take() else { continue };
            // A worker that is killed, and lives on for a moment, may have started it since.
            if let Some(in_flight) = requeue_or_cancel(in_flight, self.batch)
                && !self.is_up()
            {
                killer = Some(self.crash(in_flight, loss));
            }
        }
        killer
    }

    /// Ends a job that too many workers did not begin.
    fn give_up(&mut self, mut in_flight: InFlight, loss: &WorkerLoss) {
        let case = in_flight.case(&self.settings.worker);
        let error = loss.not_begun(&self.worker, &case, self.settings.tries);
        in_flight.discard_run();
        self.finish(in_flight, Err(error));
    }

    /// Ends a job that the worker was running. Returns its name.
    fn crash(&mut self, in_flight: InFlight, loss: &WorkerLoss) -> &'static str {
        let name = in_flight.payload.job_type.name();
        let error = loss.error(&self.worker, &in_flight.case(&self.settings.worker));
        self.finish(in_flight, Err(error));
        name
    }

    /// Spends one of the retries of a job that the worker was running. Returns its name.
    fn retry(&mut self, slot: usize, mut in_flight: InFlight, loss: &WorkerLoss) -> &'static str {
        if !self.worker.claims.page.change(slot, in_flight.id(), Claim::Started, Claim::Sent) {
            return self.crash(in_flight, loss);
        }
        #[cfg(feature = "tracing")]
        if let Some(trace) = &mut in_flight.payload.trace {
            self.worker.listener.wait_for(trace.end(JobOutcome::Crashed, Some("it runs again".to_owned())));
        }
        in_flight.payload.runs_again();
        if let Some(run) = in_flight.run.take() {
            run.end(JobOutcome::Crashed);
        }
        let name = in_flight.payload.job_type.name();
        self.slots[slot] = Some(in_flight);
        name
    }

    /// The item that ran has the loss as its outcome, unless it may be run again. The others go to
    /// another worker.
    fn continue_chunk(
        &mut self,
        slot: usize,
        from: Claim,
        in_flight: InFlight,
        loss: &WorkerLoss,
    ) -> Option<&'static str> {
        let mut in_flight = self.read(slot, in_flight)?;
        let name = in_flight.payload.job_type.name();
        let case = in_flight.case(&self.settings.worker);
        if !in_flight.payload.runs_again()
            && let Some(chunk) = &mut in_flight.payload.chunk
        {
            chunk.fail_next(loss.error(&self.worker, &case));
        }
        self.go_on(slot, from, in_flight);
        Some(name)
    }
}
