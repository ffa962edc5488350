//! Which processes are a pool's workers now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// The workers of a pool, and the starts that are under way.
#[derive(Default)]
pub(crate) struct Pids {
    lists: Mutex<Lists>,
    /// Notified when a start ends.
    start_ended: Condvar,
}

#[derive(Default)]
struct Lists {
    /// Each living process, and whether it takes jobs: it has run its initializer, and is not told to end.
    living: BTreeMap<u32, bool>,
    /// The numbers of the starts that are under way.
    starts: BTreeSet<u64>,
    /// The number of the next start.
    next: u64,
}

impl Lists {
    fn has_ready(&self) -> bool {
        self.living.values().any(|&is_ready| is_ready)
    }
}

/// Starts that were under way at a moment.
pub(crate) struct Starts(BTreeSet<u64>);

impl Starts {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A start that is under way, until this is dropped.
#[must_use = "the start is under way until this is dropped"]
pub(crate) struct Start<'a> {
    pids: &'a Pids,
    number: u64,
}

impl Drop for Start<'_> {
    fn drop(&mut self) {
        self.pids.lists.lock().starts.remove(&self.number);
        self.pids.start_ended.notify_all();
    }
}

impl Pids {
    pub(crate) fn begin_start(&self) -> Start<'_> {
        let mut lists = self.lists.lock();
        let number = lists.next;
        lists.next += 1;
        lists.starts.insert(number);
        Start { pids: self, number }
    }

    pub(super) fn add(&self, pid: u32) {
        self.lists.lock().living.insert(pid, false);
    }

    pub(super) fn remove(&self, pid: u32) {
        self.lists.lock().living.remove(&pid);
    }

    /// The process takes jobs from now on, or no longer does.
    pub(super) fn set_ready(&self, pid: u32, is_ready: bool) {
        if let Some(known) = self.lists.lock().living.get_mut(&pid) {
            *known = is_ready;
        }
    }

    pub(crate) fn list(&self) -> Vec<u32> {
        self.lists.lock().living.keys().copied().collect()
    }

    /// Whether a process takes jobs.
    pub(crate) fn has_ready(&self) -> bool {
        self.lists.lock().has_ready()
    }

    /// The starts that are under way.
    pub(crate) fn starts(&self) -> Starts {
        Starts(self.lists.lock().starts.clone())
    }

    /// Blocks until a process takes jobs, or none of these starts is under way any more, for `limit` at most.
    pub(crate) fn wait_for(&self, starts: &Starts, limit: Duration) {
        let mut lists = self.lists.lock();
        let waits = |lists: &mut Lists| !lists.has_ready() && !lists.starts.is_disjoint(&starts.0);
        self.start_ended.wait_while_for(&mut lists, waits, limit);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    const FOREVER: Duration = Duration::MAX;

    #[test]
    fn only_living_processes_are_ready() {
        let pids = Pids::default();
        pids.set_ready(7, true);
        assert!(!pids.has_ready(), "it has died");
        pids.add(7);
        assert!(!pids.has_ready() && pids.list() == [7]);
        pids.set_ready(7, true);
        assert!(pids.has_ready());
        pids.set_ready(7, false);
        assert!(!pids.has_ready() && pids.list() == [7], "it may take a while to end");
        pids.set_ready(7, true);
        pids.remove(7);
        assert!(!pids.has_ready() && pids.list().is_empty());
    }

    #[test]
    fn wait_ends_with_the_starts() {
        let pids = Pids::default();
        pids.wait_for(&pids.starts(), FOREVER);
        // A wait that ends too early may still be late: the more often, the surer.
        for _ in 0..100 {
            let [first, second] = [pids.begin_start(), pids.begin_start()];
            let (starts, has_ended, barrier) = (pids.starts(), AtomicBool::new(false), Barrier::new(2));
            let _later = pids.begin_start();
            thread::scope(|scope| {
                scope.spawn(|| {
                    barrier.wait();
                    pids.wait_for(&starts, FOREVER);
                    assert!(has_ended.load(Ordering::SeqCst), "the second is under way");
                });
                barrier.wait();
                drop(first);
                thread::yield_now();
                has_ended.store(true, Ordering::SeqCst);
                drop(second);
            });
        }
        assert!(pids.starts().is_empty());
    }

    #[test]
    fn wait_ends_with_a_ready_process() {
        let pids = Pids::default();
        let (_slow, start) = (pids.begin_start(), pids.begin_start());
        let starts = pids.starts();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| pids.wait_for(&starts, FOREVER));
            pids.add(7);
            pids.set_ready(7, true);
            drop(start);
            waiter.join().unwrap();
        });
    }

    #[test]
    fn wait_has_a_limit() {
        let pids = Pids::default();
        let _slow = pids.begin_start();
        pids.wait_for(&pids.starts(), Duration::from_millis(1));
        assert!(!pids.starts().is_empty());
    }
}
