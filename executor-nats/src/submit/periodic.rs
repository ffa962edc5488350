//! A job that runs again and again on the hosts: the end of each run sets the time of the next.

use std::panic::Location;

use executor_core::panics::{catch, drop_catching};
use executor_core::{JobError, PortableJob, Rejection, promise};
use executor_thread::scheduler::Schedule;
use executor_thread::{Period, Periodic};

use super::engine::Command;
use super::executor::NatsHandle;
use super::submission::{Submitter, Way, open};

/// The state for the next run. It moves from run to run, so no two can overlap.
struct PeriodicJob<J> {
    job: J,
    schedule: Schedule,
    submitter: Submitter,
    place: &'static Location<'static>,
}

impl<J: PortableJob + Clone> PeriodicJob<J> {
    /// Waits for the time of the next run, unless it was cancelled, or the executor is shut down: then this is dropped.
    fn wait(self) {
        let (schedule, shared) = (self.schedule.same(), self.submitter.shared.clone());
        let (due, due_now) = promise();
        if !schedule.is_next(due_now.canceller()) {
            return drop_catching(self);
        }
        due_now.on_done(move |due| match due {
            Ok(()) => self.submit(),
            Err(_) => drop_catching(self),
        });
        // If the engine has ended, this breaks the promise.
        shared.send(Command::At(schedule.due(), due));
    }

    /// Runs on the thread for callbacks.
    fn submit(mut self) {
        let Ok(job) = catch(|| self.job.clone()) else { return drop_catching(self) };
        let submitted = self.submitter.submit_at(self.place, Way::Run, &job, open::<J>);
        drop_catching(job);
        match submitted {
            // A job that cannot be encoded now could not be the next time.
            Ok(accepted) if accepted.number.is_none() => drop_catching((accepted.future, self)),
            Ok(accepted) => {
                let canceller = accepted.future.canceller();
                if !self.schedule.is_next(canceller.clone()) {
                    canceller.cancel();
                }
                accepted.future.on_done(move |outcome| self.ended(outcome));
            }
            Err(Rejection::Full) => {
                self.schedule.missed();
                self.wait();
            }
            Err(_) => drop_catching(self),
        }
    }

    fn ended(mut self, outcome: Result<J::Output, JobError>) {
        let goes_on = self.schedule.ran(&outcome);
        drop_catching(outcome);
        if goes_on { self.wait() } else { drop_catching(self) }
    }
}

impl NatsHandle {
    /// Runs `job` repeatedly on a host, until the [`Periodic`] is cancelled or dropped, or the executor is shut down. Never blocks. The times
    /// are kept by this process: if it dies, no further run comes.
    ///
    /// Each run executes a clone of `job` with this handle's options, except a delay; its result is dropped. A run that does not start, since
    /// it exceeds its start limit or the namespace is full, is [missed](Periodic::missed). Otherwise it works as `ProcessPool::every`.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use executor::call;
    /// use executor_nats::NatsExecutor;
    ///
    /// fn collect_garbage() { /* on one of the hosts */ }
    ///
    /// let executor = NatsExecutor::connect("nats://127.0.0.1:4222", "housekeeping")?;
    /// let collecting = executor.every(Duration::from_secs(3600), call!(collect_garbage()));
    /// # drop(collecting);
    /// # Ok::<(), executor_nats::ConnectError>(())
    /// ```
    #[track_caller]
    pub fn every<J: PortableJob + Clone>(&self, period: impl Into<Period>, job: J) -> Periodic {
        let (periodic, schedule) = Schedule::start(period.into());
        PeriodicJob { job, schedule, submitter: self.0.clone(), place: Location::caller() }.wait();
        periodic
    }
}
