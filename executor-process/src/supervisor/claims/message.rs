//! The message that a worker has: which of its jobs may still run, and whether its end was waited for long enough.

use std::thread::{self, ThreadId};

use executor_core::JobId;
use parking_lot::Mutex;

#[derive(Default)]
pub(super) struct Message(Mutex<State>);

#[derive(Default)]
struct State {
    /// Counts the messages, so that a timer of an earlier one ends nothing.
    number: u64,
    /// The thread that waits for the answers. `None` between two messages.
    owner: Option<ThreadId>,
    jobs: Vec<JobId>,
    /// Those that are not to run any more, whatever their words say.
    ended: Vec<JobId>,
    /// Whether its worker was stopped for a job that ran, and is killed at the end of its grace.
    is_stopping: bool,
    is_timed: bool,
    is_overdue: bool,
}

impl Message {
    pub(super) fn add(&self, slot: usize, id: JobId) {
        let mut state = self.0.lock();
        if slot == 0 {
            let State { number, mut jobs, mut ended, .. } = std::mem::take(&mut *state);
            jobs.clear();
            ended.clear();
            *state = State { number: number + 1, owner: Some(thread::current().id()), jobs, ended, ..State::default() };
        }
        state.jobs.push(id);
    }

    /// The jobs of the message, while it is not over.
    pub(super) fn jobs(&self) -> Vec<JobId> {
        let state = self.0.lock();
        if state.owner.is_some() { state.jobs.clone() } else { Vec::new() }
    }

    /// Its worker is stopped, and has its grace.
    pub(super) fn stops(&self) {
        self.0.lock().is_stopping = true;
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.0.lock().is_stopping
    }

    /// The job `id` is not to run any more. Returns the number of the message if a timer is to be set for its end: the owner needs none, since
    /// it looks by itself.
    pub(super) fn ends(&self, id: JobId) -> Option<u64> {
        let mut state = self.0.lock();
        let owner = state.owner?;
        state.ended.push(id);
        if state.is_timed || state.is_stopping || owner == thread::current().id() {
            return None;
        }
        state.is_timed = true;
        Some(state.number)
    }

    /// The jobs of the message of that number which may run. `None` if it is over. The next end sets a timer again.
    pub(super) fn not_ended(&self, number: u64) -> Option<Vec<JobId>> {
        let mut state = self.0.lock();
        if state.owner.is_none() || state.number != number || state.is_stopping {
            return None;
        }
        state.is_timed = false;
        let State { jobs, ended, .. } = &*state;
        Some(jobs.iter().filter(|job| !ended.contains(job)).copied().collect())
    }

    /// Whether the message of that number is not over. Then it ends with its worker.
    pub(super) fn is_overdue(&self, number: u64) -> bool {
        let mut state = self.0.lock();
        let is_open = state.owner.is_some() && state.number == number;
        state.is_overdue |= is_open;
        is_open
    }

    /// False if it was overdue.
    pub(super) fn close(&self) -> bool {
        let mut state = self.0.lock();
        state.owner = None;
        !state.is_overdue
    }
}
