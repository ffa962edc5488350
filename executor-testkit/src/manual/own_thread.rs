//! An executor that runs by itself: one thread runs jobs at a time, and others wait inside of jobs.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use executor_core::current::{self, Host};
use executor_core::queue_id::QueueId;
use parking_lot::MutexGuard;

use super::shared::Shared;
use super::state::State;

thread_local! {
    /// The address of the executor that this thread belongs to, or 0.
    static OWN: Cell<usize> = const { Cell::new(0) };
}

impl Shared {
    fn is_own_thread(&self) -> bool {
        OWN.with(Cell::get) == self.address()
    }

    pub(super) fn has_own_thread(&self) -> bool {
        self.lock().threads.are_wanted
    }

    /// From now on it runs by itself, by the world's clock.
    pub(super) fn run_on_thread(&self) {
        let mut state = self.lock();
        state.clock.follow();
        if !std::mem::replace(&mut state.threads.are_wanted, true) {
            self.start(&mut state);
        }
    }

    fn start(&self, state: &mut MutexGuard<'_, State>) {
        let shared = self.arc();
        let serve = move || shared.serve();
        let thread =
            std::thread::Builder::new().name("manual".to_owned()).spawn(serve).expect("a thread can be started");
        state.threads.alive += 1;
        state.threads.handles.push(thread);
    }

    /// The body of such a thread.
    fn serve(self: Arc<Self>) {
        OWN.with(|own| own.set(self.address()));
        loop {
            // Guards that a job has leaked no longer count.
            current::end_blocks();
            if self.lock().threads.leave_if_too_many() {
                break;
            }
            if self.run_one(None) || self.step(self.now()) {
                continue;
            }
            let (mut state, mut cancelled) = (self.lock(), Vec::new());
            if state.lanes.is_empty() {
                if state.is_over() {
                    state.threads.alive -= 1;
                    break;
                }
                let due = state.clock.next_due(&mut cancelled);
                match due.map(|due| due.saturating_duration_since(state.clock.now())) {
                    Some(rest) => drop(self.changed.wait_for(&mut state, rest)),
                    None => self.changed.wait(&mut state),
                }
            }
        }
        self.notify();
    }

    /// Blocks until nothing is left, and after a shutdown until the threads are gone, or until the virtual time is `deadline`. Returns
    /// whether nothing is left.
    pub(super) fn wait_for_threads(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.lock();
        while !(state.is_idle() && (state.is_open || state.threads.alive == 0)) {
            match deadline.map(|deadline| deadline.saturating_duration_since(state.clock.now())) {
                None => self.changed.wait(&mut state),
                Some(rest) if rest.is_zero() => return false,
                Some(rest) => drop(self.changed.wait_for(&mut state, rest)),
            }
        }
        let handles = if state.is_open { Vec::new() } else { std::mem::take(&mut state.threads.handles) };
        drop(state);
        for handle in handles {
            // Its panics were caught, or reported by the panic hook.
            let _ = handle.join();
        }
        true
    }
}

impl Host for Shared {
    fn queue_id(&self) -> QueueId {
        self.queue()
    }

    /// A job on this thread waits: if the executor runs by itself, another thread runs jobs meanwhile.
    fn block(&self) {
        let mut state = self.lock();
        if state.threads.are_wanted && self.is_own_thread() {
            state.threads.blocked += 1;
            if state.threads.alive == state.threads.blocked {
                self.start(&mut state);
            }
        }
    }

    fn unblock(&self) {
        let mut state = self.lock();
        if state.threads.are_wanted && self.is_own_thread() {
            state.threads.blocked -= 1;
        }
        drop(state);
        self.notify();
    }

    fn is_stopping(&self) -> bool {
        self.is_stopped()
    }
}
