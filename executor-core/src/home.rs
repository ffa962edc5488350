//! Where queued jobs wait, seen from the jobs. For those who write executors.
//!
//! A job that is cancelled, or run by whoever waits for it, leaves its queue without the queue. It tells its [`Home`], by a
//! number: a reference would cost every job a count, for what happens to few.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Weak};

use parking_lot::Mutex;

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
    /// the thread that cancelled the job, or runs it.
    fn left(&self, from: HomeId);
}

static HOMES: LazyLock<Mutex<HashMap<HomeId, Weak<dyn Home>>>> = LazyLock::new(Mutex::default);

/// A home that can be told, until this is dropped.
#[derive(Debug)]
pub struct Registration(HomeId);

impl Registration {
    /// Gives `home` a number.
    pub fn new(home: Weak<dyn Home>) -> Self {
        let id = HomeId::next();
        HOMES.lock().insert(id, home);
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

/// Tells the home `id`, if it is still there.
pub(crate) fn left(id: HomeId) {
    let home = HOMES.lock().get(&id).and_then(Weak::upgrade);
    if let Some(home) = home {
        home.left(id);
    }
}
