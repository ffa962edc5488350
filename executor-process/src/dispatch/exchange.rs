//! A message of jobs to a worker, until each of them has its outcome, or waits again: the one place that decides which.

mod fate;
mod loss;

use std::time::{Duration, Instant};

use executor_core::JobError;
use executor_thread::scheduler::Batch;

use crate::dispatch::encoded_result::EncodedResult;
use crate::dispatch::job::{EncodedJob, InFlight, Queued, requeue, requeue_or_cancel};
use crate::dispatch::runner::ProcessRunner;
use crate::dispatch::time_limit::TimeLimit;
use crate::dispatch::worker_loss::{self, Cause, WorkerLoss};
use crate::ipc::codec::Step;
use crate::protocol::answer::{Answer, Answered};
use crate::protocol::message::{JobMessage, Reply, Request};
use crate::protocol::status_page::Claim;
use crate::supervisor::claims::{ANSWER_LIMIT, Kill};
use crate::supervisor::reply_receiver::Received;
use crate::supervisor::start::Worker;

/// How long jobs that were sent behind others wait at the worker. Then those that have not started are taken back.
const PATIENCE: Duration = Duration::from_millis(2);

/// How the exchange ended.
enum End {
    Done,
    Died,
    /// The worker has said what cannot be.
    Nonsense(String),
}

impl ProcessRunner {
    /// Sends the jobs and waits for what comes of them. The place of each is its slot.
    pub(crate) fn exchange(
        &mut self,
        mut jobs: Vec<Option<InFlight>>,
        message: Vec<JobMessage>,
        batch: &mut Batch<'_, Queued>,
    ) {
        let Some(worker) = self.worker.take() else { return };
        let started = Instant::now();
        self.sent = started;
        let end = if message.is_empty() && !worker.is_disconnected() {
            End::Done
        } else {
            self.receive_answers(&worker, &mut jobs, message, batch)
        };
        let pid = worker.process.pid();
        let has_answered = worker.claims.close();
        let is_up = self.clock.as_ref().is_some_and(|clock| !clock.is_in_time());
        let cause = match end {
            // The timer of the time limit, or of the answer limit, has not seen that the jobs are done: it kills the worker.
            End::Done if is_up || !has_answered => Cause::Death(worker.process.kill_and_wait()),
            End::Done if self.take_done(&worker, &mut jobs) && !worker.is_disconnected() => {
                worker.rest();
                return self.keep(worker, jobs.len());
            }
            End::Done => Cause::Nonsense("an end before the end of its jobs".to_owned()),
            End::Nonsense(what) => Cause::Nonsense(what),
            End::Died => {
                // It may have closed its channel and live on.
                let ended = worker.process.kill_and_wait();
                if has_answered { Cause::Death(ended) } else { Cause::Nonsense(no_answer()) }
            }
        };
        worker.process.kill();
        let loss = WorkerLoss { pid, started, cause };
        let is_meant = is_up || !has_answered || is_meant(&worker, &jobs);
        let killer = self.lose_worker(&worker, jobs, &loss, batch);
        if !is_meant {
            self.spend(killer, &loss, batch);
        }
    }

    fn receive_answers(
        &mut self,
        worker: &Worker,
        jobs: &mut [Option<InFlight>],
        message: Vec<JobMessage>,
        batch: &mut Batch<'_, Queued>,
    ) -> End {
        let mut patience = (message.len() > 1).then_some(PATIENCE);
        let mut end_limit = None;
        worker.begin(Request::Run(message));
        loop {
            let rest = end_limit.map(|limit: Instant| limit.saturating_duration_since(Instant::now()));
            match worker.receive(rest.or(patience)) {
                Received::Reply(Reply::Done) => break End::Done,
                Received::Reply(Reply::Progress) => {
                    self.take_done(worker, jobs);
                    batch.holds(jobs.iter().flatten().count());
                    self.tell_early(batch);
                }
                Received::Reply(Reply::Answer { slot, job, answer }) => {
                    let Some(lent) = jobs.get_mut(slot).and_then(|lent| lent.take_if(|lent| lent.id() == job)) else {
                        break End::Nonsense("an answer to another question".to_owned());
                    };
                    let is_done = worker.claims.page.look(slot, job) == Some(Claim::Done);
                    // From here on it is in time, however long it takes to read.
                    if is_done && self.clock.as_ref().is_none_or(TimeLimit::is_in_time) {
                        self.take_answer(worker, slot, lent, answer, batch);
                    } else {
                        // It was aborted, or its time was up, or it never began: no worker of ours answers then. It is not to be kept.
                        jobs[slot] = Some(lent);
                    }
                }
                Received::Reply(_) => break End::Nonsense("an answer to another question".to_owned()),
                Received::Invalid(what) => break End::Nonsense(what),
                Received::Closed => break End::Died,
                Received::TimedOut if end_limit.is_some() => break End::Nonsense(no_answer()),
                Received::TimedOut => {
                    patience = None;
                    self.take_done(worker, jobs);
                    batch.holds(jobs.iter().flatten().count());
                    take_back(worker, jobs, batch);
                    self.tell_early(batch);
                }
            }
            // Further messages do not prolong the limit.
            if end_limit.is_none() && !may_run(worker, jobs) {
                end_limit = Some(Instant::now() + ANSWER_LIMIT);
            }
        }
    }

    /// Sets the outcomes of the jobs that are done, and ends those that were revoked. Returns whether none is left.
    fn take_done(&mut self, worker: &Worker, jobs: &mut [Option<InFlight>]) -> bool {
        let mut is_over = true;
        for (slot, place) in jobs.iter_mut().enumerate() {
            let Some(lent) = place.take() else { continue };
            match worker.claims.page.look(slot, lent.id()) {
                Some(Claim::Done) => *place = self.read(worker, slot, lent),
                Some(Claim::Revoked) => self.end_revoked(worker, lent),
                _ => *place = Some(lent),
            }
            is_over &= place.is_none();
        }
        is_over
    }

    /// Reads the answer of a job that is done from the page. Gives the job back if that is not all: the rest comes in a message.
    fn read(&mut self, worker: &Worker, slot: usize, mut lent: InFlight) -> Option<InFlight> {
        let page = worker.claims.page.answer(slot);
        if let Some(chunk) = &mut lent.payload.chunk {
            if !chunk.absorb_page(page) {
                self.refuse(worker, lent, "outcomes that no items have");
            } else if chunk.is_over() {
                self.record_run_time(worker, slot, &lent);
                self.finish_chunk(lent);
            } else {
                return Some(lent);
            }
            return None;
        }
        // An answer that cannot be read counts as none.
        let Some(answer) = page.and_then(|answer| postcard::from_bytes(&answer).ok()) else { return Some(lent) };
        self.record_run_time(worker, slot, &lent);
        let outcome = self.unpack(worker, &lent, answer);
        self.finish(lent, outcome);
        None
    }

    /// Takes in an answer that came in a message.
    fn take_answer(
        &mut self,
        worker: &Worker,
        slot: usize,
        lent: InFlight,
        answer: Answered,
        batch: &mut Batch<'_, Queued>,
    ) {
        let Some(mut lent) = (if lent.payload.chunk.is_some() { self.read(worker, slot, lent) } else { Some(lent) })
        else {
            return;
        };
        self.record_run_time(worker, slot, &lent);
        let is_unread = matches!(answer, Answer::NoRoom { step: Step::DecodeJob, .. });
        let outcome = self.unpack(worker, &lent, answer);
        if is_unread && lent.payload.is_whole() && lent.payload.may_start_elsewhere(self.settings.tries) {
            // Nothing of it has run, and this worker gets no other job.
            return self.go_on(worker, (slot, Claim::Done), lent, batch);
        }
        match (outcome, &mut lent.payload.chunk) {
            (Ok(returned), Some(chunk)) => {
                // The one item that found no room on the page. The others have not run.
                if !chunk.absorb_payload(&returned.payload) {
                    return self.refuse(worker, lent, "outcomes that no items have");
                }
                self.go_on(worker, (slot, Claim::Done), lent, batch);
            }
            // The next item has no other outcome. The worker has not come to the others, but might where it is not believed.
            (Err(error), Some(chunk)) if !worker.is_disconnected() => {
                chunk.fail_next(error);
                self.go_on(worker, (slot, Claim::Done), lent, batch);
            }
            (outcome, _) => self.finish(lent, outcome),
        }
    }

    /// Sends the job, or the rest of a chunk, to the next worker. This worker will not go on with it: its claim was `from`.
    fn go_on(
        &mut self,
        worker: &Worker,
        (slot, from): (usize, Claim),
        mut lent: InFlight,
        batch: &mut Batch<'_, Queued>,
    ) {
        if let EncodedJob { chunk: Some(chunk), body, .. } = &mut lent.payload {
            if chunk.is_over() {
                return self.finish_chunk(lent);
            }
            chunk.leave_rest(body);
        }
        self.move_on(worker, (slot, from), lent, batch);
    }

    /// Requeues the job, whose claim was `from`, for another worker: this one will not start it any more.
    fn move_on(
        &mut self,
        worker: &Worker,
        (slot, from): (usize, Claim),
        lent: InFlight,
        batch: &mut Batch<'_, Queued>,
    ) {
        if worker.claims.page.change(slot, lent.id(), from, Claim::Sent) {
            if let Some(lent) = requeue_or_cancel(lent, batch) {
                self.refuse(worker, lent, "a second start of a job");
            }
        } else {
            self.finish(lent, Err(JobError::Cancelled));
        }
    }

    fn finish_chunk(&mut self, mut lent: InFlight) {
        let Some(chunk) = lent.payload.chunk.take() else { return };
        let worst = chunk.worst();
        let returned = chunk.into_returned(self.settings.worker.codec, lent.payload.job_type.name);
        self.pending_notifies.push(lent.job.finish_with(Ok(returned), worst));
    }

    fn unpack(&self, worker: &Worker, lent: &InFlight, answer: Answered) -> Result<EncodedResult, JobError> {
        match worker.payloads.unpack(answer) {
            Ok(answer) => lent.payload.outcome(self.settings.worker.codec, answer),
            Err(said) => Err(unreadable_answer(worker, &said)),
        }
    }

    /// Ends a revoked job. A thread that cancels it changed the claim, and may set the outcome later: a second cancel waits for that. Or
    /// its time was up, and its alarm ends it. Otherwise the worker forged the claim.
    fn end_revoked(&mut self, worker: &Worker, lent: InFlight) {
        lent.job.cancel();
        let is_up = self.clock.as_ref().is_some_and(TimeLimit::is_up);
        if !is_up && !lent.job.status().is_done() {
            self.refuse(worker, lent, "an end of a job that nobody ended");
        }
    }

    /// Fails a job of which the worker has said what cannot be.
    fn refuse(&mut self, worker: &Worker, lent: InFlight, said: &str) {
        self.finish(lent, Err(unreadable_answer(worker, said)));
    }

    fn finish(&mut self, lent: InFlight, outcome: Result<EncodedResult, JobError>) {
        let outcome = outcome.map_err(|error| lent.case(&self.settings.worker).kept(error));
        self.pending_notifies.push(lent.job.finish(outcome));
    }

    fn record_run_time(&mut self, worker: &Worker, slot: usize, lent: &InFlight) {
        // Relaxed: it was written before the claim that was read.
        let nanos = worker.claims.page.time(slot).load(std::sync::atomic::Ordering::Relaxed);
        self.run_times.learn(lent.payload.job_type, Duration::from_nanos(nanos));
        if let Some(chunk) = &lent.payload.chunk {
            chunk.learn(nanos, lent.payload.body.len());
        }
        // A chunk that goes on elsewhere is told of once, by its end.
        if lent.payload.chunk.as_ref().is_none_or(|chunk| chunk.is_over()) {
            lent.job.took(self.sent, Duration::from_nanos(nanos));
        }
    }

    /// Tells of what has ended while the worker has more to do.
    fn tell_early(&mut self, batch: &Batch<'_, Queued>) {
        for notify in self.pending_notifies.drain(..) {
            if notify.is_callback() {
                // It might wait for a job that this thread has to hear of.
                batch.call_back(notify);
            } else {
                notify.fire();
            }
        }
    }
}

/// The worker is not to be asked again. The other jobs find it dead.
fn unreadable_answer(worker: &Worker, said: &str) -> JobError {
    worker.disconnect();
    worker.process.kill();
    worker_loss::unreadable(worker.process.pid(), said)
}

/// Takes back what has not started: it would wait behind a slow job.
fn take_back(worker: &Worker, jobs: &mut [Option<InFlight>], batch: &mut Batch<'_, Queued>) {
    for (slot, place) in jobs.iter_mut().enumerate().rev() {
        if let Some(lent) = place.take_if(|lent| worker.claims.page.look(slot, lent.id()) == Some(Claim::Sent)) {
            // It may have started since, or have been cancelled.
            *place = requeue(lent, batch);
        }
    }
}

/// Said of a worker that has not answered within [`ANSWER_LIMIT`].
fn no_answer() -> String {
    format!("nothing for {ANSWER_LIMIT:?}, with no job left to run")
}

/// Whether any of the jobs may run there, or is to, or has time to end by itself.
fn may_run(worker: &Worker, jobs: &[Option<InFlight>]) -> bool {
    worker.claims.is_stopping()
        || claims(worker, jobs).any(|(_, claim)| matches!(claim, Claim::Sent | Claim::Started | Claim::Aborted))
}

/// Whether the worker falls because somebody wished so.
fn is_meant(worker: &Worker, jobs: &[Option<InFlight>]) -> bool {
    claims(worker, jobs).any(|(_, claim)| matches!(claim, Claim::Aborted | Claim::TimedOut))
}

fn claims<'a>(worker: &'a Worker, jobs: &'a [Option<InFlight>]) -> impl Iterator<Item = (&'a InFlight, Claim)> {
    let lent = jobs.iter().enumerate().filter_map(|(slot, lent)| Some((slot, lent.as_ref()?)));
    lent.filter_map(|(slot, lent)| Some((lent, worker.claims.page.look(slot, lent.id())?)))
}

#[cfg(test)]
mod tests;
