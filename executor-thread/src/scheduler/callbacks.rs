//! Threads for code of users' that must run on no thread which others depend on: callbacks, of a job that a timer has ended, or of one
//! whose worker has more to do, and drops of what a job had captured that a timer has ended. Each may take long, or wait for other jobs.
//!
//! Each kind has a thread of its own, so that no callback waits for a drop.

use executor_core::cell::{Captures, Notify};

use super::callback_queue::{Errand, Errands, Purpose};
use super::identity;
use super::registry::Role;
use super::runner::Runner;
use super::shared::Shared;
use super::state::State;
use super::sync;

impl<J, U> State<J, U> {
    fn errands(&mut self, purpose: Purpose) -> &mut Errands {
        match purpose {
            Purpose::Callbacks => &mut self.callbacks,
            Purpose::Drops => &mut self.drops,
            Purpose::Stalls => &mut self.stalls,
        }
    }
}

impl<R: Runner + 'static> Shared<R> {
    /// Fires `notify`: a callback on the thread for callbacks, anything else here and now.
    pub(super) fn call_back(&self, notify: Notify) {
        if notify.is_callback() {
            self.send(Purpose::Callbacks, Errand::Call(notify));
        } else {
            notify.fire();
        }
    }

    /// Drops `captures` on the thread for drops, if there is anything to drop.
    pub(super) fn drop_aside(&self, captures: Captures) {
        if !captures.are_empty() {
            self.send(Purpose::Drops, Errand::Drop(captures));
        }
    }

    pub(super) fn send(&self, purpose: Purpose, errand: Errand) {
        let starts = self.lock().errands(purpose).push(errand);
        match starts {
            // Both threads wait for the same: one alone may be the other.
            None => self.called.notify_all(),
            Some(number) => self.start_for(purpose, number),
        }
    }

    fn start_for(&self, purpose: Purpose, number: usize) {
        let Some(shared) = self.this.upgrade() else { return };
        let role = Role::Errands(purpose, number);
        if self.start_thread(role, purpose.thread_name(), move || shared.run_errands(purpose, role)).is_err() {
            // Better here than never.
            let left = self.lock().errands(purpose).end();
            left.into_iter().for_each(Errand::run);
            self.gone(role);
        }
    }

    /// The body of the thread: ends when it has had nothing to do for as long as an idle worker stays, or the scheduler is shut down.
    fn run_errands(&self, purpose: Purpose, role: Role) {
        identity::enter(self.identity(), None);
        let mut state = self.lock();
        let mut until = None;
        loop {
            let errands = state.errands(purpose);
            if let Some(errand) = errands.queue.pop_front() {
                errands.is_running = true;
                drop(state);
                errand.run();
                state = self.lock();
                state.errands(purpose).is_running = false;
                self.tell_if_idle(&state);
                until = sync::now().checked_add(self.config.keep_alive);
            } else if !state.is_open || until.is_some_and(|until| sync::now() >= until) {
                break;
            } else {
                state.wait(&self.called, until);
            }
        }
        let left = state.errands(purpose).end();
        debug_assert!(left.is_empty(), "it does all before it ends");
        drop(state);
        self.gone(role);
    }
}
