//! A message of jobs to a worker, until each of them has its outcome, or waits again: the one place that decides which.

use std::time::{Duration, Instant};

use executor_core::{Broken, JobError};
use executor_thread::scheduler::Batch;

use crate::frame::{Answered, Reply, Request, Sent};
use crate::job::{Lent, Queued};
use crate::page::Claim;
use crate::postmortem::Case;
use crate::process::Ended;
use crate::runner::{InProcess, TRIES, give_back};
use crate::seat::Kill;
use crate::spawn::{Received, Worker};

/// For so long, jobs that were sent behind others wait there. Then those that have not started are taken back.
const PATIENCE: Duration = Duration::from_millis(2);

/// How the exchange ended.
enum End {
    Done,
    Died,
    /// The worker has said what cannot be.
    Nonsense(String),
}

/// Why a worker is given up.
struct Fall {
    pid: u32,
    started: Instant,
    cause: Cause,
}

enum Cause {
    Death(Ended),
    Nonsense(String),
}

impl InProcess {
    /// Sends the jobs and waits for what comes of them. The place of each is its slot.
    pub(crate) fn exchange(&mut self, mut jobs: Vec<Option<Lent>>, message: Vec<Sent>, batch: &mut Batch<'_, Queued>) {
        let Some(worker) = self.worker.take() else { return };
        let started = Instant::now();
        let end = if message.is_empty() { End::Done } else { self.converse(&worker, &mut jobs, message, batch) };
        let pid = worker.process.pid();
        let cause = match end {
            End::Done if self.settle(&worker, &mut jobs) => {
                worker.seat.page.clear(jobs.len());
                self.worker = Some(worker);
                return;
            }
            End::Done => Cause::Nonsense("an end before the end of its jobs".to_owned()),
            End::Nonsense(what) => Cause::Nonsense(what),
            End::Died => {
                // It may have closed its channel and live on.
                worker.process.kill();
                Cause::Death(worker.process.wait())
            }
        };
        worker.process.kill();
        self.bury(&worker, jobs, &Fall { pid, started, cause }, batch);
    }

    fn converse(
        &mut self,
        worker: &Worker,
        jobs: &mut [Option<Lent>],
        message: Vec<Sent>,
        batch: &mut Batch<'_, Queued>,
    ) -> End {
        let mut patience = (message.len() > 1).then_some(PATIENCE);
        worker.begin(Request::Run(message));
        let end = loop {
            match worker.receive(patience) {
                Received::Reply(Reply::Done) => break End::Done,
                Received::Reply(Reply::Some) => {
                    self.settle(worker, jobs);
                    self.tell_early(batch);
                }
                Received::Reply(Reply::Answer { slot, job, answer }) => {
                    let Some(lent) = jobs.get_mut(slot).and_then(|lent| lent.take_if(|lent| lent.id() == job)) else {
                        break End::Nonsense("an answer to another question".to_owned());
                    };
                    // Otherwise it was aborted, or its time was up, and this crossed the kill.
                    if worker.seat.page.look(slot, job) == Some(Claim::Done) {
                        self.finish(worker, slot, lent, answer);
                    }
                }
                Received::Reply(_) => break End::Nonsense("an answer to another question".to_owned()),
                Received::Nonsense(what) => break End::Nonsense(what),
                Received::Nothing => break End::Died,
                Received::TooLate => {
                    patience = None;
                    self.settle(worker, jobs);
                    take_back(worker, jobs, batch);
                    self.tell_early(batch);
                }
            }
        };
        worker.end();
        end
    }

    /// Says the outcomes of the jobs that are done, and forgets those that will never start. Whether none is left.
    fn settle(&mut self, worker: &Worker, jobs: &mut [Option<Lent>]) -> bool {
        let mut is_over = true;
        for (slot, place) in jobs.iter_mut().enumerate() {
            let Some(lent) = place.take() else { continue };
            match worker.seat.page.look(slot, lent.id()) {
                Some(Claim::Done) => match read(worker, slot) {
                    Some(answer) => self.finish(worker, slot, lent, answer),
                    // It comes in a message.
                    None => *place = Some(lent),
                },
                Some(Claim::Revoked) => forget(&lent),
                _ => *place = Some(lent),
            }
            is_over &= place.is_none();
        }
        is_over
    }

    fn finish(&mut self, worker: &Worker, slot: usize, lent: Lent, answer: Answered) {
        let Lent { job, payload } = lent;
        // Relaxed: it was written before the claim that was read.
        let nanos = worker.seat.page.time(slot).load(std::sync::atomic::Ordering::Relaxed);
        self.estimates.learn(payload.kind, Duration::from_nanos(nanos));
        let case = Case::of(&self.settings, job.id(), &payload);
        let outcome = payload.outcome(self.settings.codec, answer).map_err(|error| case.kept(error));
        self.untold.push(job.finish(outcome));
    }

    /// Tells of what has ended while the worker has more to do.
    fn tell_early(&mut self, batch: &Batch<'_, Queued>) {
        for notify in self.untold.drain(..) {
            if notify.is_callback() {
                // It might wait for a job that this thread has to hear of.
                batch.call_back(notify);
            } else {
                notify.fire();
            }
        }
    }

    /// The worker is dead, or as good as dead. It costs the job that it was running.
    fn bury(&mut self, worker: &Worker, mut jobs: Vec<Option<Lent>>, fall: &Fall, batch: &mut Batch<'_, Queued>) {
        let page = &worker.seat.page;
        let waits = |(slot, place): (usize, &Option<Lent>)| {
            place.as_ref().is_none_or(|lent| page.look(slot, lent.id()) == Some(Claim::Sent))
        };
        let mut is_in_vain = jobs.iter().enumerate().all(waits);
        self.settle(worker, &mut jobs);
        let mut waiting = Vec::new();
        for (slot, place) in jobs.iter_mut().enumerate() {
            let Some(mut lent) = place.take() else { continue };
            match page.look(slot, lent.id()) {
                Some(Claim::Sent) => {
                    if std::mem::take(&mut is_in_vain) {
                        lent.payload.vain += 1;
                        if lent.payload.vain >= TRIES {
                            self.untold.push(lent.job.finish(Err(fall.in_vain())));
                            continue;
                        }
                    }
                    waiting.push(lent);
                }
                Some(Claim::Started) if may_run_again(worker, slot, &lent) => {
                    lent.payload.retries -= 1;
                    lent.payload.attempt += 1;
                    waiting.push(lent);
                }
                Some(Claim::Revoked) => forget(&lent),
                Some(Claim::Aborted) => self.untold.push(lent.job.finish(Err(JobError::Cancelled))),
                // The alarm tells, and has told or is about to.
                Some(Claim::TimedOut) => {}
                Some(Claim::Started | Claim::Done) | None => {
                    let error = fall.error(worker, &Case::of(&self.settings, lent.job.id(), &lent.payload));
                    self.untold.push(lent.job.finish(Err(error)));
                }
            }
        }
        for lent in waiting.into_iter().rev() {
            // Nobody can start it any more: if it does not wait, it was cancelled.
            drop(give_back(lent, batch));
        }
    }
}

/// Takes back what has not started: it would wait behind a slow job.
fn take_back(worker: &Worker, jobs: &mut [Option<Lent>], batch: &mut Batch<'_, Queued>) {
    for (slot, place) in jobs.iter_mut().enumerate().rev() {
        if let Some(lent) = place.take_if(|lent| worker.seat.page.look(slot, lent.id()) == Some(Claim::Sent)) {
            // It may have started since, or have been cancelled.
            *place = give_back(lent, batch).err();
        }
    }
}

/// Whether a job that was running is to be retried. Nobody will start it there any more, so it can be moved back to where it can be
/// revoked; unless it was aborted.
fn may_run_again(worker: &Worker, slot: usize, lent: &Lent) -> bool {
    lent.payload.retries > 0 && worker.seat.page.change(slot, lent.id(), Claim::Started, Claim::Sent)
}

/// Somebody cancelled it. Whoever sees it end sees the outcome: that is published under the same lock.
fn forget(lent: &Lent) {
    lent.job.is_waiting();
}

/// The answer of a job that is done, from the page. What cannot be read there is none.
fn read(worker: &Worker, slot: usize) -> Option<Answered> {
    let answer = worker.seat.page.answer(slot)?;
    postcard::from_bytes(&answer).ok().map(Answered::Small)
}

impl Fall {
    /// What it means for the job that was running.
    fn error(&self, worker: &Worker, case: &Case<'_>) -> JobError {
        match &self.cause {
            Cause::Death(ended) => case.crashed(worker, *ended, self.started.elapsed()),
            Cause::Nonsense(said) => JobError::Broken(Broken::new(format!(
                "its worker process {} was killed, because it answered with what cannot be read: {said}",
                self.pid
            ))),
        }
    }

    /// What it means for a job that one worker after the other did not begin.
    fn in_vain(&self) -> JobError {
        let why = match &self.cause {
            Cause::Death(Some(exit)) => format!("it {exit} before it began the job"),
            Cause::Death(None) => "it died before it began the job".to_owned(),
            Cause::Nonsense(said) => format!("it answered with what cannot be read: {said}"),
        };
        JobError::Broken(Broken::new(format!("its worker process could not be started, {TRIES} times: {why}")))
    }
}
