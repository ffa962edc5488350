//! The queues of callbacks, of drops of captured values, and of reports of stalls, each with its own thread.

use std::collections::VecDeque;

use executor_core::cell::{Captures, Notify};

/// The purpose of such a thread.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    Callbacks,
    Drops,
    Stalls,
}

impl Purpose {
    pub(super) fn thread_name(self) -> &'static str {
        match self {
            Self::Callbacks => "callbacks",
            Self::Drops => "drops",
            Self::Stalls => "stalls",
        }
    }
}

/// One task of such a thread.
pub(super) enum Errand {
    Call(Notify),
    Drop(Captures),
    /// Reports a stall. It catches panics.
    Report(Box<dyn FnOnce() + Send>),
}

impl Errand {
    pub(super) fn run(self) {
        match self {
            Self::Call(notify) => notify.fire(),
            Self::Drop(captures) => drop(captures),
            Self::Report(report) => report(),
        }
    }
}

/// The tasks that wait for one of these threads, and whether the thread is there.
#[derive(Default)]
pub(super) struct Errands {
    pub(super) queue: VecDeque<Errand>,
    has_thread: bool,
    pub(super) is_running: bool,
    /// Threads ever started.
    started: usize,
}

impl Errands {
    /// Whether no thread is there, nor needed.
    pub(super) fn is_gone(&self) -> bool {
        !self.has_thread
    }

    /// Whether everything was done.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.is_running
    }

    /// One more. Says which thread is to be started for it, if there is none.
    pub(super) fn push(&mut self, errand: Errand) -> Option<usize> {
        self.queue.push_back(errand);
        let starts = !std::mem::replace(&mut self.has_thread, true);
        self.started += usize::from(starts);
        starts.then_some(self.started)
    }

    /// The thread ends, or could not be started. Returns the tasks that are left, to be run elsewhere.
    pub(super) fn end(&mut self) -> VecDeque<Errand> {
        self.has_thread = false;
        std::mem::take(&mut self.queue)
    }
}
