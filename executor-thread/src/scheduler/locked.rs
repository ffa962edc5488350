//! The state of a scheduler under its lock, with all jobs in it that have been submitted.

use std::ops::{Deref, DerefMut};
use std::time::Instant;

use executor_core::Priority;

use super::inbox;
use super::runner::Runner;
use super::shared::Shared;
use super::state::State;
use super::sync::{Condvar, MutexGuard, Ordering};

/// Empties the inbox when the lock is taken. When the lock is released, says what submitters need to know who do not take it.
pub(super) struct Locked<'a, R: Runner + 'static> {
    shared: &'a Shared<R>,
    /// `None` while the lock is released.
    state: Option<MutexGuard<'a, State<R::Job>>>,
}

impl<R: Runner + 'static> Shared<R> {
    /// The state, in which are all jobs that have been submitted.
    pub(super) fn lock(&self) -> Locked<'_, R> {
        let mut locked = Locked { shared: self, state: None };
        locked.lock();
        locked
    }
}

impl<R: Runner + 'static> Locked<'_, R> {
    fn lock(&mut self) {
        self.state = Some(self.shared.state.lock());
        if self.shared.inbox.has_jobs() {
            self.move_jobs();
        }
    }

    /// Moves the jobs from the inbox to the lanes. Returns whether there were some.
    fn move_jobs(&mut self) -> bool {
        let inbox = &self.shared.inbox;
        let State { arrivals, lanes, .. } = &mut **self;
        inbox.take(arrivals);
        let had_some = !arrivals.is_empty();
        inbox::empty(arrivals, |job| lanes.push(Priority::Normal, job));
        if had_some && self.is_spinning {
            self.shared.job_arrived.store(true, Ordering::Relaxed);
        }
        had_some
    }

    /// From now on no job is accepted. Those that came before are in the lanes.
    pub(super) fn close(&mut self) {
        let inbox = &self.shared.inbox;
        let State { arrivals, lanes, is_open, .. } = &mut **self;
        *is_open = false;
        inbox.close(arrivals);
        inbox::empty(arrivals, |job| lanes.push(Priority::Normal, job));
    }

    /// Releases the lock, and waits until it is notified, or `deadline` at most. Returns whether there is time left. It may return early.
    pub(super) fn wait(&mut self, condvar: &Condvar, deadline: Option<Instant>) -> bool {
        if self.publish() {
            self.lock();
            return true;
        }
        let state = self.state.as_mut().expect("it is locked");
        let has_time = condvar.wait_until(state, deadline);
        if self.shared.inbox.has_jobs() {
            self.move_jobs();
        }
        has_time
    }

    /// Says whether submitters are to hold jobs, and to look for a worker. If a job has come meanwhile, wakes a worker, and returns true: the
    /// lock is released then.
    fn publish(&mut self) -> bool {
        let shared = self.shared;
        shared.lendable.set_held(self.lending.is_wanted());
        let wants = |state: &State<R::Job>| state.wants_jobs() || shared.wants_watch(state);
        let looks_again = shared.inbox.set_wants(wants(self));
        if !looks_again || !self.move_jobs() {
            return false;
        }
        let wake = self.wake_for_one();
        let wake = shared.watch(self, wake);
        let looks_again = shared.inbox.set_wants(wants(self));
        debug_assert!(!looks_again, "submitters were to look before");
        self.state = None;
        shared.perform(wake);
        true
    }
}

impl<R: Runner + 'static> Deref for Locked<'_, R> {
    type Target = State<R::Job>;

    fn deref(&self) -> &Self::Target {
        self.state.as_ref().expect("it is locked")
    }
}

impl<R: Runner + 'static> DerefMut for Locked<'_, R> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.state.as_mut().expect("it is locked")
    }
}

impl<R: Runner + 'static> Drop for Locked<'_, R> {
    fn drop(&mut self) {
        self.publish();
    }
}
