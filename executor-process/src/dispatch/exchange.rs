//! A message of jobs to a worker, until each of them has its outcome, or waits again: the one place
//! that decides which.

mod answers;
mod fate;
mod fill;
mod hear;
mod loss;

use std::time::{Duration, Instant};

use executor_core::__private::Spaced;
use executor_core::cell::Notify;
use executor_thread::scheduler::Batch;

use self::hear::find;
use crate::dispatch::job::{InFlight, Queued, requeue};
use crate::dispatch::run_time::RunTimes;
use crate::dispatch::settings::PoolSettings;
use crate::dispatch::time_limit::TimeLimit;
use crate::dispatch::worker_loss::{Cause, WorkerLoss};
use crate::protocol::limits::{ANSWER_LIMIT, MOST_SPIN};
use crate::protocol::message::{JobMessage, Reply};
use crate::protocol::status_page::Claim;
use crate::supervisor::claims::Kill;
use crate::supervisor::reply_receiver::Received;
use crate::supervisor::start::Worker;

/// How long jobs that were sent behind others wait at the worker. Then those that have not started
/// are taken back.
const TAKE_BACK_AFTER: Duration = Duration::from_millis(2);

/// One message to a worker, and the jobs in it.
///
/// [`fill`](Exchange::fill) makes the message, and [`run`](Exchange::run) sends it and brings its
/// jobs to their outcomes.
pub(crate) struct Exchange<'a, 'b> {
    worker: Worker,
    /// The jobs that have neither an outcome nor wait again, by the slot that holds their claim.
    slots: Vec<Option<InFlight>>,
    settings: &'a PoolSettings,
    run_times: &'a mut RunTimes,
    /// Notifications of ended jobs, not yet fired. They are the runner's: it keeps the worker
    /// before it fires them.
    pending_notifies: &'a mut Vec<Notify>,
    /// The time limit of the job in the message, which is alone then.
    time_limit: Option<TimeLimit>,
    sent_at: Instant,
    batch: &'a mut Batch<'b, Queued>,
}

/// How the messages of the worker ended.
enum End {
    Done,
    Closed,
    /// The worker broke the protocol.
    Invalid(String),
}

impl<'a, 'b> Exchange<'a, 'b> {
    pub(crate) fn new(
        worker: Worker,
        settings: &'a PoolSettings,
        run_times: &'a mut RunTimes,
        pending_notifies: &'a mut Vec<Notify>,
        batch: &'a mut Batch<'b, Queued>,
    ) -> Self {
        Self {
            worker,
            slots: Vec::new(),
            settings,
            run_times,
            pending_notifies,
            time_limit: None,
            sent_at: Instant::now(),
            batch,
        }
    }

    /// The worker, where there is no message for it.
    pub(crate) fn into_worker(self) -> Worker {
        self.worker
    }

    /// Sends the message, and blocks until none of its jobs is left in a slot. Returns the worker
    /// if it can be sent another message; otherwise its process is gone.
    pub(crate) fn run(mut self, message: Vec<JobMessage>) -> Option<Worker> {
        self.sent_at = Instant::now();
        self.begin_output();
        let end = if message.is_empty() && !self.worker.is_disconnected() {
            End::Done
        } else {
            self.receive_answers(message)
        };
        let has_answered = self.worker.claims.close();
        let is_late = self.time_limit.as_ref().is_some_and(|limit| !limit.is_in_time());
        let cause = self.cause_of_loss(end, has_answered, is_late);
        let can_go_on = cause.is_none();
        match cause {
            None => {
                self.worker.rest();
                self.worker.count(self.slots.len());
            }
            Some(cause) => self.charge_loss(cause, is_late || !has_answered),
        }
        let Self { worker, time_limit, batch, .. } = self;
        // A job that runs again has no outcome yet.
        worker.listener.end_output();
        // A worker that is lost is reaped here, before the jobs' callbacks run.
        let worker = can_go_on.then_some(worker);
        if let Some(time_limit) = time_limit {
            // A job whose time was up is kept now.
            time_limit.stop();
            batch.cancel_timer();
        }
        worker
    }

    /// Why the worker cannot be sent another message. `None` if it can.
    fn cause_of_loss(&mut self, end: End, has_answered: bool, is_late: bool) -> Option<Cause> {
        Some(match end {
            // The timer of the time limit, or of the answer limit, has not seen that the jobs are
            // done: it kills the worker.
            End::Done if is_late || !has_answered => Cause::Death(self.worker.process.kill_and_wait()),
            End::Done if self.take_done() && !self.worker.is_disconnected() => return None,
            End::Done => Cause::Invalid("it reported the batch as done while jobs were unfinished".to_owned()),
            End::Invalid(said) => Cause::Invalid(said),
            End::Closed => {
                // It may have closed its channel and live on.
                let ended = self.worker.process.kill_and_wait();
                if has_answered { Cause::Death(ended) } else { Cause::Invalid(no_answer()) }
            }
        })
    }

    /// Kills the worker, ends or requeues its jobs, and charges the loss to the pool's budget,
    /// unless its end was asked for.
    fn charge_loss(&mut self, cause: Cause, is_overdue: bool) {
        self.worker.process.kill();
        let loss = WorkerLoss { pid: self.worker.process.pid(), started: self.sent_at, cause };
        let is_asked_for = is_overdue || self.is_ended_by_user();
        let killer = self.lose_worker(&loss);
        self.wake_early();
        if !is_asked_for {
            self.settings.budget.spend(killer, &loss, self.batch);
        }
    }

    /// Sends the message, and takes in replies until the last one.
    fn receive_answers(&mut self, message: Vec<JobMessage>) -> End {
        let mut take_back_after = (message.len() > 1).then_some(TAKE_BACK_AFTER);
        let mut end_limit = None;
        let are_short = self.are_short();
        self.worker.begin_jobs(message, are_short);
        if self.worker.end_soon(are_short) {
            return End::Done;
        }
        loop {
            let rest = end_limit.map(|limit: Instant| limit.saturating_duration_since(Instant::now()));
            match self.worker.receive(rest.or(take_back_after)) {
                Received::Reply(Reply::Done) => break End::Done,
                Received::Reply(Reply::Progress) => {
                    self.take_done();
                    self.report_left();
                    self.notify_early();
                }
                Received::Reply(Reply::Answer { slot, job, answer }) if self.is_in_slot(slot, job) => {
                    self.receive_answer(slot, answer);
                    self.wake_early();
                }
                Received::Reply(Reply::Record(record)) => {
                    self.worker.listener.hear(record, |job| find(&self.slots, job));
                }
                Received::Reply(_) => break End::Invalid("it answered another request".to_owned()),
                Received::Invalid(said) => break End::Invalid(said),
                Received::Closed => break End::Closed,
                Received::TimedOut if end_limit.is_some() => break End::Invalid(no_answer()),
                Received::TimedOut => {
                    take_back_after = None;
                    self.take_done();
                    self.report_left();
                    self.take_back();
                    self.notify_early();
                }
            }
            // Further messages do not prolong the limit.
            match end_limit {
                Some(limit) if Instant::now() >= limit => break End::Invalid(no_answer()),
                Some(_) => {}
                None if self.may_run() => {}
                None => end_limit = Some(Instant::now() + ANSWER_LIMIT),
            }
        }
    }

    /// Whether the end of the message may come soon, and a thread waits for that. Otherwise the submitters need this core: the jobs that they
    /// submit meanwhile go in one message.
    fn are_short(&self) -> bool {
        match &self.slots[..] {
            [Some(job)] if self.batch.is_waited_for(job.job.id()) => {
                self.run_times.of(job.payload.job_type).is_none_or(|time| time < MOST_SPIN)
            }
            _ => false,
        }
    }

    /// Takes back the jobs that have not started: they would wait behind a slow one.
    fn take_back(&mut self) {
        for slot in (0..self.slots.len()).rev() {
            if self.claim(slot) == Some(Claim::Sent)
                && let Some(in_flight) = self.slots[slot].take()
            {
                // It may have started since, or have been cancelled.
                self.slots[slot] = requeue(in_flight, self.batch);
            }
        }
    }

    /// Tells the scheduler how many jobs the worker still has.
    fn report_left(&mut self) {
        self.batch.holds(self.slots.iter().flatten().count());
    }

    /// Fires the notifications of jobs that have ended while the worker has more to do.
    fn notify_early(&mut self) {
        for notify in self.pending_notifies.drain(..) {
            if notify.is_callback() {
                // It might wait for a job whose outcome this thread is to set.
                self.batch.call_back(notify);
            } else {
                notify.fire();
            }
        }
    }

    /// Wakes the threads that wait for jobs which have ended: the rest of the message may take long.
    fn wake_early(&mut self) {
        self.pending_notifies.iter_mut().for_each(Notify::wake_threads);
    }

    /// The claim of the job in the slot. `None` if there is none, or if its word is forged.
    fn claim(&self, slot: usize) -> Option<Claim> {
        let in_flight = self.slots[slot].as_ref()?;
        self.worker.claims.page.look(slot, in_flight.id())
    }

    fn has_claim(&self, is_one: impl Fn(Claim) -> bool) -> bool {
        (0..self.slots.len()).any(|slot| self.claim(slot).is_some_and(&is_one))
    }

    /// Whether any of the jobs may run at the worker, or is to, or has time to end by itself.
    fn may_run(&self) -> bool {
        self.worker.claims.is_stopping()
            || self.has_claim(|claim| matches!(claim, Claim::Sent | Claim::Started | Claim::Aborted))
    }

    /// Whether an abort or a time limit ends the worker.
    fn is_ended_by_user(&self) -> bool {
        self.has_claim(|claim| matches!(claim, Claim::Aborted | Claim::TimedOut))
    }

    /// Whether the time of the job is up, so that its alarm sets the outcome.
    fn is_up(&self) -> bool {
        self.time_limit.as_ref().is_some_and(TimeLimit::is_up)
    }
}

/// The text for a worker that has not answered within [`ANSWER_LIMIT`].
fn no_answer() -> String {
    format!("it sent no answer within {}, although it was running no job", Spaced(ANSWER_LIMIT))
}

#[cfg(all(test, not(loom)))]
mod tests;
