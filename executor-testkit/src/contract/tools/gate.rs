//! A gate at which closures wait, for tests of what threads alone can do.

use std::sync::{Arc, Barrier, mpsc};

use executor_core::ClosureExecutor;
use parking_lot::{Condvar, Mutex};

/// The closures' side.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

/// The test's side. Dropped, it opens the gate for good.
#[derive(Debug)]
#[must_use = "dropped at once, it opens the gate at once"]
pub struct Hold(Gate);

impl Gate {
    /// A closed gate.
    pub fn closed() -> (Hold, Self) {
        let gate = Self::default();
        (Hold(gate.clone()), gate)
    }

    /// Blocks until the gate is open.
    pub fn wait(&self) {
        let (is_open, opened) = &*self.0;
        opened.wait_while(&mut is_open.lock(), |is_open| !*is_open);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let (is_open, opened) = &*self.0.0;
        *is_open.lock() = true;
        opened.notify_all();
    }
}

/// Keeps every worker busy until the hold is dropped. Blocks until all of them are.
///
/// # Panics
///
/// When one of the jobs comes to nothing.
pub fn block<E: ClosureExecutor>(pool: &E) -> Hold {
    let (hold, gate) = Gate::closed();
    let (started, starts) = mpsc::channel();
    for _ in 0..pool.workers() {
        let (gate, started) = (gate.clone(), started.clone());
        drop(pool.submit(move || {
            started.send(()).unwrap_or_default();
            gate.wait();
        }));
    }
    (0..pool.workers()).for_each(|_| starts.recv().unwrap());
    hold
}

/// Runs `n` jobs of which each waits for all the others. Blocks.
///
/// # Panics
///
/// When one of the jobs comes to nothing.
pub fn run_together(pool: &impl ClosureExecutor, n: usize) {
    let all_here = Arc::new(Barrier::new(n));
    let wait = || {
        let all_here = all_here.clone();
        move || all_here.wait().is_leader()
    };
    assert!(executor_core::join_all((0..n).map(|_| pool.submit(wait()))).iter().all(Result::is_ok));
}
