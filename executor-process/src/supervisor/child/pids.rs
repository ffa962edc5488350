//! Which processes are a pool's workers now.

use std::collections::BTreeSet;

use parking_lot::Mutex;

/// The pids of a pool's workers.
#[derive(Default)]
pub(crate) struct Pids(Mutex<Lists>);

#[derive(Default)]
struct Lists {
    living: BTreeSet<u32>,
    /// Starts that are under way.
    starts: usize,
}

/// A start that is under way, until this is dropped.
#[must_use = "the start is under way until this is dropped"]
pub(crate) struct Start<'a>(&'a Pids);

impl Drop for Start<'_> {
    fn drop(&mut self) {
        self.0.0.lock().starts -= 1;
    }
}

impl Pids {
    pub(crate) fn begin_start(&self) -> Start<'_> {
        self.0.lock().starts += 1;
        Start(self)
    }

    pub(super) fn add(&self, pid: u32) {
        self.0.lock().living.insert(pid);
    }

    pub(super) fn remove(&self, pid: u32) {
        self.0.lock().living.remove(&pid);
    }

    pub(crate) fn list(&self) -> Vec<u32> {
        self.0.lock().living.iter().copied().collect()
    }

    /// Whether there is any beside those, or another thread is starting one: that start may hold the very descriptors that one of this thread lacked.
    pub(crate) fn has_others(&self, than: &[u32]) -> bool {
        let lists = self.0.lock();
        lists.starts > 0 || lists.living.iter().any(|&pid| !than.contains(&pid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_under_way_counts_as_another() {
        let pids = Pids::default();
        assert!(!pids.has_others(&[]));
        let start = pids.begin_start();
        assert!(pids.has_others(&[]) && pids.list().is_empty());
        drop(start);
        assert!(!pids.has_others(&[]));
        pids.add(7);
        assert!(pids.has_others(&[]));
        pids.remove(7);
        assert!(!pids.has_others(&[]));
    }
}
