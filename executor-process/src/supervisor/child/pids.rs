//! Which processes are a pool's workers now.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Child;

/// The pids of a pool's workers.
#[derive(Default)]
pub(crate) struct Pids(Mutex<BTreeSet<u32>>);

impl Pids {
    pub(super) fn add(&self, pid: u32) {
        self.0.lock().insert(pid);
    }

    pub(super) fn remove(&self, pid: u32) {
        self.0.lock().remove(&pid);
    }

    pub(crate) fn list(&self) -> Vec<u32> {
        self.0.lock().iter().copied().collect()
    }

    /// Whether there is any beside those.
    pub(crate) fn has_others(&self, than: &[Arc<Child>]) -> bool {
        self.0.lock().iter().any(|&pid| than.iter().all(|process| process.pid() != pid))
    }
}
