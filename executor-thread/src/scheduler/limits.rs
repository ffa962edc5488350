//! Time limits of jobs: one timer event for each, which is cancelled when the job no longer needs it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use executor_core::JobError;
use executor_core::cell::{Captures, Control, Notify};

use super::handle::Scheduler;
use super::queued::TimerEvent;
use super::runner::Runner;

/// Ends a job that does not start in time. Travels with the job. Dropping it (when the job starts or is discarded) cancels its timer
/// event.
pub struct StartLimit<R: Runner + 'static> {
    cancel: CancelOnDrop<R>,
    limit: Duration,
}

/// The timer event of a [`StartLimit`], to be set when the job is accepted.
#[must_use = "it does not fire unless it is set"]
pub struct StartTimer<R: Runner + 'static> {
    is_cancelled: Arc<AtomicBool>,
    scheduler: Scheduler<R>,
    limit: Duration,
    error: JobError,
}

impl<R: Runner + 'static> StartLimit<R> {
    /// Creates a limit: a job that waits in the queue of `scheduler` for longer than `limit` ends with `error`.
    pub fn new(scheduler: Scheduler<R>, limit: Duration, error: JobError) -> (Self, StartTimer<R>) {
        let cancel = CancelOnDrop::new(scheduler.clone());
        let timer = StartTimer { is_cancelled: cancel.is_cancelled.clone(), scheduler, limit, error };
        (Self { cancel, limit }, timer)
    }
}

impl<R: Runner + 'static> StartTimer<R> {
    /// Starts the time limit of the job `control` after `delay`. Does nothing if the job has its outcome already, so that no timer thread is
    /// started in vain.
    pub fn set(self, control: Arc<dyn Control>, delay: Duration) {
        if control.status().is_done() {
            return;
        }
        let Some(when) = Instant::now().checked_add(delay.saturating_add(self.limit)) else { return };
        let timer = WaitIsOver { control, error: self.error, is_cancelled: self.is_cancelled };
        self.scheduler.push_timer(when, Box::new(timer));
    }
}

impl<R: Runner + 'static> fmt::Debug for StartTimer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartTimer").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<R: Runner + 'static> fmt::Debug for StartLimit<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartLimit")
            .field("limit", &self.limit)
            .field("is_cancelled", &self.cancel.is_cancelled)
            .finish_non_exhaustive()
    }
}

/// Ends a job that runs for too long. Dropped when the job has ended: then its timer event is cancelled.
pub(crate) struct RunLimit<R: Runner + 'static>(#[expect(dead_code, reason = "it is dropped")] CancelOnDrop<R>);

impl<R: Runner + 'static> RunLimit<R> {
    /// The running job of `control` ends with `error` at the time `when`, unless this is dropped before.
    pub(crate) fn set(
        scheduler: Scheduler<R>,
        control: Option<Arc<dyn Control>>,
        when: Option<Instant>,
        error: JobError,
    ) -> Self {
        let cancel = CancelOnDrop::new(scheduler);
        if let (Some(control), Some(when)) = (control, when) {
            let timer = RunIsOver { control, error, is_cancelled: cancel.is_cancelled.clone() };
            cancel.scheduler.push_timer(when, Box::new(timer));
        }
        Self(cancel)
    }
}

/// Cancels a timer event when it is dropped.
struct CancelOnDrop<R: Runner + 'static> {
    is_cancelled: Arc<AtomicBool>,
    scheduler: Scheduler<R>,
}

impl<R: Runner + 'static> CancelOnDrop<R> {
    fn new(scheduler: Scheduler<R>) -> Self {
        Self { is_cancelled: Arc::default(), scheduler }
    }
}

impl<R: Runner + 'static> Drop for CancelOnDrop<R> {
    fn drop(&mut self) {
        // Relaxed: a timer event that fires all the same finds that the job has ended.
        self.is_cancelled.store(true, Ordering::Relaxed);
        self.scheduler.cancel_timer();
    }
}

/// Ends a job that has run for too long.
struct RunIsOver {
    control: Arc<dyn Control>,
    error: JobError,
    is_cancelled: Arc<AtomicBool>,
}

impl TimerEvent for RunIsOver {
    fn fire(self: Box<Self>) -> Option<(Notify, Captures)> {
        if self.is_cancelled() {
            return None;
        }
        // The outcome is set before the job is asked to stop: a job that stops at once is late all the same.
        let notify = self.control.clone().fail(self.error);
        self.control.abort();
        Some((notify?, Captures::default()))
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }
}

/// Ends a job that has waited for too long.
struct WaitIsOver {
    control: Arc<dyn Control>,
    error: JobError,
    is_cancelled: Arc<AtomicBool>,
}

impl TimerEvent for WaitIsOver {
    fn fire(self: Box<Self>) -> Option<(Notify, Captures)> {
        if self.is_cancelled() { None } else { self.control.queued().expire(self.error) }
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }
}
