//! Waits that run an executor's jobs on the waiting thread. For authors of executors.
//!
//! An executor without threads runs jobs only on a thread that drives it. If that thread waits for a future or an event, no job would
//! run. So the wait itself drives the executor, and its time limit is measured by the executor's clock.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::queue_id::QueueId;
use crate::sync::thread_local;

/// An executor that runs jobs on the threads that drive it.
pub trait Driver: Send + Sync {
    /// Returns whether `queue_id` is a queue of this executor.
    fn has(&self, queue_id: QueueId) -> bool;

    /// Returns the time of the executor's clock.
    fn now(&self) -> Instant;

    /// Runs jobs on this thread until `wait` is over, or there is nothing to run.
    fn drive(&self, wait: &Wait<'_>) -> Driven;
}

/// The wait of a thread that drives an executor.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    is_over: &'a (dyn Fn() -> bool + Sync),
    run_here: &'a (dyn Fn(QueueId) -> bool + Sync),
    deadline: Option<Instant>,
    is_own: bool,
}

impl Wait<'_> {
    /// Returns whether the wait is over.
    pub fn is_over(&self) -> bool {
        (self.is_over)()
    }

    /// Runs the job that the thread waits for, if it is in the queue `queue_id` and the wait has no time limit. Returns whether it ran.
    pub fn run_here(&self, queue_id: QueueId) -> bool {
        (self.run_here)(queue_id)
    }

    /// Returns when the time limit of the wait ends, by the executor's clock.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns whether the wait is only for jobs of this executor, so that no other thread can end it.
    pub fn is_own(&self) -> bool {
        self.is_own
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("deadline", &self.deadline).field("is_own", &self.is_own).finish_non_exhaustive()
    }
}

/// The result of driving an executor for a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driven {
    /// The wait is over.
    Over,
    /// The time limit is over, by the executor's clock.
    TimeIsUp,
    /// There was nothing to run. Another thread may end the wait.
    Unknown,
}

thread_local! {
    static DRIVEN: RefCell<Vec<Weak<dyn Driver>>> = const { RefCell::new(Vec::new()) };
    /// Whether there are any: most threads drive nothing, and this costs less to look at.
    static DRIVES: Cell<bool> = const { Cell::new(false) };
}

/// Makes this thread drive `driver`, until `driver` is dropped.
pub fn register(driver: Weak<dyn Driver>) {
    let gone = DRIVEN.try_with(|driven| {
        let mut driven = driven.borrow_mut();
        let (kept, gone): (Vec<_>, Vec<_>) = driven.drain(..).partition(|known| known.strong_count() > 0);
        *driven = kept;
        if !driven.iter().any(|known| known.ptr_eq(&driver)) {
            driven.push(driver);
        }
        gone
    });
    drop(gone);
    DRIVES.with(|drives| drives.set(true));
}

/// Returns whether this thread drives `driver`.
pub fn is_driven_here(driver: &Weak<dyn Driver>) -> bool {
    DRIVEN.try_with(|driven| driven.borrow().iter().any(|known| known.ptr_eq(driver))).unwrap_or_default()
}

/// How long a thread waits, by its own clock and by those of the executors that it drives.
pub(crate) struct WaitDeadline {
    deadline: Option<Instant>,
    driven: Vec<(Arc<dyn Driver>, Option<Instant>)>,
}

impl WaitDeadline {
    /// A wait that begins now. A limit beyond the clock's range is none.
    #[inline]
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        let after = |now: Instant| limit.and_then(|limit| now.checked_add(limit));
        let driven = if DRIVES.with(Cell::get) { driven(after) } else { Vec::new() };
        Self { driven, deadline: limit.and_then(|limit| Instant::now().checked_add(limit)) }
    }

    /// By the thread's own clock.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Drives what this thread drives, until `is_over` or for as long as that does anything. True: there is nothing to wait for any more,
    /// because it is over or the time is up.
    pub(crate) fn drive<H: IntoIterator<Item = Option<QueueId>>>(
        &self,
        queue_ids: impl Fn() -> H,
        run_here: &(dyn Fn(QueueId) -> bool + Sync),
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> bool {
        for (driver, deadline) in &self.driven {
            // One that has others beside it may be waiting for their jobs.
            let is_own = self.driven.len() == 1
                && queue_ids().into_iter().all(|queue_id| queue_id.is_some_and(|queue_id| driver.has(queue_id)));
            let wait = Wait { is_over, run_here, deadline: *deadline, is_own };
            match driver.drive(&wait) {
                Driven::Over => return true,
                Driven::TimeIsUp if is_own => return true,
                Driven::TimeIsUp | Driven::Unknown => {}
            }
        }
        !self.driven.is_empty() && is_over()
    }
}

/// The executors that this thread drives, and when a wait ends by the clock of each.
#[cold]
fn driven(after: impl Fn(Instant) -> Option<Instant>) -> Vec<(Arc<dyn Driver>, Option<Instant>)> {
    let driven: Result<Vec<_>, _> =
        DRIVEN.try_with(|driven| driven.borrow().iter().filter_map(Weak::upgrade).collect());
    let with_end = |driver: Arc<dyn Driver>| {
        let end = after(driver.now());
        (driver, end)
    };
    driven.unwrap_or_default().into_iter().map(with_end).collect()
}
