//! The answers of a worker, and the outcomes that its jobs have by them.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use executor_core::JobError;
use executor_core::cell::Notify;

use super::Exchange;
use crate::dispatch::encoded_result::EncodedResult;
use crate::dispatch::job::{EncodedJob, InFlight, requeue_or_cancel};
use crate::dispatch::time_limit::TimeLimit;
use crate::dispatch::worker_loss;
use crate::ipc::codec::Step;
use crate::protocol::answer::{Answer, Answered};
use crate::protocol::status_page::Claim;
use crate::supervisor::claims::Kill;

impl Exchange<'_, '_> {
    /// Sets the outcomes of the jobs that are done, and ends those that were revoked. Returns
    /// whether none is left.
    pub(super) fn take_done(&mut self) -> bool {
        for slot in 0..self.slots.len() {
            let claim = self.claim(slot);
            if claim == Some(Claim::Done) {
                self.hear();
            }
            let Some(in_flight) = self.slots[slot].take() else { continue };
            match claim {
                Some(Claim::Done) => self.slots[slot] = self.read(slot, in_flight),
                Some(Claim::Revoked) => self.end_revoked(in_flight),
                _ => self.slots[slot] = Some(in_flight),
            }
        }
        self.slots.iter().all(Option::is_none)
    }

    /// Whether the slot, as a worker names it, holds the job.
    pub(super) fn is_in_slot(&self, slot: usize, job: u64) -> bool {
        self.slots.get(slot).is_some_and(|held| held.as_ref().is_some_and(|in_flight| in_flight.id() == job))
    }

    /// Takes in an answer that came in a message, if the job in the slot is done, and in time.
    pub(super) fn receive_answer(&mut self, slot: usize, answer: Answered) {
        // From here on it is in time, however long it takes to read.
        let counts =
            self.claim(slot) == Some(Claim::Done) && self.time_limit.as_ref().is_none_or(TimeLimit::is_in_time);
        // Otherwise it was aborted, or its time was up, or it never began: no worker of ours
        // answers then. It is not to be kept.
        if counts && let Some(in_flight) = self.slots[slot].take() {
            self.take_answer(slot, in_flight, answer);
        }
    }

    /// Reads the answer of a job that is done from the page. Gives the job back if that is not all:
    /// the rest comes in a message.
    pub(super) fn read(&mut self, slot: usize, mut in_flight: InFlight) -> Option<InFlight> {
        let page = self.worker.claims.page.answer(slot);
        if let Some(chunk) = &mut in_flight.payload.chunk {
            if !chunk.absorb_page(page) {
                self.refuse(in_flight, "it sent results of items that it does not have");
            } else if chunk.is_over() {
                self.record_run_time(slot, &mut in_flight);
                self.finish_chunk(in_flight);
            } else {
                return Some(in_flight);
            }
            return None;
        }
        // An answer that cannot be read counts as none.
        let Some(answer) = page.and_then(|answer| postcard::from_bytes(&answer).ok()) else { return Some(in_flight) };
        self.record_run_time(slot, &mut in_flight);
        let outcome = self.unpack(&in_flight, answer);
        self.finish(in_flight, outcome);
        None
    }

    fn take_answer(&mut self, slot: usize, in_flight: InFlight, answer: Answered) {
        let is_chunk = in_flight.payload.chunk.is_some();
        let left = if is_chunk { self.read(slot, in_flight) } else { Some(in_flight) };
        let Some(mut in_flight) = left else { return };
        self.record_run_time(slot, &mut in_flight);
        let is_unread = matches!(answer, Answer::NoRoom { step: Step::DecodeJob, .. });
        let outcome = self.unpack(&in_flight, answer);
        let payload = &mut in_flight.payload;
        if is_unread && payload.is_whole() && payload.may_start_elsewhere(self.settings.tries) {
            // Nothing of it has run, and this worker gets no other job.
            return self.go_on(slot, Claim::Done, in_flight);
        }
        match (outcome, &mut payload.chunk) {
            (Ok(returned), Some(chunk)) => {
                // The one item that found no room on the page. The others have not run.
                if !chunk.absorb_payload(&returned.payload) {
                    return self.refuse(in_flight, "it sent results of items that it does not have");
                }
                self.go_on(slot, Claim::Done, in_flight);
            }
            // The next item has no other outcome. The worker has not come to the others, but might
            // where it is not believed.
            (Err(error), Some(chunk)) if !self.worker.is_disconnected() => {
                chunk.fail_next(error);
                self.go_on(slot, Claim::Done, in_flight);
            }
            (outcome, _) => self.finish(in_flight, outcome),
        }
    }

    /// Sends the job, or the rest of a chunk, to the next worker. This worker will not go on with
    /// it: its claim was `from`.
    pub(super) fn go_on(&mut self, slot: usize, from: Claim, mut in_flight: InFlight) {
        if let EncodedJob { chunk: Some(chunk), body, .. } = &mut in_flight.payload {
            if chunk.is_over() {
                return self.finish_chunk(in_flight);
            }
            chunk.leave_rest(body);
        }
        self.move_on(slot, from, in_flight);
    }

    /// Requeues the job, whose claim was `from`, for another worker: this one will not start it any
    /// more.
    fn move_on(&mut self, slot: usize, from: Claim, in_flight: InFlight) {
        if self.worker.claims.page.change(slot, in_flight.id(), from, Claim::Sent) {
            if let Some(in_flight) = requeue_or_cancel(in_flight, self.batch) {
                self.refuse(in_flight, "it started a job twice");
            }
        } else {
            self.finish(in_flight, Err(JobError::cancelled()));
        }
    }

    /// Ends a revoked job. A thread that cancels it changed the claim, and may set the outcome
    /// later: a second cancel waits for that. Or its time was up, and its alarm ends it. Otherwise
    /// the worker forged the claim.
    pub(super) fn end_revoked(&mut self, mut in_flight: InFlight) {
        in_flight.job.cancel();
        if !self.is_up() {
            in_flight.discard_run();
        }
        if !self.is_up() && !in_flight.job.status().is_done() {
            self.refuse(in_flight, "it marked a job as cancelled that was not");
        }
    }

    /// Fails a job for which the worker broke the protocol.
    pub(super) fn refuse(&mut self, in_flight: InFlight, said: &str) {
        let error = self.unreadable_answer(said);
        self.finish(in_flight, Err(error));
    }

    pub(super) fn finish(&mut self, mut in_flight: InFlight, outcome: Result<EncodedResult, JobError>) {
        self.end_trace(&mut in_flight, outcome.as_ref().map(|_| None));
        self.worker.listener.end_job();
        in_flight.report_end(outcome.as_ref().map(|_| None));
        let outcome = outcome.map_err(|error| in_flight.case(&self.settings.worker).kept(error));
        self.tell_later(in_flight.job.finish(outcome));
    }

    fn finish_chunk(&mut self, mut in_flight: InFlight) {
        let Some(chunk) = in_flight.payload.chunk.take() else { return };
        let worst = chunk.worst();
        self.end_trace(&mut in_flight, Ok(worst));
        self.worker.listener.end_job();
        in_flight.report_end(Ok(worst));
        let returned = chunk.into_returned(self.settings.worker.codec, in_flight.payload.job_type.name());
        self.tell_later(in_flight.job.finish_with(Ok(returned), worst));
    }

    /// Fires the notification when the outcomes of other jobs are set, too: a thread that takes the results in turn is woken once for all of them.
    pub(super) fn tell_later(&mut self, notify: Notify) {
        if !notify.is_empty() {
            self.pending_notifies.push(notify);
        }
    }

    fn unpack(&self, in_flight: &InFlight, answer: Answered) -> Result<EncodedResult, JobError> {
        match self.worker.payloads.unpack(answer) {
            Ok(answer) => in_flight.payload.outcome(self.settings.worker.codec, answer),
            Err(said) => Err(self.unreadable_answer(&said)),
        }
    }

    /// Kills the worker, which gets no other request. The other jobs find it gone.
    fn unreadable_answer(&self, said: &str) -> JobError {
        self.worker.disconnect();
        self.worker.process.kill();
        worker_loss::unreadable(self.worker.process.pid(), said)
    }

    fn record_run_time(&mut self, slot: usize, in_flight: &mut InFlight) {
        // Relaxed: it was written before the claim that was read.
        let nanos = self.worker.claims.page.time(slot).load(Relaxed);
        let ran = Duration::from_nanos(nanos);
        let InFlight { payload, run, .. } = in_flight;
        self.run_times.learn(payload.job_type, ran);
        if let Some(chunk) = &payload.chunk {
            chunk.learn(nanos, payload.body.len());
        }
        if let Some(run) = run {
            run.measured(ran);
        }
    }
}
