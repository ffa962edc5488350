//! A thread of its own, where it is to run by itself: one that runs jobs at a time, and others that wait.

use std::cell::Cell;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use executor_core::current;
use parking_lot::MutexGuard;

use super::shared::{Shared, State};

/// The threads that run jobs by themselves.
#[derive(Default)]
pub(super) struct Threads {
    are_wanted: bool,
    /// Those that are there, and how many of them wait inside of a job.
    alive: usize,
    blocked: usize,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(super) fn are_wanted(&self) -> bool {
        self.are_wanted
    }

    /// One that does not wait leaves, if there is another. In one step: two that look at the same time must not both leave.
    fn leave_if_too_many(&mut self) -> bool {
        let leaves = self.alive > self.blocked + 1;
        self.alive -= usize::from(leaves);
        leaves
    }
}

thread_local! {
    /// Of which executor this thread is one: its address, or 0.
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
            let (mut state, mut off) = (self.lock(), Vec::new());
            if state.lanes.is_empty() {
                if state.is_over() {
                    state.threads.alive -= 1;
                    break;
                }
                let due = state.clock.next_due(&mut off);
                match due.map(|due| due.saturating_duration_since(state.clock.now())) {
                    Some(rest) => drop(self.changed.wait_for(&mut state, rest)),
                    None => self.changed.wait(&mut state),
                }
            }
        }
        self.changed.notify_all();
    }

    /// A job on this thread waits: another thread takes its turn, if this is one of those.
    pub(super) fn block_thread(&self) {
        let mut state = self.lock();
        if state.threads.are_wanted && self.is_own_thread() {
            state.threads.blocked += 1;
            if state.threads.alive == state.threads.blocked {
                self.start(&mut state);
            }
        }
    }

    pub(super) fn unblock_thread(&self) {
        let mut state = self.lock();
        if state.threads.are_wanted && self.is_own_thread() {
            state.threads.blocked -= 1;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Blocks until nothing is left, and after a shutdown until the threads are gone, for `limit` at most. Says whether it came to that.
    pub(super) fn wait_for_threads(&self, limit: Option<Duration>) -> bool {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut state = self.lock();
        while !(state.is_idle() && (state.is_open || state.threads.alive == 0)) {
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) if Instant::now() >= deadline => return false,
                Some(deadline) => drop(self.changed.wait_until(&mut state, deadline)),
            }
        }
        let handles = if state.is_open { Vec::new() } else { std::mem::take(&mut state.threads.handles) };
        drop(state);
        for handle in handles {
            // Its panics were caught, or told to the panic hook.
            let _ = handle.join();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_free_thread_stays() {
        let mut threads = Threads { alive: 3, blocked: 1, ..Threads::default() };
        assert!(threads.leave_if_too_many());
        assert!(!threads.leave_if_too_many(), "nobody would run what the blocked one waits for");
    }
}
