//! A latch at which closures wait, for tests of what threads alone can do.

use std::sync::{Arc, Barrier, mpsc};

use executor_core::ClosureExecutor;
use parking_lot::{Condvar, Mutex};

/// A latch, at which closures wait until it opens.
#[derive(Clone, Debug, Default)]
pub struct Latch(Arc<(Mutex<bool>, Condvar)>);

/// The test's end of a latch. Dropping the guard opens the latch for good.
#[derive(Debug)]
#[must_use = "dropped at once, it opens the latch at once"]
pub struct LatchGuard(Latch);

impl Latch {
    /// Returns a closed latch, and the guard that opens it.
    pub fn closed() -> (LatchGuard, Self) {
        let latch = Self::default();
        (LatchGuard(latch.clone()), latch)
    }

    /// Blocks until the latch is open.
    pub fn wait(&self) {
        let (is_open, opened) = &*self.0;
        opened.wait_while(&mut is_open.lock(), |is_open| !*is_open);
    }
}

impl Drop for LatchGuard {
    fn drop(&mut self) {
        let (is_open, opened) = &*self.0.0;
        *is_open.lock() = true;
        opened.notify_all();
    }
}

/// Keeps every worker busy until the guard is dropped. Blocks until all workers are busy.
///
/// # Panics
///
/// If one of the jobs does not run.
pub fn block<E: ClosureExecutor>(pool: &E) -> LatchGuard {
    let (guard, latch) = Latch::closed();
    let (started, starts) = mpsc::channel();
    for _ in 0..pool.workers() {
        let (latch, started) = (latch.clone(), started.clone());
        drop(pool.submit(move || {
            started.send(()).unwrap_or_default();
            latch.wait();
        }));
    }
    (0..pool.workers()).for_each(|_| starts.recv().unwrap());
    guard
}

/// Runs `n` jobs, each of which waits for all the others. Blocks until all have ended.
///
/// # Panics
///
/// If one of the jobs does not run.
pub fn run_together(pool: &impl ClosureExecutor, n: usize) {
    let all_here = Arc::new(Barrier::new(n));
    let wait = || {
        let all_here = all_here.clone();
        move || all_here.wait().is_leader()
    };
    assert!(executor_core::join_all((0..n).map(|_| pool.submit(wait()))).iter().all(Result::is_ok));
}
