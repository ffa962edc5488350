//! Whose thread this is: which scheduler started it, as which worker, and the jobs of which others it runs in place of their workers.

use std::cell::{Cell, RefCell};
use std::ptr;

use super::sync::thread_local;

/// A scheduler, by the address of what its threads share.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct SchedulerId(*const ());

impl SchedulerId {
    pub(super) fn of<T>(shared: &T) -> Self {
        Self(ptr::from_ref(shared).cast())
    }
}

/// The purpose for which a thread was started.
#[derive(Clone, Copy)]
struct Origin {
    scheduler: SchedulerId,
    /// `None` for the timer, and for the threads that run callbacks and drops.
    worker: Option<usize>,
}

thread_local! {
    /// It needs no destructor, so a value that is dropped as the thread ends can still ask.
    static ORIGIN: Cell<Option<Origin>> = const { Cell::new(None) };
    /// The schedulers whose jobs this thread runs in place of their workers, the outermost first.
    static HOSTS: RefCell<Vec<SchedulerId>> = const { RefCell::new(Vec::new()) };
}

/// The calling thread was started by `scheduler`, as the worker at this place or for something else.
pub(super) fn enter(scheduler: SchedulerId, worker: Option<usize>) {
    ORIGIN.with(|origin| origin.set(Some(Origin { scheduler, worker })));
}

/// The place of the worker that this thread was started as, whatever it is besides.
pub(super) fn worker_place() -> Option<usize> {
    ORIGIN.with(Cell::get)?.worker
}

/// Whether this thread belongs to `scheduler`, or runs one of its jobs: then it cannot wait for the scheduler's end.
pub(super) fn is_thread_of(scheduler: SchedulerId) -> bool {
    let is_own = ORIGIN.with(Cell::get).is_some_and(|origin| origin.scheduler == scheduler);
    is_own || is_host_of(scheduler)
}

/// Whether this thread is a worker of `scheduler`, or runs a job in place of one.
pub(super) fn is_worker_of(scheduler: SchedulerId) -> bool {
    is_own_worker_of(scheduler) || is_host_of(scheduler)
}

/// Whether this thread is a worker of `scheduler`, whatever it runs.
fn is_own_worker_of(scheduler: SchedulerId) -> bool {
    ORIGIN.with(Cell::get).is_some_and(|origin| origin.scheduler == scheduler && origin.worker.is_some())
}

/// Whether the innermost job of this thread is one of `scheduler`.
pub(super) fn runs_innermost_of(scheduler: SchedulerId) -> bool {
    with_hosts(|hosts| hosts.last().copied()).map_or_else(|| is_own_worker_of(scheduler), |host| host == scheduler)
}

/// This thread runs a job of `scheduler` in place of a worker, until [`leave_host`].
pub(super) fn enter_host(scheduler: SchedulerId) {
    with_hosts(|hosts| hosts.push(scheduler));
}

/// The job that came last has ended.
pub(super) fn leave_host() {
    with_hosts(Vec::pop);
}

/// Whether this thread runs a job of `scheduler` in place of a worker, inside of which there may be jobs of others.
fn is_host_of(scheduler: SchedulerId) -> bool {
    with_hosts(|hosts| hosts.contains(&scheduler))
}

/// A thread that is ending has lost the list, and runs no job.
fn with_hosts<T: Default>(f: impl FnOnce(&mut Vec<SchedulerId>) -> T) -> T {
    HOSTS.try_with(|hosts| f(&mut hosts.borrow_mut())).unwrap_or_default()
}
