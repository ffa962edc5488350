//! A job that runs again and again in worker processes: the end of each run submits the next.

use executor_core::panics::{catch, drop_catching};
use executor_core::{JobError, PortableJob, Rejection};
use executor_thread::scheduler::Schedule;
use executor_thread::{Period, Periodic};

use crate::pool::handle::ProcessHandle;

/// The state for the next run. It moves from run to run, so no two can overlap.
struct PeriodicJob<J> {
    job: J,
    schedule: Schedule,
    pool: ProcessHandle,
}

impl<J: PortableJob + Clone> PeriodicJob<J> {
    /// Lets the next run wait for its time, unless it was cancelled, or the pool is shut down: then it is dropped.
    fn submit(self) {
        let (pool, due, schedule) = (self.pool.clone(), self.schedule.due(), self.schedule.same());
        // A job that cannot be encoded now could not be the next time.
        let Ok(Ok(encoded)) = catch(|| pool.0.encode(&self.job.clone())) else {
            return drop_catching(self);
        };
        let is_next = |run| schedule.is_next(run);
        pool.0.submit_run::<J>(encoded, due, is_next, move |outcome| self.ended(outcome));
    }

    fn ended(mut self, outcome: Result<J::Output, JobError>) {
        match &outcome {
            Err(JobError::Broken(_)) => self.schedule.missed(),
            Err(JobError::Rejected(refused)) if refused.reason() == Rejection::Dropped => self.schedule.missed(),
            Err(JobError::TimedOut(late)) if !late.has_started() => self.schedule.missed(),
            Err(JobError::Cancelled(_) | JobError::Rejected(_)) => {
                drop_catching(outcome);
                return drop_catching(self);
            }
            _ => self.schedule.ended(),
        }
        drop_catching(outcome);
        self.submit();
    }
}

impl ProcessHandle {
    /// Runs `job` again and again, in a worker process, until the [`Periodic`] is cancelled or dropped, or the pool is shut
    /// down. Never blocks.
    ///
    /// The times are those of [`ThreadHandle::every`](executor_thread::ThreadHandle::every): with a `Duration`, runs are due at
    /// times that are this far apart; with [`Period::delay`], each that long after the end of the one before. Two never overlap.
    ///
    /// Each run is a clone of `job`, with the options of this handle, but for a delay. A panic or a crash ends its run only. The result of
    /// a run is dropped. An abort, also by a shutdown that kills, ends the job, and so does an error of its `Serialize`: there can be no
    /// next run. A run that a full queue drops ([`WhenFull::DropOldest`](executor_thread::WhenFull::DropOldest)), for which no worker can
    /// be started, or that has not started in time, is [missed](Periodic::missed), and the next one is due as usual. Nothing waits for a
    /// run whose time has not come, neither [`wait_idle`](Self::wait_idle) nor a shutdown.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{ProcessPool, call};
    ///
    /// fn collect_garbage() { /* in the worker */ }
    ///
    /// let pool = ProcessPool::new(1)?;
    /// let collecting = pool.every(Duration::from_millis(1), call!(collect_garbage()));
    /// while collecting.runs() < 3 {
    ///     std::thread::yield_now();
    /// }
    /// drop(collecting);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn every<J: PortableJob + Clone>(&self, period: impl Into<Period>, job: J) -> Periodic {
        let (periodic, schedule) = Schedule::start(period.into());
        PeriodicJob { job, schedule, pool: self.handle() }.submit();
        periodic
    }
}
