//! Tracks which jobs and callbacks a thread is inside of, and of which executor.

use std::cell::RefCell;

/// An executor's address, and whether a job of it runs, or a callback.
type Entry = (usize, bool);

thread_local! {
    /// The jobs and callbacks that this thread runs, the outermost first.
    static INSIDE: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// Whether this thread runs a job or a callback of the executor at `address`.
pub(super) fn is_inside(address: usize) -> bool {
    INSIDE.try_with(|inside| inside.borrow().iter().any(|&(other, _)| other == address)).unwrap_or_default()
}

/// How many jobs of the executor at `address` run on this thread, inside of each other.
pub(super) fn jobs_inside(address: usize) -> usize {
    let job = (address, true);
    INSIDE.try_with(|inside| inside.borrow().iter().filter(|&&entry| entry == job).count()).unwrap_or_default()
}

/// A copy of this thread's jobs and callbacks, for a thread that goes on in its place.
pub(super) struct Stack(Vec<Entry>);

impl Stack {
    pub(super) fn of_this_thread() -> Self {
        Self(INSIDE.try_with(|inside| inside.borrow().clone()).unwrap_or_default())
    }

    /// This thread is inside of the same as the other thread, which waits for this one.
    pub(super) fn continue_here(self) {
        INSIDE.with(|inside| drop(inside.replace(self.0)));
    }
}

/// This thread is inside of a job or a callback until this is dropped.
pub(super) struct Inside;

impl Inside {
    pub(super) fn job(address: usize) -> Self {
        Self::enter((address, true))
    }

    pub(super) fn callback(address: usize) -> Self {
        Self::enter((address, false))
    }

    fn enter(entry: Entry) -> Self {
        // A thread that is ending has lost the list, and waits for no executor.
        let _ = INSIDE.try_with(|inside| inside.borrow_mut().push(entry));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|inside| inside.borrow_mut().pop());
    }
}
