//! The methods that all pools share.

use std::time::Instant;

use executor_core::dump::{Dump, PoolState};
use executor_core::{Future, Pool, ShutdownPolicy, ShutdownReport, ShutdownStep, Stats, promise};

use super::engine::Command;
use super::executor::NatsHandle;
use super::shared::deadline;

impl Pool for NatsHandle {
    /// The workers of all hosts that have told of themselves.
    fn workers(&self) -> usize {
        self.shared.hosts.workers()
    }

    fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Hosts start by themselves.
    fn prestart(&self) {}

    fn wait_idle(&self) {
        self.shared.wait_idle(None);
    }

    fn wait_idle_until(&self, deadline: Instant) -> bool {
        self.shared.wait_idle(Some(deadline))
    }

    fn dump(&self) -> Dump {
        let mut dump = Dump::new(self.shared.name.clone(), "NatsExecutor");
        dump.stats = self.shared.stats();
        dump.max_workers = dump.stats.workers;
        dump.state = if self.shared.is_closed() { PoolState::Closing } else { PoolState::Open };
        dump.with_activities(Vec::new(), &[self.shared.queue_id()])
    }

    fn closed(&self) -> Future<()> {
        let (promise, future) = promise();
        self.shared.when_closed(promise);
        future
    }

    fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        let before = self.shared.stats();
        self.shared.close();
        let until = policy.limit().and_then(deadline);
        let mut step = policy.step();
        loop {
            match step {
                ShutdownStep::Drain => {}
                ShutdownStep::CancelPending => drop(self.shared.send(Command::StopAll { aborts: false })),
                ShutdownStep::Kill => drop(self.shared.send(Command::StopAll { aborts: true })),
            }
            // A kill ends each job, as soon as a server has answered.
            let limit = if step == ShutdownStep::Kill { None } else { until };
            if self.shared.wait_gone(limit) {
                break;
            }
            step = ShutdownStep::Kill;
        }
        ShutdownReport::between(&before, &self.shared.stats())
    }
}
