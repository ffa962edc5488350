//! The settings that all worker threads of a pool share.

use std::sync::Arc;

use crate::dispatch::restart_budget::Budget;
use crate::supervisor::start::WorkerSettings;

/// How many workers a pool tries for one job before that is given up: those that cannot start, and those that die before they
/// begin it.
pub(crate) const TRIES: u32 = 4;

pub(crate) struct PoolSettings {
    pub(crate) worker: Arc<WorkerSettings>,
    /// How many workers are tried for a job that none has begun.
    pub(crate) tries: u32,
    pub(crate) budget: Budget,
}

#[cfg(all(test, not(loom)))]
impl PoolSettings {
    /// Those of a pool that may lose as many workers as it does.
    pub(crate) fn plain(worker: WorkerSettings) -> Self {
        Self { worker: Arc::new(worker), tries: TRIES, budget: Budget::endless() }
    }
}
