//! Operations on the executor as a whole: options, waits until it is idle, reports, shutdown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::dump::{Dump, PoolState};
use executor_core::job_counters::JobCounters;
use executor_core::{Future, JobOptions, ShutdownPolicy, ShutdownReport, ShutdownStep, Stats, promise};

use super::engine::Command;
use super::executor::NatsHandle;
use super::hosts::HostInfo;
use super::submission::Submitter;

/// How long a report waits for the engine.
const REPORT_TIME: Duration = Duration::from_millis(100);

impl NatsHandle {
    /// Returns a handle whose jobs have `options`, which replace this handle's options.
    ///
    /// `name`, `tag`, `priority` and `retry` work as in a process pool. `timeout` limits the run, and is kept by the host. `delay` and
    /// `start_by` are kept by this process: they are for as long as it lives. If no server answers when the time of `start_by` is over, a job
    /// that was not sent ends at once. One that was sent may have started: it ends when a server has told.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use executor::{JobOptions, Priority, call};
    /// use executor_nats::NatsExecutor;
    ///
    /// let executor = NatsExecutor::connect("nats://127.0.0.1:4222", "powers")?;
    /// let urgent = executor.with(JobOptions::new().name("urgent").priority(Priority::High).start_by(Duration::from_secs(5)));
    /// assert_eq!(urgent.submit(call!(u32::pow(2, 5))).result()?, 32);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with(&self, options: JobOptions) -> Self {
        Self(Submitter { options, ..self.0.clone() })
    }

    /// Returns the options of this handle's jobs: those given to [`with`](Self::with), or else the defaults.
    pub fn options(&self) -> &JobOptions {
        &self.0.options
    }

    /// Returns the name of the executor: that of its namespace, or the one that it was [given](crate::NatsExecutorBuilder::name).
    pub fn name(&self) -> &str {
        &self.0.shared.name
    }

    /// Returns the number of workers of all hosts of this build that are there now, as far as they have reported.
    pub fn workers(&self) -> usize {
        self.0.shared.hosts.workers()
    }

    /// Does nothing: the hosts start their workers by themselves.
    pub fn prestart(&self) {}

    /// Returns the hosts that serve the namespace now, as far as they have reported, also those of other builds. Never blocks.
    ///
    /// ```no_run
    /// use executor_nats::NatsExecutor;
    ///
    /// let executor = NatsExecutor::connect("nats://127.0.0.1:4222", "thumbnails")?;
    /// for host in executor.hosts() {
    ///     println!("{}: {} of {} workers busy, {} jobs done", host.label, host.running, host.workers, host.done);
    /// }
    /// # Ok::<(), executor_nats::ConnectError>(())
    /// ```
    pub fn hosts(&self) -> Vec<HostInfo> {
        self.0.shared.hosts.all()
    }

    /// Blocks until no job is queued, delayed or running, so that every accepted job has its outcome. The executor stays open, and jobs that
    /// others submit meanwhile are waited for too. In a callback of one of its jobs, returns at once.
    pub fn wait_idle(&self) {
        self.0.shared.wait_idle(None);
    }

    /// Blocks like [`wait_idle`](Self::wait_idle), but at most until `deadline`. Returns whether the executor is idle.
    pub fn wait_idle_until(&self, deadline: Instant) -> bool {
        self.0.shared.wait_idle(Some(deadline))
    }

    /// Blocks like [`wait_idle`](Self::wait_idle), but for at most `limit`. Returns whether the executor is idle.
    pub fn wait_idle_timeout(&self, limit: Duration) -> bool {
        self.0.shared.wait_idle(Instant::now().checked_add(limit))
    }

    /// Reports what this executor's jobs are doing, and how they have ended so far. Never blocks.
    ///
    /// `workers` counts those of all hosts of this build, and `idle` those that run no job of this executor.
    pub fn stats(&self) -> Stats {
        self.0.shared.stats()
    }

    /// Returns a report of the hosts, of the jobs that wait, and of why they wait: no host is there, say, or the hosts have another build of
    /// the program. Blocks for 100 ms at most.
    pub fn dump(&self) -> Dump {
        let shared = &self.0.shared;
        let (reply, report) = oneshot::channel();
        let is_asked = shared.inside().is_none() && shared.send(Command::Report(reply));
        let report = if is_asked { report.recv_timeout(REPORT_TIME).ok() } else { None };
        let mut dump = Dump::new(shared.name.clone(), "NatsExecutor");
        dump.stats = shared.stats();
        dump.max_workers = dump.stats.workers;
        dump.state = match (shared.is_gone(), shared.is_closed()) {
            (true, _) => PoolState::Closed,
            (false, true) => PoolState::Closing,
            (false, false) => PoolState::Open,
        };
        dump.queue.capacity = self.0.policy.capacity;
        let mut no_worker = None;
        if let Some(report) = report {
            dump.queue.lanes = report.lanes;
            dump.queue.oldest = report.oldest;
            dump.queue.next_due = report.next_due;
            no_worker = report.no_worker;
        }
        dump.workers = shared.hosts.dump();
        let mut dump = dump.with_activities(Vec::new(), &[shared.queue_id()]);
        dump.hints.extend(no_worker.map(|lack| lack.to_string()));
        dump
    }

    /// Returns a future that completes when the executor is shut down, its last job has its outcome, and its connection is closed: for async
    /// code, which must not block in [`shutdown`](Self::shutdown).
    pub fn closed(&self) -> Future<()> {
        let (promise, future) = promise();
        self.0.shared.when_closed(promise);
        future
    }

    /// Stops accepting jobs; jobs already accepted still run. With `wait`, blocks until the last job has its outcome, and the executor's
    /// threads have ended; in a callback of one of its jobs, returns at once. The hosts go on. While no server answers, waits: only the server
    /// has the outcomes. [`shutdown_with`](Self::shutdown_with) can cancel the jobs that were not sent.
    pub fn shutdown(&self, wait: bool) {
        drop(self.0.shared.close());
        if wait {
            self.0.shared.wait_gone(None);
        }
    }

    /// Shuts down as `policy` says, and reports how the executor's jobs ended. Blocks as long as the policy allows, but returns at once in a
    /// callback of one of its jobs.
    ///
    /// A kill ends all jobs as [`JobError::Cancelled`](executor_core::JobError::Cancelled), and tells the hosts to stop those that run. Jobs
    /// that were not sent end at once. Of the others, only the server knows what they are at: while none answers, this waits, whatever the
    /// policy says.
    pub fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        let shared = &self.0.shared;
        let until = policy.limit().and_then(|limit| Instant::now().checked_add(limit));
        let before = shared.close();
        let mut step = policy.step();
        loop {
            match step {
                ShutdownStep::Drain => {}
                ShutdownStep::CancelPending => drop(shared.send(Command::StopAll { aborts: false })),
                ShutdownStep::Kill => drop(shared.send(Command::StopAll { aborts: true })),
            }
            // A kill ends each job, as soon as a server has answered.
            let limit = if step == ShutdownStep::Kill { None } else { until };
            if shared.wait_gone(limit) {
                break;
            }
            step = ShutdownStep::Kill;
        }
        ShutdownReport::between(&before, &shared.stats())
    }
}

executor_core::impl_pool_by_methods!(NatsHandle {
    fn counters(&self) -> Option<Arc<JobCounters>> {
        Some(self.0.shared.counters.clone())
    }
});
