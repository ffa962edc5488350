//! Time limits of jobs: one alarm for each, which is called off when the job no longer needs it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use executor_core::JobError;
use executor_core::cell::{Captures, Control, Notify};

use super::handle::Scheduler;
use super::queued::Alarm;
use super::runner::Runner;

/// Ends a job that has not started in its time. Travels with the job. Dropping it (when the job starts or is discarded) calls its alarm
/// off.
pub struct StartLimit<R: Runner + 'static> {
    off: Off<R>,
    limit: Duration,
}

/// The alarm of a [`StartLimit`], to be set when the job is accepted.
#[must_use = "it does not ring unless it is set"]
pub struct StartAlarm<R: Runner + 'static> {
    is_off: Arc<AtomicBool>,
    scheduler: Scheduler<R>,
    limit: Duration,
    error: JobError,
}

impl<R: Runner + 'static> StartLimit<R> {
    /// A job may wait for as long as `limit` in the queue of `scheduler`, and ends with `error` if it has not started then.
    pub fn new(scheduler: Scheduler<R>, limit: Duration, error: JobError) -> (Self, StartAlarm<R>) {
        let off = Off::new(scheduler.clone());
        let alarm = StartAlarm { is_off: off.is_off.clone(), scheduler, limit, error };
        (Self { off, limit }, alarm)
    }
}

impl<R: Runner + 'static> StartAlarm<R> {
    /// The time begins after `delay`. When it is over, the job of `control` ends, if it has not started. If the job has its outcome already
    /// (it was refused), no alarm is set: it would start the timer's thread for nothing.
    pub fn set(self, control: Arc<dyn Control>, delay: Duration) {
        if control.status().is_done() {
            return;
        }
        let Some(when) = Instant::now().checked_add(delay.saturating_add(self.limit)) else { return };
        let alarm = WaitIsOver { control, error: self.error, is_off: self.is_off };
        self.scheduler.push_alarm(when, Box::new(alarm));
    }
}

impl<R: Runner + 'static> fmt::Debug for StartAlarm<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartAlarm").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<R: Runner + 'static> fmt::Debug for StartLimit<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartLimit")
            .field("limit", &self.limit)
            .field("is_off", &self.off.is_off)
            .finish_non_exhaustive()
    }
}

/// Ends a job that runs for too long. Dropped when the job has ended: then its alarm is called off.
pub(crate) struct RunLimit<R: Runner + 'static>(#[expect(dead_code, reason = "it is dropped")] Off<R>);

impl<R: Runner + 'static> RunLimit<R> {
    /// The running job of `control` ends with `error` at the time `when`, unless this is dropped before.
    pub(crate) fn set(
        scheduler: Scheduler<R>,
        control: Option<Arc<dyn Control>>,
        when: Option<Instant>,
        error: JobError,
    ) -> Self {
        let off = Off::new(scheduler);
        if let (Some(control), Some(when)) = (control, when) {
            let alarm = RunIsOver { control, error, is_off: off.is_off.clone() };
            off.scheduler.push_alarm(when, Box::new(alarm));
        }
        Self(off)
    }
}

/// Calls an alarm off when it is dropped.
struct Off<R: Runner + 'static> {
    is_off: Arc<AtomicBool>,
    scheduler: Scheduler<R>,
}

impl<R: Runner + 'static> Off<R> {
    fn new(scheduler: Scheduler<R>) -> Self {
        Self { is_off: Arc::default(), scheduler }
    }
}

impl<R: Runner + 'static> Drop for Off<R> {
    fn drop(&mut self) {
        // Relaxed: an alarm that rings all the same finds that the job has ended.
        self.is_off.store(true, Ordering::Relaxed);
        self.scheduler.called_off();
    }
}

/// Ends a job that has run for too long.
struct RunIsOver {
    control: Arc<dyn Control>,
    error: JobError,
    is_off: Arc<AtomicBool>,
}

impl Alarm for RunIsOver {
    fn ring(self: Box<Self>) -> Option<(Notify, Captures)> {
        if self.is_off() {
            return None;
        }
        // The outcome is set before the job is asked to stop: a job that stops at once is late all the same.
        let notify = self.control.clone().fail(self.error);
        self.control.abort();
        Some((notify?, Captures::default()))
    }

    fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Relaxed)
    }
}

/// Ends a job that has waited for too long.
struct WaitIsOver {
    control: Arc<dyn Control>,
    error: JobError,
    is_off: Arc<AtomicBool>,
}

impl Alarm for WaitIsOver {
    fn ring(self: Box<Self>) -> Option<(Notify, Captures)> {
        if self.is_off() { None } else { self.control.queued().expire(self.error) }
    }

    fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Relaxed)
    }
}
