//! The executor that the model tests.

use std::sync::Arc;
use std::time::Duration;

use executor_core::{Executor, Future, ShutdownPolicy, ShutdownReport, Stats};

use super::task::Task;

/// The executor under test. The model makes one for each script.
///
/// Implement the methods of those [abilities](super::Ability) that the [`Shape`](super::Shape) declares. The others are not called.
pub trait Subject: Executor<Task> + 'static {
    /// Runs the job once `delay` is over: [`Ability::Delay`](super::Ability::Delay).
    fn submit_after(&self, delay: Duration, job: Task) -> Future<u64> {
        let _ = (delay, job);
        lacks("submit_after", "Delay")
    }

    /// Shuts down, and reports how the jobs ended: [`Ability::Report`](super::Ability::Report).
    fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        let _ = policy;
        lacks("shutdown_with", "Report")
    }

    /// Blocks until nothing is queued, delayed or running: [`Ability::Idle`](super::Ability::Idle).
    fn wait_idle(&self) {
        lacks("wait_idle", "Idle")
    }

    /// Its state, and how its jobs ended: [`Ability::Stats`](super::Ability::Stats).
    fn stats(&self) -> Stats {
        lacks("stats", "Stats")
    }

    /// A handle that submits to it, and does not keep it alive: [`Ability::Handle`](super::Ability::Handle).
    fn handle(&self) -> Arc<dyn Subject> {
        lacks("handle", "Handle")
    }

    /// Runs a job that is queued, if there is one, and says whether there was: [`Ability::Manual`](super::Ability::Manual).
    fn run_next(&self) -> bool {
        lacks("run_next", "Manual")
    }

    /// Lets time pass, by the executor's clock: [`Ability::Manual`](super::Ability::Manual).
    fn advance(&self, time: Duration) {
        let _ = time;
        lacks("advance", "Manual")
    }
}

fn lacks(method: &str, ability: &str) -> ! {
    panic!(
        "the shape says `Ability::{ability}`, and the subject has no `{method}`; implement it, or take the ability off"
    )
}
