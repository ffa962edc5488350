//! The report of what an executor is doing.

use executor_core::dump::{Dump, PoolState};

use super::shared::Shared;

impl Shared {
    pub(super) fn dump(&self) -> Dump {
        let mut dump = Dump::new(self.name.clone(), "ManualExecutor");
        dump.max_workers = self.workers;
        let state = self.lock();
        dump.stats = self.look(&state);
        dump.state = match (state.is_open, state.is_gone()) {
            (true, _) => PoolState::Open,
            (false, false) => PoolState::Closing,
            (false, true) => PoolState::Closed,
        };
        dump.queue.lanes = state.lanes.lens();
        dump.queue.capacity = self.bound.capacity();
        dump.queue.oldest = state.lanes.oldest();
        let has_thread = state.threads.are_wanted;
        drop(state);
        let mut dump = dump.with_activities(Vec::new(), &self.queue_ids());
        let left = dump.stats.queued + dump.stats.delayed;
        if left > 0 && dump.stats.running == 0 && !has_thread {
            dump.hints.push(format!(
                "{left} jobs wait, and no thread drives this executor: call `run_until_idle`, `elapse` or `run_on_thread`"
            ));
        }
        dump
    }
}
