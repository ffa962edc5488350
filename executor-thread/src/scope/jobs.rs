//! The jobs of a scope: how many are left, and which of them wait in the queue.

use std::collections::VecDeque;

use executor_core::current::activity::ActivityKind;
use executor_core::{Future, Helper, current};
use parking_lot::{Condvar, Mutex};

/// How many helpers are kept before those of jobs that do not wait any more are removed.
const SMALL: usize = 64;

pub(super) struct Jobs {
    /// Whether the thread that waits for the scope may run its jobs: it is a worker of their pool.
    can_help: bool,
    state: Mutex<State>,
    ended: Condvar,
}

struct State {
    /// Jobs that are not gone yet.
    left: usize,
    /// Panics that were not taken as a result.
    panics: usize,
    /// Jobs that wait in the pool's queue, and some that do not any more.
    queued: VecDeque<Helper<()>>,
    /// How long `queued` may be before it is cleared of the latter.
    limit: usize,
}

impl Jobs {
    pub(super) fn new(can_help: bool) -> Self {
        let state = State { left: 0, panics: 0, queued: VecDeque::new(), limit: SMALL };
        Self { can_help, state: Mutex::new(state), ended: Condvar::new() }
    }

    /// One more to wait for.
    pub(super) fn add(&self) {
        self.state.lock().left += 1;
    }

    /// One of them is gone, with all that it held.
    pub(super) fn remove(&self) {
        let mut state = self.state.lock();
        state.left -= 1;
        if state.left == 0 {
            self.ended.notify_all();
        }
    }

    /// The pool has accepted a job: the thread that waits for the scope can help with it.
    pub(super) fn submitted(&self, job: &Future<()>) {
        if !self.can_help {
            return;
        }
        let mut state = self.state.lock();
        if state.queued.len() >= state.limit {
            // A scope may be long: those that ended meanwhile must not pile up. No user's code is dropped here, for theirs is gone.
            state.queued.retain(Helper::is_waiting);
            state.limit = SMALL.max(2 * state.queued.len());
        }
        state.queued.push_back(job.helper());
    }

    pub(super) fn panicked(&self) {
        self.state.lock().panics += 1;
    }

    pub(super) fn panic_was_taken(&self) {
        self.state.lock().panics -= 1;
    }

    /// Whether a job panicked, and the panic was not taken as its result.
    pub(super) fn has_panicked(&self) -> bool {
        self.state.lock().panics > 0
    }

    fn next(&self) -> Option<Helper<()>> {
        self.state.lock().queued.pop_front()
    }

    /// Waits until all jobs are gone; runs those that are queued, where that is possible.
    pub(super) fn wait(&self) {
        while let Some(job) = self.next() {
            job.help();
        }
        if self.state.lock().left == 0 {
            return;
        }
        let _blocked = current::block_in(ActivityKind::WaitForScope, None);
        let mut state = self.state.lock();
        while state.left > 0 {
            self.ended.wait(&mut state);
        }
    }
}
