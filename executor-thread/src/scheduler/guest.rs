//! A thread that is none of the scheduler's, and runs a job instead of queueing it. While it does, it is as good as a worker: the job is counted,
//! a shutdown waits for it, and what it waits for runs in place.
//!
//! Such jobs nest: a job of pool A may run one of pool B on its thread, and that one of C. The thread then belongs to all of them, so a
//! shutdown of any of them that is called there cannot wait.

use std::cell::RefCell;
use std::ptr;
use std::sync::Arc;

use executor_core::current::{self, Host, Worker};
use executor_core::home::HomeId;
use executor_core::tally::Member;

use super::shared::Shared;
use super::sync::thread_local;
use super::{Queued, Runner, worker};

thread_local! {
    /// The schedulers whose jobs this thread runs as a guest, by address, the outermost first.
    static HOSTS: RefCell<Vec<*const ()>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with those schedulers. A thread that is ending has lost the list, and runs no job.
fn with_hosts<T: Default>(f: impl FnOnce(&mut Vec<*const ()>) -> T) -> T {
    HOSTS.try_with(|hosts| f(&mut hosts.borrow_mut())).unwrap_or_default()
}

fn address<R: Runner>(shared: &Shared<R>) -> *const () {
    ptr::from_ref(shared).cast()
}

/// Whether this thread runs a job of the scheduler as a guest, inside of which there may be jobs of others.
pub(super) fn is_guest_of<R: Runner>(shared: &Shared<R>) -> bool {
    with_hosts(|hosts| hosts.contains(&address(shared)))
}

/// Whether the innermost job of this thread is one of the scheduler's.
fn is_innermost<R: Runner>(shared: &Shared<R>) -> bool {
    let innermost = with_hosts(|hosts| hosts.last().copied());
    innermost.map_or_else(|| worker::is_own_worker_of(shared), |host| host == address(shared))
}

/// The thread is one until this is dropped; then it is again what it was.
struct Guest<'a, R: Runner + 'static> {
    shared: &'a Shared<R>,
    worker: Option<Worker>,
    _member: Member,
}

impl<R: Runner + 'static> Shared<R> {
    /// Runs the job on this thread. False if that cannot be: then it is still to be queued, or refused.
    pub(super) fn run_here(self: &Arc<Self>, job: &R::Job) -> bool {
        if is_innermost(self) {
            return job.run_here();
        }
        let guest = Guest::enter(self);
        guest.is_some() && job.run_here()
    }
}

impl<'a, R: Runner + 'static> Guest<'a, R> {
    /// `None` after a shutdown.
    fn enter(shared: &'a Arc<Shared<R>>) -> Option<Self> {
        {
            let mut state = shared.lock();
            if !state.is_open {
                return None;
            }
            state.guests += 1;
        }
        with_hosts(|hosts| hosts.push(address(shared)));
        let worker = current::replace_worker(None);
        let (name, before) = worker.as_ref().map_or((None, None), |worker| (worker.name.clone(), worker.host.clone()));
        let host: Arc<dyn Host> = Arc::new(AtGuests { shared: shared.clone(), before });
        current::set_worker(Some(Worker { name, state: None, host: Some(host) }));
        Some(Self { shared, worker, _member: shared.visit_tally() })
    }
}

impl<R: Runner + 'static> Drop for Guest<'_, R> {
    fn drop(&mut self) {
        current::set_worker(self.worker.take());
        with_hosts(Vec::pop);
        let mut state = self.shared.lock();
        state.guests -= 1;
        if !state.is_open {
            // The timer may have stayed for this job.
            self.shared.due.notify_all();
        }
        self.shared.tell_of_end(state);
    }
}

/// What the job of a guest finds as its pool.
struct AtGuests<R: Runner + 'static> {
    shared: Arc<Shared<R>>,
    /// Whose worker the thread is otherwise.
    before: Option<Arc<dyn Host>>,
}

impl<R: Runner + 'static> Host for AtGuests<R> {
    fn home(&self) -> HomeId {
        self.shared.queue.id()
    }

    fn block(&self) {
        // The scheduler has all its workers, and needs none in place of this thread.
        if let Some(before) = &self.before {
            before.block();
        }
    }

    fn unblock(&self) {
        if let Some(before) = &self.before {
            before.unblock();
        }
    }

    fn is_stopping(&self) -> bool {
        Host::is_stopping(&*self.shared)
    }
}
