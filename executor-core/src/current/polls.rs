//! Futures that a job has polled and that are not done. The job's thread may be about to sleep for them, in an executor that this library
//! does not know, so it counts as blocked until they are done or gone.

use std::cell::{Cell, RefCell};

use super::activity::ActivityKind;
use super::{Blocked, block_in, with_job};
use crate::sync::thread_local;

thread_local! {
    static POLLED: RefCell<Polled> = const { RefCell::new(Polled { keys: Vec::new(), blocked: None }) };
    /// Whether there are any: most threads poll nothing, and this costs less to look at.
    static HAS_POLLED: Cell<bool> = const { Cell::new(false) };
}

struct Polled {
    /// The addresses of what was polled.
    keys: Vec<usize>,
    blocked: Option<Blocked>,
}

/// Notes that the future at `key` was polled on this thread and is not done. Outside a job, does nothing.
pub(crate) fn pending(key: usize) {
    if with_job(|_| ()).is_none() {
        return;
    }
    let is_first = POLLED.try_with(|polled| {
        let mut polled = polled.borrow_mut();
        if !polled.keys.contains(&key) {
            polled.keys.push(key);
        }
        polled.blocked.is_none()
    });
    HAS_POLLED.with(|it| it.set(true));
    if is_first == Ok(true) {
        let blocked = block_in(ActivityKind::Polled, None);
        let _ = POLLED.try_with(|polled| polled.borrow_mut().blocked = Some(blocked));
    }
}

/// Notes that the future at `key` is done or dropped. If it ends on another thread, it counts until the job has ended.
#[inline]
pub(crate) fn over(key: usize) {
    if HAS_POLLED.with(Cell::get) {
        end(key);
    }
}

#[cold]
fn end(key: usize) {
    let blocked = POLLED.try_with(|polled| {
        let mut polled = polled.borrow_mut();
        polled.keys.retain(|&known| known != key);
        if polled.keys.is_empty() { polled.blocked.take() } else { None }
    });
    go_on(blocked.ok().flatten());
}

/// The thread has no job any more.
#[inline]
pub(super) fn end_job() {
    if HAS_POLLED.with(Cell::get) {
        end_all();
    }
}

#[cold]
fn end_all() {
    let blocked = POLLED.try_with(|polled| {
        let mut polled = polled.borrow_mut();
        polled.keys.clear();
        polled.blocked.take()
    });
    go_on(blocked.ok().flatten());
}

/// The guard is dropped outside of the borrow: the pool takes its lock.
fn go_on(blocked: Option<Blocked>) {
    if let Some(blocked) = blocked {
        HAS_POLLED.with(|it| it.set(false));
        drop(blocked);
    }
}
