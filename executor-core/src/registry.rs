//! The homes that there are, by their numbers, and who counts what came of their jobs. For those who write executors.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::error::{JobError, Rejection};
use crate::home::{Home, HomeId};
use crate::sync::thread_local;
use crate::tally::{self, Counts, Ending, Failure, Tally};

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

/// Does `f` with the tally of the home `id`, if it is still there and has one. Holds the registry's lock, which is never held longer.
fn with_tally<R>(id: HomeId, f: impl FnOnce(&Tally) -> R) -> Option<R> {
    HOMES.lock().get(&id)?.tally.as_deref().map(f)
}

/// Does `f` with the numbers in which this thread counts jobs of `home`, and whether others share them.
fn with(home: HomeId, f: impl Fn(&Counts, bool)) {
    if tally::with_own(home, &f).is_none() {
        with_tally(home, |tally| f(tally.others(), true));
    }
}

/// How a job with this outcome counts, of which `of_parts` failed if that is a result. `None` for a job that was never accepted: it is no
/// matter of its home's, while one that made room for another is.
pub(crate) fn ending(outcome: Result<(), &JobError>, of_parts: Option<Failure>) -> Option<Ending> {
    let is_refused = matches!(outcome, Err(JobError::Rejected(reason)) if *reason != Rejection::Dropped);
    (!is_refused).then(|| Ending::of(outcome, of_parts))
}

/// A job of `home` has ended so. Runs no code of a user's, for it is called under the lock of the job.
pub(crate) fn count(home: Option<HomeId>, ending: Option<Ending>, has_started: bool) {
    if let (Some(home), Some(ending)) = (home, ending) {
        with(home, |counts, is_shared| counts.count(ending, has_started, is_shared));
    }
}

/// Records that a job of `home` waited for `wait` and ran for `run`.
pub(crate) fn record(home: HomeId, wait: Duration, run: Duration) {
    with(home, |counts, is_shared| counts.record(wait, run, is_shared));
}

/// A job of a home runs where no worker counts as running it, until this is dropped: inside of another one, or on the thread that
/// submitted it.
#[derive(Debug)]
#[must_use = "the job counts as running until this is dropped"]
pub struct Aside(Option<HomeId>);

impl Aside {
    /// It begins to run.
    pub fn enter(home: Option<HomeId>) -> Self {
        let aside = Self(home);
        aside.add(1);
        aside
    }

    fn add(&self, more: u64) {
        if let Some(home) = self.0 {
            with(home, |counts, is_shared| counts.runs_aside(more, is_shared));
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // One less: the number wraps.
        self.add(u64::MAX);
    }
}
