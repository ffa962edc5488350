//! The thread for callbacks that nobody else's thread may run: those of a job that a timer has ended, or of one whose worker has more
//! to do. Such a callback may take long, or wait for other jobs.

use std::collections::VecDeque;

use executor_core::cell::Notify;

use super::shared::Shared;
use super::sync;
use super::threads::Role;
use super::{Runner, worker};

/// What is to be called back, and who does it.
#[derive(Default)]
pub(super) struct Callbacks {
    queue: VecDeque<Notify>,
    has_thread: bool,
    is_calling: bool,
    /// Threads ever started.
    started: usize,
}

impl Callbacks {
    /// Whether no thread is there, nor needed.
    pub(super) fn is_gone(&self) -> bool {
        !self.has_thread
    }

    /// Whether everything was called back.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.is_calling
    }

    /// One more. Says which thread is to be started for it, if there is none.
    fn push(&mut self, notify: Notify) -> Option<usize> {
        self.queue.push_back(notify);
        let starts = !std::mem::replace(&mut self.has_thread, true);
        self.started += usize::from(starts);
        starts.then_some(self.started)
    }

    /// The thread ends, or could not be started. What it leaves is to be fired elsewhere.
    fn end(&mut self) -> VecDeque<Notify> {
        self.has_thread = false;
        std::mem::take(&mut self.queue)
    }
}

impl<R: Runner + 'static> Shared<R> {
    /// Fires `notify`: a callback on the thread for callbacks, anything else here and now.
    pub(super) fn call_back(&self, notify: Notify) {
        if !notify.is_callback() {
            return notify.fire();
        }
        let starts = self.lock().callbacks.push(notify);
        match starts {
            None => {
                self.called.notify_one();
            }
            Some(number) => self.start_caller(number),
        }
    }

    fn start_caller(&self, number: usize) {
        let Some(shared) = self.this.upgrade() else { return };
        let role = Role::Callbacks(number);
        if self.start_thread(role, "callbacks", move || shared.keep_calling(role)).is_err() {
            // Better here than never.
            let left = self.lock().callbacks.end();
            drop(left);
            self.gone(role);
        }
    }

    /// The body of the thread: ends when it has had nothing to do for as long as an idle worker stays, or the scheduler is shut down.
    fn keep_calling(&self, role: Role) {
        worker::enter(self);
        let mut state = self.lock();
        let mut until = None;
        loop {
            if let Some(notify) = state.callbacks.queue.pop_front() {
                state.callbacks.is_calling = true;
                drop(state);
                notify.fire();
                state = self.lock();
                state.callbacks.is_calling = false;
                self.tell_if_idle(&state);
                until = sync::now().checked_add(self.config.keep_alive);
            } else if !state.is_open || until.is_some_and(|until| sync::now() >= until) {
                break;
            } else {
                self.called.wait_until(&mut state, until);
            }
        }
        let left = state.callbacks.end();
        debug_assert!(left.is_empty(), "it calls all before it ends");
        drop(state);
        self.gone(role);
    }
}
