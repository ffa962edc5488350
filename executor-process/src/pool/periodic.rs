//! A job that runs again and again in worker processes: the end of each run submits the next.

use std::panic::Location;
use std::sync::Arc;

use executor_core::panics::{catch, drop_catching};
#[cfg(feature = "tracing")]
use executor_core::trace::Submission;
use executor_core::{JobError, PortableJob};
use executor_thread::scheduler::Schedule;
use executor_thread::{Period, Periodic};

use crate::dispatch::job::EncodedJob;
use crate::dispatch::job_type::JobType;
use crate::pool::handle::ProcessHandle;
use crate::protocol::captured::Captured;
#[cfg(feature = "tracing")]
use crate::supervisor::job_trace::JobTrace;

/// The state for the next run. It moves from run to run, so no two can overlap.
struct PeriodicJob<J> {
    job: J,
    schedule: Schedule,
    pool: ProcessHandle,
    captured: Option<Arc<Vec<Captured>>>,
    #[cfg(feature = "tracing")]
    submission: Option<Arc<Submission>>,
    place: &'static Location<'static>,
}

impl<J: PortableJob + Clone> PeriodicJob<J> {
    /// Lets the next run wait for its time, unless it was cancelled, or the pool is shut down: then it is dropped.
    fn submit(self) {
        let (pool, due, schedule) = (self.pool.clone(), self.schedule.due(), self.schedule.same());
        // A job that cannot be encoded now could not be the next time.
        let Ok(Ok(encoded)) = catch(|| pool.0.policy.encode(&pool.0.options, &self.job.clone())) else {
            return drop_catching(self);
        };
        let is_next = |run| schedule.is_next(run);
        let encoded = EncodedJob {
            captured: self.captured.clone(),
            #[cfg(feature = "tracing")]
            trace: self.submission.clone().map(JobTrace::new),
            place: self.place,
            ..encoded
        };
        pool.0.submit_run::<J>(encoded, due, is_next, move |outcome| self.ended(outcome));
    }

    fn ended(mut self, outcome: Result<J::Output, JobError>) {
        let goes_on = self.schedule.ran(&outcome);
        drop_catching(outcome);
        if goes_on { self.submit() } else { drop_catching(self) }
    }
}

impl ProcessHandle {
    /// Runs `job` repeatedly in a worker process, until the [`Periodic`] is cancelled or dropped, or the pool is shut
    /// down. Never blocks.
    ///
    /// **Times.** A `Duration` as `period` starts runs at fixed intervals; [`Period::delay`] starts each run that
    /// long after the previous one ended. Runs never overlap.
    /// [`ThreadHandle::every`](executor_thread::ThreadHandle::every) works in the same way.
    ///
    /// **Each run** executes a clone of `job` with this handle's options, except a delay; its result is dropped. A
    /// panic or a crash ends only that run. The repetition ends if a run is aborted, also by a shutdown that kills,
    /// or if the job, or a value of [`wrap_jobs`](crate::ProcessPoolBuilder::wrap_jobs), cannot be encoded.
    ///
    /// **Missed runs.** A run is [missed](Periodic::missed) if a full queue drops it
    /// ([`WhenFull::DropOldest`](executor_thread::WhenFull::DropOldest)), if no worker can be started, or if it
    /// exceeds its start limit. The next run is then due as usual.
    ///
    /// [`wait_idle`](Self::wait_idle) and shutdowns do not wait for a run that is not yet due.
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
    ///
    /// # Panics
    ///
    /// If a closure that [`wrap_jobs`](crate::ProcessPoolBuilder::wrap_jobs) was given panics while it captures a value.
    #[track_caller]
    pub fn every<J: PortableJob + Clone>(&self, period: impl Into<Period>, job: J) -> Periodic {
        let (periodic, schedule) = Schedule::start(period.into());
        let captured = match self.0.capture(JobType::of::<J>()) {
            Ok(captured) => captured,
            Err(JobError::Panicked(panicked)) => panicked.resume(),
            Err(_) => {
                drop_catching((job, schedule));
                return periodic;
            }
        };
        PeriodicJob {
            job,
            schedule,
            pool: self.handle(),
            captured,
            #[cfg(feature = "tracing")]
            submission: self.0.submission(),
            place: Location::caller(),
        }
        .submit();
        periodic
    }
}
