//! A gate at which closures wait, for tests of what threads alone can do.

use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};

use executor::{ClosureExecutor, ThreadPool};

/// The closures' side.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

/// The test's side. Dropped, it opens the gate for good.
pub(crate) struct Hold(Gate);

impl Gate {
    pub(crate) fn closed() -> (Hold, Self) {
        let gate = Self::default();
        (Hold(gate.clone()), gate)
    }

    /// Blocks until the gate is open.
    pub(crate) fn wait(&self) {
        let (is_open, opened) = &*self.0;
        drop(opened.wait_while(is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let (is_open, opened) = &*self.0.0;
        *is_open.lock().unwrap() = true;
        opened.notify_all();
    }
}

/// Keeps every worker busy until the hold is dropped.
pub(crate) fn block<E: ClosureExecutor>(pool: &E) -> Hold {
    let (hold, gate) = Gate::closed();
    let (started, starts) = mpsc::channel();
    for _ in 0..pool.workers() {
        let (gate, started) = (gate.clone(), started.clone());
        drop(pool.submit(move || {
            started.send(()).unwrap();
            gate.wait();
        }));
    }
    (0..pool.workers()).for_each(|_| starts.recv().unwrap());
    hold
}

/// Runs `n` jobs of which each waits for all the others.
pub(crate) fn run_together(pool: &ThreadPool, n: usize) {
    let all_here = Arc::new(Barrier::new(n));
    let wait = || {
        let all_here = all_here.clone();
        move || all_here.wait().is_leader()
    };
    assert!(executor::join_all((0..n).map(|_| pool.submit(wait()))).iter().all(Result::is_ok));
}
