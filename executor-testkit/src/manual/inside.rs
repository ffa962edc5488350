//! Tracks which jobs and callbacks a thread is inside of, of which executor, and as whose worker.

use std::cell::RefCell;
use std::ptr;

use executor_core::current::{self, Worker};

use super::shared::{Shared, State};

type Stack = Vec<(usize, bool)>;

thread_local! {
    /// The addresses of those whose jobs and callbacks this thread runs, the outermost first, and whether it is a job.
    static INSIDE: RefCell<Stack> = const { RefCell::new(Vec::new()) };
}

impl Shared {
    /// Whether this thread runs a job or a callback of this very executor, or drops what a cancelled job of it had captured.
    pub(super) fn is_inside(&self) -> bool {
        if self.is_leaving() {
            return true;
        }
        let me = self.address();
        INSIDE.try_with(|inside| inside.borrow().iter().any(|&(address, _)| address == me)).unwrap_or_default()
    }

    /// How many of its jobs run on this thread, inside of each other.
    pub(super) fn running_here(&self) -> usize {
        let job = (self.address(), true);
        INSIDE.try_with(|inside| inside.borrow().iter().filter(|&&entry| entry == job).count()).unwrap_or_default()
    }

    pub(super) fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }
}

/// The jobs and callbacks that this thread is inside of, for a thread that goes on in its place.
pub(super) fn inside() -> Stack {
    INSIDE.try_with(|inside| inside.borrow().clone()).unwrap_or_default()
}

/// This thread is inside of the same as another, which waits for it.
pub(super) fn go_on_inside(stack: Stack) {
    INSIDE.with(|inside| drop(inside.replace(stack)));
}

/// This thread is inside of the executor until this is dropped.
pub(super) struct Inside;

impl Inside {
    pub(super) fn enter(shared: &Shared, is_job: bool) -> Self {
        // A thread that is ending has lost the list, and waits for no executor.
        let _ = INSIDE.try_with(|inside| inside.borrow_mut().push((shared.address(), is_job)));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|inside| inside.borrow_mut().pop());
    }
}

/// A job runs until this is dropped, where it is counted.
pub(super) struct Running<'a> {
    shared: &'a Shared,
    count: fn(&mut State) -> &mut usize,
    _inside: Inside,
}

impl<'a> Running<'a> {
    pub(super) fn enter(shared: &'a Shared, count: fn(&mut State) -> &mut usize) -> Self {
        Self { shared, count, _inside: Inside::enter(shared, true) }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *(self.count)(&mut self.shared.lock()) -= 1;
        self.shared.changed.notify_all();
    }
}

/// This thread is its worker until this is dropped; then it is again what it was.
pub(super) struct AsWorker(Option<Worker>);

impl AsWorker {
    pub(super) fn enter(shared: &Shared) -> Self {
        let worker = Worker { name: Some(shared.name.clone()), state: None, host: Some(shared.arc()) };
        Self(current::replace_worker(Some(worker)))
    }
}

impl Drop for AsWorker {
    fn drop(&mut self) {
        drop(current::replace_worker(self.0.take()));
    }
}
