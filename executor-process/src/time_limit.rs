//! The time that a job may run, kept from outside: its alarm rings on the timer's thread. That thread and the one that serves the
//! worker agree here on who ends the job.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use executor_core::cell::{Control, Notify};
use executor_thread::scheduler::Alarm;
use parking_lot::Mutex;

use crate::child::Child;
use crate::job::Queued;
use crate::postmortem::{Case, Question};
use crate::replay::Unsaved;
use crate::seat::{Ended, Kill, Seat};

/// What the thread that serves the worker has of a time limit.
pub(crate) struct Clock {
    /// Changed under the lock under which the alarm changes the job's word.
    is_up: Arc<Mutex<bool>>,
    /// What the alarm leaves to be kept.
    unsaved: Receiver<Unsaved>,
}

impl Clock {
    /// Whether the job's time is up: then its alarm ends it, be it in a moment. Otherwise it was not the alarm that changed its word.
    pub(crate) fn is_up(&self) -> bool {
        *self.is_up.lock()
    }

    /// Writes a job down whose time was up, where those that fail are kept. Waits for an alarm that rings.
    pub(crate) fn stop(self) {
        if self.is_up()
            && let Ok(unsaved) = self.unsaved.recv()
        {
            unsaved.write();
        }
    }
}

/// The time limit of a job that is sent: what its worker's thread has of it, and what is to ring at the end of `limit`.
pub(crate) fn set(
    job: Queued,
    limit: Duration,
    case: Case,
    seat: &Arc<Seat>,
    process: &Arc<Child>,
) -> (Clock, TimeIsUp) {
    let (kept, unsaved) = mpsc::channel();
    let is_up = Arc::default();
    let (seat, process) = (Arc::clone(seat), Arc::clone(process));
    let alarm = TimeIsUp { job, limit, case, seat, process, kept, is_up: Arc::clone(&is_up), ended: None };
    (Clock { is_up, unsaved }, alarm)
}

/// Ends a job that has run for too long, and the process that runs it.
pub(crate) struct TimeIsUp {
    job: Queued,
    limit: Duration,
    case: Case,
    seat: Arc<Seat>,
    process: Arc<Child>,
    kept: Sender<Unsaved>,
    is_up: Arc<Mutex<bool>>,
    /// What it ends, once it has begun to.
    ended: Option<(Ended, Option<Question>)>,
}

impl Alarm for TimeIsUp {
    /// The worker goes on with nothing from here on, and is asked where it is. It has a millisecond, in which others are asked, too.
    fn begin(&mut self) {
        let mut is_up = self.is_up.lock();
        let Some(ended) = self.seat.time_out(self.job.id()) else { return };
        *is_up = true;
        drop(is_up);
        let question = match ended {
            Ended::Started => Question::ask(&self.process, self.seat.page.trace()),
            Ended::Sent => None,
        };
        self.ended = Some((ended, question));
    }

    fn ring(self: Box<Self>) -> Option<Notify> {
        let Self { job, limit, case, seat, process, kept, ended, .. } = *self;
        let (ended, question) = ended?;
        let trace = question.and_then(|question| question.answer(seat.page.trace()));
        let (error, unsaved) = case.timed_out(limit, trace);
        // First the future tells: a large process takes tens of milliseconds to be gone, and a file may take longer.
        let notify = Control::fail(job, error);
        if let Ended::Started = ended {
            process.kill();
        }
        if let Some(unsaved) = unsaved.filter(|_| notify.is_some()) {
            // Nobody hears where the worker's thread has failed; then the file is missing, and the error says so.
            let _ = kept.send(unsaved);
        }
        notify
    }

    fn is_off(&self) -> bool {
        !self.seat.holds(self.job.id())
    }
}
