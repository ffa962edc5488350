//! A place where jobs of this process wait.

use std::sync::{Condvar, Mutex};

/// Jobs wait there until the test lets them go.
pub(crate) struct Barrier {
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Barrier {
    pub(crate) const fn new() -> Self {
        Self { state: Mutex::new((0, false)), changed: Condvar::new() }
    }

    pub(crate) fn wait(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |state| !state.1).unwrap());
    }

    pub(crate) fn until_jobs_wait(&self, count: usize) {
        drop(self.changed.wait_while(self.state.lock().unwrap(), |state| state.0 < count).unwrap());
    }

    /// Jobs wait from now on. Those that have come are forgotten.
    pub(crate) fn close(&self) {
        *self.state.lock().unwrap() = (0, false);
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}
