//! The laws, word by word.

use std::fmt;

/// A law of executors, or what one of their methods promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Law {
    /// Law 1.
    Outcome,
    /// Law 2.
    Race,
    /// Law 3.
    Cancel,
    /// Law 4.
    NoLocks,
    /// Law 5.
    Panics,
    /// Law 6.
    NestedWaits,
    /// Law 7.
    ShutdownInside,
    /// Law 8.
    Shutdown,
    /// Law 9.
    Order,
    /// Law 10.
    WakeUps,
    /// Law 11.
    Callbacks,
    /// Law 12.
    Memory,
    /// The promise of `submit_after`.
    Delays,
    /// The promise of `map`.
    Maps,
    /// The promise of handles that do not keep their executor alive.
    Handles,
}

impl Law {
    /// All laws.
    pub const ALL: [Self; 15] = [
        Self::Outcome,
        Self::Race,
        Self::Cancel,
        Self::NoLocks,
        Self::Panics,
        Self::NestedWaits,
        Self::ShutdownInside,
        Self::Shutdown,
        Self::Order,
        Self::WakeUps,
        Self::Callbacks,
        Self::Memory,
        Self::Delays,
        Self::Maps,
        Self::Handles,
    ];

    /// Returns the law's name: `law 3`, or `the promise of submit_after`.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// Returns the law's text.
    pub fn text(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Outcome => {
                ("law 1", "Every accepted job gets exactly one outcome, whatever happens to pool, worker or waiter.")
            }
            Self::Race => (
                "law 2",
                "A submit that races a shutdown is either accepted or rejected. Nothing hangs, nothing is lost between.",
            ),
            Self::Cancel => (
                "law 3",
                "`cancel()` is true if and only if the job never starts. By then, its captures are dropped, and its place in a \
                 bounded queue is free.",
            ),
            Self::NoLocks => (
                "law 4",
                "No code of a user's (job, drop of a job or result, callback, waker) runs under a lock of the executor.",
            ),
            Self::Panics => (
                "law 5",
                "A panic in a job, in the drop of its result or in a callback costs that job only. The worker lives on or is replaced.",
            ),
            Self::NestedWaits => {
                ("law 6", "A job may wait for another job of its own pool, at any depth, on a pool of any size.")
            }
            Self::ShutdownInside => (
                "law 7",
                "`shutdown(true)` and drop inside any job or callback of the same pool behave as `shutdown(false)`.",
            ),
            Self::Shutdown => (
                "law 8",
                "`shutdown(true)` returns after the last accepted job has its outcome. `shutdown(false)` returns at once, and the same \
                 comes true later. Both may be called many times, from many threads.",
            ),
            Self::Order => (
                "law 9",
                "One submitter's jobs of one priority start in submit order on a pool of one worker, also when a job blocks or is given back. A \
                 low job that is first in its lane starts after at most 100 jobs of other lanes.",
            ),
            Self::WakeUps => (
                "law 10",
                "Waiting has no missed wake-ups. There are never more threads than workers and one for each that is blocked, and none starts \
                 only to end.",
            ),
            Self::Callbacks => (
                "law 11",
                "`on_done` runs exactly once, also when it is registered after the end. Every way of waiting counts cancelled jobs as done.",
            ),
            Self::Memory => ("law 12", "Memory is given back: after a burst nothing of its jobs is left."),
            Self::Delays => (
                "the promise of `submit_after`",
                "A delayed job starts at its time, not before. It can be cancelled until then, and a shutdown waits for it.",
            ),
            Self::Maps => (
                "the promise of `map`",
                "Results come in the items' order, a bounded number in flight. A panic costs one item. Dropped, it cancels what has not started.",
            ),
            Self::Handles => (
                "the promise of handles",
                "A handle does not keep its executor alive. When that is gone, jobs are rejected, and given back.",
            ),
        }
    }
}

/// Name and text.
impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.text())
    }
}
