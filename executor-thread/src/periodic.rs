//! A job that runs again and again on threads: each run is a delayed job, which submits the next one when it has ended.

use executor_core::Job;
use executor_core::job_counters::{Failure, returns_with};
use executor_core::panics::{catch, drop_catching};

use crate::pool::ThreadHandle;
use crate::scheduler::{Period, Periodic, Schedule};

/// One run on threads, and all that is needed for the next.
struct PeriodicJob<F> {
    f: F,
    schedule: Schedule,
    pool: ThreadHandle,
}

/// A run that is with the pool. Dropped there, it is a missed run.
struct Submitted<F: FnMut() + Send + 'static>(Option<PeriodicJob<F>>);

impl<F: FnMut() + Send + 'static> Job for Submitted<F> {
    type Output = ();

    fn run(mut self) {
        let Some(mut run) = self.0.take() else { return };
        // The panic hook has reported a panic in it; the next run is another one.
        let outcome = catch(&mut run.f);
        let failure = outcome.as_ref().err().and_then(Failure::of);
        drop_catching(outcome);
        run.schedule.ended();
        run.submit();
        // Last: a job that what came before has run in place here would be counted so.
        returns_with(failure);
    }
}

impl<F: FnMut() + Send + 'static> Drop for Submitted<F> {
    fn drop(&mut self) {
        // Cancelled, or shut down, there is no next run. Otherwise the queue had no room for this one, or no worker could be started.
        let Some(mut run) = self.0.take() else { return };
        if !run.schedule.is_cancelled() && run.pool.0.scheduler.is_open() {
            run.schedule.missed();
            run.submit();
        }
    }
}

impl<F: FnMut() + Send + 'static> PeriodicJob<F> {
    /// Lets the run wait for its time, unless it was cancelled, or the pool is shut down: then it is dropped.
    fn submit(self) {
        let (schedule, pool) = (self.schedule.same(), self.pool.clone());
        // One that comes in between leaves an empty cell to be pushed.
        pool.0.submit_run(Submitted(Some(self)), schedule.due(), |run| schedule.is_next(run));
    }
}

impl ThreadHandle {
    /// Runs `f` again and again, in the pool, until the [`Periodic`] is cancelled or dropped, or the pool is shut down. Never
    /// blocks.
    ///
    /// With a `Duration`, runs are due at times that are this far apart; with [`Period::delay`], each that long after the
    /// end of the one before. The first is due after one period, or at once with [`Period::starting_now`]. Two never
    /// overlap. One that is late or long costs the due times that it misses: they are not made up for. A period of zero is
    /// no time to wait: the next run is queued when one has ended, behind what waits then. A run that a full queue drops
    /// ([`WhenFull::DropOldest`](crate::WhenFull::DropOldest)) is [missed](Periodic::missed), and the next one is due as usual.
    /// Nothing waits for a run whose time has not come, neither [`wait_idle`](Self::wait_idle) nor a shutdown.
    ///
    /// Each run has the options of this handle, but for a delay: a name, a priority, a time to start in, a time to run in.
    ///
    /// A panic ends its run only, and is reported by the panic hook; `f` is called again. A shutdown does not wait for
    /// the time of the next run, but for a run that has begun or is queued, as for any job. After a shutdown, `f` is
    /// dropped.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1);
    /// let (tick, ticks) = mpsc::channel();
    /// let mut count = 0;
    /// let ticking = pool.every(Duration::from_millis(1), move || {
    ///     count += 1;
    ///     tick.send(count).unwrap_or_default();
    /// });
    /// assert_eq!(ticks.iter().take(3).sum::<u32>(), 6);
    /// drop(ticking);
    /// ```
    pub fn every<F>(&self, period: impl Into<Period>, f: F) -> Periodic
    where
        F: FnMut() + Send + 'static,
    {
        let (periodic, schedule) = Schedule::start(period.into());
        PeriodicJob { f, schedule, pool: self.handle() }.submit();
        periodic
    }
}
