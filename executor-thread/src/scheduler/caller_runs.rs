//! A thread that is none of the scheduler's, and runs a job instead of queueing it. While it does, it is as good as a worker: the job is counted,
//! a shutdown waits for it, and what it waits for runs in place.
//!
//! Such jobs nest: a job of pool A may run one of pool B on its thread, and that one of C. The thread then belongs to all of them, so a
//! shutdown of any of them that is called there cannot wait.

use std::sync::Arc;

use executor_core::current::{self, Host, Worker};
use executor_core::job_counters::WorkerCounters;

use super::host::HostBeside;
use super::identity;
use super::queued::Queued;
use super::runner::Runner;
use super::shared::Shared;

/// Makes the calling thread count as a worker until dropped; then the thread is again what it was.
struct CallerRuns<'a, R: Runner + 'static> {
    shared: &'a Shared<R>,
    worker: Option<Worker>,
    _counters: WorkerCounters,
}

impl<R: Runner + 'static> Shared<R> {
    /// Runs the job on this thread. False if that cannot be: then it is still to be queued, or refused.
    pub(super) fn run_here(self: &Arc<Self>, job: &R::Job) -> bool {
        self.begins_to_wait(job);
        if identity::runs_innermost_of(self.identity()) {
            return job.run_here();
        }
        let entered = CallerRuns::enter(self);
        entered.is_some() && job.run_here()
    }

    /// Counts out a job that ran on a thread of others.
    pub(super) fn caller_has_run(&self) {
        self.end(|state| {
            state.caller_runs -= 1;
            if !state.is_open {
                // The timer may have stayed for this job.
                self.due.notify_all();
            }
        });
    }
}

impl<'a, R: Runner + 'static> CallerRuns<'a, R> {
    /// `None` after a shutdown.
    fn enter(shared: &'a Arc<Shared<R>>) -> Option<Self> {
        {
            let mut state = shared.lock();
            if !state.is_open {
                return None;
            }
            state.caller_runs += 1;
        }
        identity::enter_host(shared.identity());
        let worker = current::replace_worker(None);
        let (name, before) = worker.as_ref().map_or((None, None), |worker| (worker.name.clone(), worker.host.clone()));
        let host: Arc<dyn Host> = Arc::new(HostBeside { shared: shared.clone(), before, runs_before: false });
        current::set_worker(Some(Worker { name, state: None, host: Some(host) }));
        Some(Self { shared, worker, _counters: shared.shared_counters() })
    }
}

impl<R: Runner + 'static> Drop for CallerRuns<'_, R> {
    fn drop(&mut self) {
        current::set_worker(self.worker.take());
        identity::leave_host();
        self.shared.caller_has_run();
    }
}
