//! The time that a job may run, kept from outside: its alarm fires on the timer's thread. That thread and the one that serves the
//! worker agree here on who ends the job.

use std::sync::Arc;
use std::time::Duration;

use executor_core::cell::{Captures, Control, Notify};
use executor_thread::scheduler::TimerEvent;
use parking_lot::Mutex;

use crate::diagnostics::failed_job::FailedJob;
use crate::diagnostics::report::LocateRequest;
use crate::diagnostics::saved_job::Unsaved;
use crate::dispatch::job::Queued;
use crate::supervisor::child::Child;
use crate::supervisor::claims::{Claims, Ended, Kill};

/// How far the alarm has come, or the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Runs,
    /// The alarm has begun to end the job and its worker.
    Up,
    /// The alarm ends the worker alone: the job's answer is on the page.
    Answered,
    /// The answer came first. The alarm ends nothing.
    Over,
}

/// The half of a time limit that the thread serving the worker holds.
pub(crate) struct TimeLimit {
    /// Changed under the lock under which the alarm changes the job's word.
    phase: Arc<Mutex<Phase>>,
    /// The job that the alarm ended, if it is to be kept as a file.
    unsaved: oneshot::Receiver<Unsaved>,
}

impl TimeLimit {
    /// Whether the alarm has begun to end the job. Otherwise it was not the alarm that changed its word.
    pub(crate) fn is_up(&self) -> bool {
        *self.phase.lock() == Phase::Up
    }

    /// The job has its answer, or its worker is gone. False if its time was up before.
    pub(crate) fn is_in_time(&self) -> bool {
        let mut phase = self.phase.lock();
        if *phase == Phase::Runs {
            *phase = Phase::Over;
        }
        *phase == Phase::Over
    }

    /// Writes a job down whose time was up, where those that fail are kept. Waits for an alarm that fires.
    pub(crate) fn stop(self) {
        if !self.is_in_time()
            && let Ok(unsaved) = self.unsaved.recv()
        {
            unsaved.write();
        }
    }
}

/// The time limit of a job that is sent: the half of its worker's thread, and the alarm for the end of `limit`.
pub(crate) fn set(
    job: Queued,
    limit: Duration,
    case: FailedJob,
    claims: &Arc<Claims>,
    process: &Arc<Child>,
) -> (TimeLimit, TimeLimitAlarm) {
    let (kept, unsaved) = oneshot::channel();
    let phase = Arc::default();
    let (claims, process) = (Arc::clone(claims), Arc::clone(process));
    let alarm = TimeLimitAlarm { job, limit, case, claims, process, kept, phase: Arc::clone(&phase), ended: None };
    (TimeLimit { phase, unsaved }, alarm)
}

/// Ends a job that has run for too long, and the process that runs it.
pub(crate) struct TimeLimitAlarm {
    job: Queued,
    limit: Duration,
    case: FailedJob,
    claims: Arc<Claims>,
    process: Arc<Child>,
    kept: oneshot::Sender<Unsaved>,
    phase: Arc<Mutex<Phase>>,
    /// Set by `begin`: how far the job had come, and the question where it is.
    ended: Option<(Ended, Option<LocateRequest>)>,
}

impl TimerEvent for TimeLimitAlarm {
    /// The worker goes on with nothing from here on, and is asked where it is. It has a millisecond, in which others are asked, too.
    fn begin(&mut self) {
        let mut phase = self.phase.lock();
        if *phase != Phase::Runs {
            return;
        }
        let ended = self.claims.time_out(self.job.id());
        *phase = if ended == Ended::Answered { Phase::Answered } else { Phase::Up };
        drop(phase);
        let question = match ended {
            Ended::Started | Ended::Unproven => LocateRequest::ask(&self.process, self.claims.page.trace()),
            Ended::Sent | Ended::Answered => None,
        };
        self.ended = Some((ended, question));
    }

    fn fire(self: Box<Self>) -> Option<(Notify, Captures)> {
        let Self { job, limit, case, claims, process, kept, ended, .. } = *self;
        let (ended, question) = ended?;
        if ended == Ended::Answered {
            // The thread that serves the worker takes the answer.
            process.kill();
            return None;
        }
        let trace = question.and_then(|question| question.answer(claims.page.trace()));
        let (error, unsaved) = case.timed_out(limit, trace);
        // First the future tells: a large process takes tens of milliseconds to be gone, and a file may take longer.
        let notify = Control::fail(job, error);
        process.kill();
        if let Some(unsaved) = unsaved.filter(|_| notify.is_some()) {
            // If the worker's thread has failed, no thread receives it: the file is missing, and the error says so.
            let _ = kept.send(unsaved);
        }
        Some((notify?, Captures::default()))
    }

    fn is_cancelled(&self) -> bool {
        *self.phase.lock() != Phase::Runs
    }
}
