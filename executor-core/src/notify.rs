//! The watcher that is told when a job ends. A future has one owner, so it has one watcher at most; a newer one replaces it.

use std::sync::Arc;
use std::task::Waker;

use crate::error::JobError;
use crate::panics::drops::drop_catching;
use crate::sync::Condvar;

type Callback<T> = Box<dyn FnOnce(Result<T, JobError>) + Send>;

/// A watcher that waits without blocking a thread in the cell itself.
pub(crate) enum Watch<T> {
    NoWatcher,
    Task(Waker),
    /// A set of futures, and the key of this one in it.
    Set(Arc<dyn Listener>, usize),
    Call(Callback<T>),
}

impl<T> Watch<T> {
    /// Takes the watcher out, to be told. A callback stays here, because it needs the outcome too.
    pub(crate) fn signal(&mut self) -> Signal {
        match std::mem::replace(self, Watch::NoWatcher) {
            Watch::NoWatcher => Signal::NoWatcher,
            Watch::Task(waker) => Signal::Task(waker),
            Watch::Set(listener, key) => Signal::Set(listener, key),
            call @ Watch::Call(_) => {
                *self = call;
                Signal::Callback
            }
        }
    }
}

/// Hears that a job ended. Runs no code of a user's.
pub(crate) trait Listener: Send + Sync {
    fn ended(&self, key: usize);
}

/// The receiver of the news that a job has ended.
pub(crate) enum Signal {
    NoWatcher,
    Task(Waker),
    Set(Arc<dyn Listener>, usize),
    Callback,
}

/// The threads that sleep until the job has ended, and the watcher.
#[must_use = "a thread may sleep for ever"]
pub(crate) struct Audience {
    pub(crate) signal: Signal,
    pub(crate) sleepers: Option<Arc<Condvar>>,
}

impl Audience {
    pub(crate) const NONE: Self = Self { signal: Signal::NoWatcher, sleepers: None };

    /// Wakes the threads, and returns how to tell the watcher.
    #[inline]
    pub(crate) fn wake(self) -> Signal {
        if let Some(sleepers) = self.sleepers {
            sleepers.notify_all();
        }
        self.signal
    }
}

/// Does what a [`Signal`] says; the cell, which holds the callback.
pub(crate) trait Tell: Send + Sync {
    fn tell(&self, signal: Signal);
}

/// The notification that a job has its outcome: it wakes the threads and the task that wait, or runs the callback, when it is
/// [fired](Notify::fire) or dropped.
#[must_use = "call `fire` on the thread where callbacks may run"]
pub struct Notify {
    /// Those that are not woken yet.
    sleepers: Option<Arc<Condvar>>,
    watcher: Option<(Arc<dyn Tell>, Signal)>,
}

impl Notify {
    pub(crate) fn none() -> Self {
        Self { sleepers: None, watcher: None }
    }

    pub(crate) fn new(cell: Arc<dyn Tell>, signal: Signal) -> Self {
        Self::to(cell, Audience { signal, sleepers: None })
    }

    #[inline]
    pub(crate) fn to(cell: Arc<dyn Tell>, Audience { signal, sleepers }: Audience) -> Self {
        let watcher = if let Signal::NoWatcher = signal { None } else { Some((cell, signal)) };
        Self { sleepers, watcher }
    }

    /// Wakes the threads that wait, now. A task or a callback is told when this is fired.
    pub fn wake_threads(&mut self) {
        if let Some(sleepers) = self.sleepers.take() {
            sleepers.notify_all();
        }
    }

    /// Returns whether no thread, task or callback waits for the job: then there is nothing to fire.
    pub fn is_empty(&self) -> bool {
        self.sleepers.is_none() && self.watcher.is_none()
    }

    /// Returns whether this runs a callback, which is user code and may take long.
    pub fn is_callback(&self) -> bool {
        matches!(self.watcher, Some((_, Signal::Callback)))
    }

    /// Wakes the threads and the task, or runs the callback, on the calling thread.
    pub fn fire(self) {
        drop(self);
    }
}

/// The captured values of a job that ended without running. Dropping them runs user code, and may take long.
#[derive(Default)]
#[must_use = "dropping it runs user code"]
pub struct Captures(Option<Box<dyn Send>>);

impl Captures {
    pub(crate) fn new<P: Send + 'static>(payload: P) -> Self {
        Self(std::mem::needs_drop::<P>().then(|| Box::new(payload) as Box<dyn Send>))
    }

    /// Returns whether there is nothing to drop.
    pub fn are_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl Drop for Captures {
    fn drop(&mut self) {
        drop_catching(self.0.take());
    }
}

impl std::fmt::Debug for Captures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Captures").field("are_empty", &self.are_empty()).finish()
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        self.wake_threads();
        if let Some((cell, signal)) = self.watcher.take() {
            cell.tell(signal);
        }
    }
}
