//! Where queued jobs wait, seen from the jobs. For those who write executors.
//!
//! A job that is cancelled, or run by whoever waits for it, leaves its queue without the queue. It tells its [`Home`], by a
//! number: a reference would cost every job a count, for what happens to few.

use std::cell::RefCell;
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;

use crate::sync::thread_local;
use crate::tally::Tally;

/// Names a [`Home`]. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HomeId(NonZeroU64);

impl HomeId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only the uniqueness of the number matters.
        Self(NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed)).expect("no process has 2^64 pools"))
    }
}

/// A queue of jobs.
pub trait Home: Send + Sync {
    /// A job that waited at `from`, which is this home, does not wait any more, and nobody took it from the queue: what is left of it there is dead. Runs on
    /// the thread that cancelled the job, or runs it. If it `ends` without running, [`ended`](Home::ended) follows.
    fn left(&self, from: HomeId, ends: bool);

    /// A job of `from`, which is this home, was taken from the queue, and lent; it ends without running, and [`ended`](Home::ended) follows.
    /// Where jobs are never lent, this is never called.
    fn revoked(&self, from: HomeId) {
        let _ = from;
    }

    /// A job that was cancelled at `from` has its outcome.
    fn ended(&self, from: HomeId);
}

/// A home, and who counts what came of its jobs.
struct Known {
    home: Weak<dyn Home>,
    tally: Option<Arc<Tally>>,
}

static HOMES: LazyLock<Mutex<HashMap<HomeId, Known>>> = LazyLock::new(Mutex::default);

/// A home that can be told, until this is dropped.
#[derive(Debug)]
pub struct Registration(HomeId);

impl Registration {
    /// Gives `home` a number.
    pub fn new(home: Weak<dyn Home>) -> Self {
        Self::of(Known { home, tally: None })
    }

    /// The same, and `tally` counts what comes of its jobs.
    pub fn counted(home: Weak<dyn Home>, tally: Arc<Tally>) -> Self {
        Self::of(Known { home, tally: Some(tally) })
    }

    fn of(known: Known) -> Self {
        let id = HomeId::next();
        HOMES.lock().insert(id, known);
        Self(id)
    }

    /// The number.
    pub fn id(&self) -> HomeId {
        self.0
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let home = HOMES.lock().remove(&self.0);
        drop(home);
    }
}

thread_local! {
    static LEAVING: RefCell<Vec<HomeId>> = const { RefCell::new(Vec::new()) };
}

/// For how many jobs at `id` this thread is dropping what they captured, before their end is told. A shutdown that is called by
/// such a drop cannot wait for it.
pub fn leaving(id: HomeId) -> usize {
    LEAVING.try_with(|leaving| leaving.borrow().iter().filter(|&&home| home == id).count()).unwrap_or_default()
}

/// A job leaves its home, or none, without being run.
pub(crate) struct Leaving(Option<HomeId>);

impl Leaving {
    /// Before what it captured is dropped.
    pub(crate) fn begin(id: Option<HomeId>) -> Self {
        if let Some(id) = id {
            // A thread that is ending has lost the list: it waits for no pool either.
            let _ = LEAVING.try_with(|leaving| leaving.borrow_mut().push(id));
        }
        Self(id)
    }

    /// After that, and before anybody can see the end.
    pub(crate) fn left(&self) {
        if let Some(id) = self.0 {
            let _ = LEAVING.try_with(|leaving| leaving.borrow_mut().pop());
            tell(id, |home| home.left(id, true));
        }
    }

    /// The same for a job that had been taken from there, and lent.
    pub(crate) fn revoked(&self) {
        if let Some(id) = self.0 {
            let _ = LEAVING.try_with(|leaving| leaving.borrow_mut().pop());
            tell(id, |home| home.revoked(id));
        }
    }

    /// When it has its outcome.
    pub(crate) fn ended(self) {
        if let Some(id) = self.0 {
            tell(id, |home| home.ended(id));
        }
    }
}

/// The job runs without its queue.
pub(crate) fn left_to_run(id: HomeId) {
    tell(id, |home| home.left(id, false));
}

/// Tells the home `id`, if it is still there.
fn tell(id: HomeId, what: impl FnOnce(&dyn Home)) {
    let home = HOMES.lock().get(&id).and_then(|known| known.home.upgrade());
    if let Some(home) = home {
        what(&*home);
    }
}

/// Does `f` with the tally of the home `id`, if it is still there and has one. Under a lock that is held by nobody for longer than this.
pub(crate) fn with_tally<R>(id: HomeId, f: impl FnOnce(&Tally) -> R) -> Option<R> {
    HOMES.lock().get(&id)?.tally.as_deref().map(f)
}
