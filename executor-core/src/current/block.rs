//! Guards that say that the worker's thread blocks.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use super::activity::{self, ActivityGuard, ActivityKind};
use super::{Host, with_worker};
use crate::sync::thread_local;

thread_local! {
    static BLOCKS: RefCell<Blocks> = const { RefCell::new(Blocks { host: None, guards: 0, series: 0 }) };
}

/// The guards of this thread that say that it blocks. The pool is told of the first and of the last one.
struct Blocks {
    /// The pool that was told.
    host: Option<Arc<dyn Host>>,
    guards: usize,
    /// Tells the guards that count from those that a job has left behind.
    series: u64,
}

impl Blocks {
    /// One guard more, of a thread whose pool is `host`. Returns the series, and whether the pool is to be told.
    fn add(&mut self, host: &Arc<dyn Host>) -> (u64, bool) {
        self.guards += 1;
        let is_first = self.guards == 1;
        if is_first {
            self.host = Some(host.clone());
        }
        (self.series, is_first)
    }

    /// One guard of the `series` less. Returns the pool that is to be told, if it was the last.
    fn remove(&mut self, series: u64) -> Option<Arc<dyn Host>> {
        if series != self.series {
            return None;
        }
        self.guards -= 1;
        if self.guards == 0 { self.host.take() } else { None }
    }

    /// No guard counts any more. Returns the pool that is to be told, if there was one.
    fn end(&mut self) -> Option<Arc<dyn Host>> {
        let host = self.host.take()?;
        self.guards = 0;
        self.series += 1;
        Some(host)
    }
}

/// The guard of [`block`]: the worker counts as blocked until its thread has no such guard left.
#[must_use = "the worker counts as blocked until this is dropped"]
pub struct Blocked {
    /// `None` on a thread of no pool.
    series: Option<u64>,
    _activity: ActivityGuard,
    _stays: PhantomData<*const ()>,
}

/// Tells the pool that the running job is about to block, on a lock or a channel, say. Until the returned guard is dropped, a
/// `ThreadPool` may run other jobs on a spare thread. Does nothing outside a pool.
///
/// Waits for a [`Future`](crate::Future) or an [`Event`](crate::Event) do this themselves. Guards nest: the thread counts as blocked
/// once, until the last guard is dropped, or the job ends.
///
/// ```
/// use std::sync::mpsc;
/// use executor::{ThreadPool, current};
///
/// let pool = ThreadPool::new(1);
/// let (send, receive) = mpsc::channel();
/// let waits = pool.submit(move || {
///     let _blocked = current::block();
///     receive.recv()
/// });
/// // The pool has one thread, and that is blocked. So this job runs on a spare thread.
/// pool.submit(move || send.send(7)).result()??;
/// assert_eq!(waits.result()??, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn block() -> Blocked {
    block_in(ActivityKind::Blocked, None)
}

/// For authors of executors: like [`block`], and says what the thread is about to wait for, and when the wait ends at the latest. `None` means
/// no time limit.
pub fn block_in(kind: ActivityKind, until: Option<Instant>) -> Blocked {
    let activity = activity::begin_until(kind, until);
    let host = with_worker(|worker| worker.host.clone());
    let series = host.and_then(|host| {
        let (series, is_first) = BLOCKS.try_with(|blocks| blocks.borrow_mut().add(&host)).ok()?;
        if is_first {
            host.block();
        }
        Some(series)
    });
    Blocked { series, _activity: activity, _stays: PhantomData }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // A thread that is ending has lost the count, and its pool counts it out.
        let last = self.series.and_then(|series| BLOCKS.try_with(|blocks| blocks.borrow_mut().remove(series)).ok()?);
        if let Some(host) = last {
            host.unblock();
        }
    }
}

/// For authors of executors: the worker's job has ended, so the guards that it left behind no longer count.
pub fn end_blocks() {
    let host = BLOCKS.try_with(|blocks| blocks.borrow_mut().end()).ok().flatten();
    if let Some(host) = host {
        activity::end_all();
        host.unblock();
    }
}
