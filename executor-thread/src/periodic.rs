//! A job that runs again and again on threads: each run is a delayed job, which submits the next one when it has ended.

use std::panic::Location;

use executor_core::job_counters::{Failure, returns_with};
use executor_core::observe::JobDescription;
use executor_core::panics::{catch, drop_catching};
use executor_core::wrap::{self, Context};
use executor_core::{Job, JobError, JobPath};

use crate::pool::ThreadHandle;
use crate::scheduler::{Period, Periodic, Schedule};

/// One run on threads, and all that is needed for the next.
struct PeriodicJob<F> {
    f: F,
    schedule: Schedule,
    pool: ThreadHandle,
    context: Option<Context>,
    place: &'static Location<'static>,
}

/// A run that is with the pool. Dropped there, it is a missed run.
struct Submitted<F: FnMut() + Send + 'static>(Option<PeriodicJob<F>>);

impl<F: FnMut() + Send + 'static> Job for Submitted<F> {
    type Output = ();

    fn run(mut self) {
        let Some(mut run) = self.0.take() else { return };
        // The panic hook has reported a panic in it; the next run is another one.
        let name = JobPath::of::<F>().into();
        let outcome = catch(|| wrap::run(run.context.as_ref().map(|context| (context, &name)), &mut run.f));
        let failure = outcome.as_ref().err().and_then(Failure::of);
        drop_catching(outcome);
        run.schedule.ended();
        run.submit();
        // Last: a job that what came before has run in place here would be counted so.
        returns_with(failure);
    }

    fn describe(this: &Self) -> JobDescription {
        let place = this.0.as_ref().map(|run| run.place);
        JobDescription::new(Self::job_name(Some(this)), None, place)
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
    /// Runs `f` on the pool again and again, until the returned [`Periodic`] is dropped or cancelled, or the pool is shut down. Never
    /// blocks.
    ///
    /// - With a `Duration` or [`Period::rate`], runs are due at fixed intervals. With [`Period::delay`], each run is due a pause after the end
    ///   of the previous run.
    /// - The first run is due after one period, or at once with [`Period::starting_now`].
    /// - Runs never overlap. A due time that passes while a run is late or still going is skipped, and not made up for.
    /// - With a period of zero, the next run is queued as soon as the previous run has ended, behind the jobs that are queued then.
    /// - If a run panics, the panic hook reports that, and the next run is due as usual.
    /// - If a full queue drops a run ([`WhenFull::DropOldest`](crate::WhenFull::DropOldest)), the run counts as
    ///   [missed](Periodic::missed), and the next run is due as usual.
    ///
    /// [`wait_idle`](Self::wait_idle) and a shutdown wait for a run that is queued or running, but not for the time of the next run.
    /// After a shutdown, `f` is dropped.
    ///
    /// Each run has this handle's options, except `delay`: the name, the priority, and the time limits for waiting and running.
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
    ///
    /// # Panics
    ///
    /// If a closure that [`wrap_jobs`](crate::ThreadPoolBuilder::wrap_jobs) was given panics while it captures a context.
    #[track_caller]
    pub fn every<F>(&self, period: impl Into<Period>, f: F) -> Periodic
    where
        F: FnMut() + Send + 'static,
    {
        let context = match self.0.capture() {
            Ok(context) => context,
            Err(JobError::Panicked(panicked)) => panicked.resume(),
            Err(error) => panic!("{error}"),
        };
        let (periodic, schedule) = Schedule::start(period.into());
        PeriodicJob { f, schedule, pool: self.handle(), context, place: Location::caller() }.submit();
        periodic
    }
}
