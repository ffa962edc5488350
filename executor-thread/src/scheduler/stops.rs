//! The stops of the running jobs, for a shutdown that kills.

use std::collections::HashMap;
use std::sync::Arc;

use super::runner::Stop;

/// The stops that the workers' runners gave.
#[derive(Default)]
pub(super) struct Stops {
    /// By the numbers of the workers.
    living: HashMap<usize, Arc<dyn Stop>>,
    has_begun: bool,
    /// Whether any were called.
    has_any: bool,
}

impl Stops {
    /// A worker has a new runner, and had none. True if `stop` is to be called at once: the others were.
    #[must_use = "its jobs would run on"]
    pub(super) fn add(&mut self, number: usize, stop: Arc<dyn Stop>) -> bool {
        if self.has_begun {
            self.has_any = true;
        } else {
            self.living.insert(number, stop);
        }
        self.has_begun
    }

    /// A worker's runner is gone.
    #[must_use = "it is dropped outside the lock"]
    pub(super) fn remove(&mut self, number: usize) -> Option<Arc<dyn Stop>> {
        self.living.remove(&number)
    }

    /// All stops that are to be called. A stop that is added later is to be called at once.
    pub(super) fn begin(&mut self) -> Vec<Arc<dyn Stop>> {
        self.has_begun = true;
        self.has_any |= !self.living.is_empty();
        self.living.drain().map(|(_, stop)| stop).collect()
    }

    /// Whether there was anything to call.
    pub(super) fn has_any(&self) -> bool {
        self.has_any
    }
}
