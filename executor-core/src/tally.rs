//! Counts how an executor's jobs ended. For those who write executors.
//!
//! A job is counted for its [`home`](mod@crate::home), where its outcome is decided: once, whichever thread ends it. A worker counts in
//! numbers of its own, which no other thread writes, so counting costs two memory accesses; `stats` sums the numbers. Other threads that
//! end a job (a cancel, a time limit) find the tally in the [`registry`](crate::registry) by the home's number, and add to shared numbers.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

use crate::error::JobError;
use crate::home::HomeId;
use crate::stats::{Histogram, Stats};
use crate::stats::{Recorder, add};
use crate::sync::thread_local;

/// The counters of how an executor's jobs ended.
pub struct Tally {
    /// The counts of threads that are no members, and of members that have left.
    others: Arc<Numbers>,
    members: Mutex<Vec<Arc<Numbers>>>,
}

/// How a job ended that did not return, or of how its parts did. The later, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// Otherwise: refused, dropped, not encodable, without a worker.
    Other,
    /// It panicked.
    Panicked,
    /// It was not done in time.
    TimedOut,
    /// Its process died.
    Crashed,
}

impl Failure {
    /// The kind of the error. `None` for a cancel.
    pub fn of(error: &JobError) -> Option<Self> {
        match error {
            JobError::Cancelled => None,
            JobError::Panicked(_) => Some(Self::Panicked),
            JobError::TimedOut(_) => Some(Self::TimedOut),
            JobError::Crashed(_) => Some(Self::Crashed),
            JobError::Rejected(_) | JobError::Codec(_) | JobError::Broken(_) | JobError::Failed(_) => Some(Self::Other),
        }
    }
}

/// On a cache line of its own: its writer should not wait for another's.
type Numbers = CachePadded<Counts>;

#[derive(Default)]
pub(crate) struct Counts {
    completed: AtomicU64,
    panicked: AtomicU64,
    cancelled: AtomicU64,
    timed_out: AtomicU64,
    crashed: AtomicU64,
    failed: AtomicU64,
    /// Jobs that ended without having started, other than by a cancel.
    unstarted: AtomicU64,
    /// Jobs that run inside of another one, or on a thread that is no worker.
    aside: AtomicU64,
    times: Option<Box<Times>>,
}

#[derive(Default)]
struct Times {
    wait: Recorder,
    run: Recorder,
}

thread_local! {
    static MEMBER: RefCell<Option<Local>> = const { RefCell::new(None) };
    /// The worst failure of the parts of the job that returns next on this thread.
    static OF_PARTS: Cell<Option<Failure>> = const { Cell::new(None) };
}

/// Where this thread counts jobs of these homes.
struct Local {
    homes: [HomeId; 3],
    numbers: Arc<Numbers>,
    is_shared: bool,
}

impl Tally {
    /// An empty one. With `measures`, it has room for times.
    pub fn new(measures: bool) -> Arc<Self> {
        Arc::new(Self { others: Counts::new(measures), members: Mutex::default() })
    }

    /// The calling thread counts jobs of `homes` in numbers of its own, until what this returns is dropped there. Threads come and go;
    /// what they have counted stays.
    pub fn join(self: &Arc<Self>, homes: [HomeId; 3]) -> Member {
        let numbers = Counts::new(self.others.times.is_some());
        self.members.lock().push(numbers.clone());
        Member::enter(self, Local { homes, numbers, is_shared: false })
    }

    /// The same in the numbers that all share: cheaper to begin and end, for a thread that does so for each job.
    pub fn visit(self: &Arc<Self>, homes: [HomeId; 3]) -> Member {
        Member::enter(self, Local { homes, numbers: self.others.clone(), is_shared: true })
    }

    /// The counts: the outcomes, the jobs that run [aside](crate::registry::Aside), and the times.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        if self.others.times.is_some() {
            (stats.wait, stats.run) = (Some(Histogram::default()), Some(Histogram::default()));
        }
        // Under the lock, so that a member that leaves is counted once.
        let members = self.members.lock();
        for numbers in members.iter().chain([&self.others]) {
            numbers.add_to(&mut stats);
        }
        stats
    }

    /// The numbers of those who are no members.
    pub(crate) fn others(&self) -> &Counts {
        &self.others
    }

    /// Adds the `numbers` of a member that stops counting to the shared ones.
    fn leave(&self, numbers: &Arc<Numbers>) {
        let mut members = self.members.lock();
        let Some(place) = members.iter().position(|member| Arc::ptr_eq(member, numbers)) else { return };
        members.swap_remove(place);
        self.others.absorb(numbers);
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Counts {
    fn new(measures: bool) -> Arc<Numbers> {
        Arc::new(CachePadded::new(Self { times: measures.then(Box::default), ..Self::default() }))
    }

    fn all(&self) -> [&AtomicU64; 8] {
        let Self { completed, panicked, cancelled, timed_out, crashed, failed, unstarted, aside, .. } = self;
        [completed, panicked, cancelled, timed_out, crashed, failed, unstarted, aside]
    }

    pub(crate) fn count(&self, ending: Ending, has_started: bool, is_shared: bool) {
        add(self.of(ending), 1, is_shared);
        if !has_started && ending != Ending::Cancelled {
            add(&self.unstarted, 1, is_shared);
        }
    }

    /// Counts `more` jobs as running where no worker counts them. The sum wraps, so a large number counts fewer.
    pub(crate) fn runs_aside(&self, more: u64, is_shared: bool) {
        add(&self.aside, more, is_shared);
    }

    fn of(&self, ending: Ending) -> &AtomicU64 {
        match ending {
            Ending::Completed => &self.completed,
            Ending::Cancelled => &self.cancelled,
            Ending::Failed(Failure::Panicked) => &self.panicked,
            Ending::Failed(Failure::TimedOut) => &self.timed_out,
            Ending::Failed(Failure::Crashed) => &self.crashed,
            Ending::Failed(Failure::Other) => &self.failed,
        }
    }

    fn add_to(&self, stats: &mut Stats) {
        // Relaxed, here and below: see `add`.
        let [completed, panicked, cancelled, timed_out, crashed, failed, unstarted, aside] =
            self.all().map(|number| number.load(Ordering::Relaxed));
        stats.completed += completed;
        stats.panicked += panicked;
        stats.cancelled += cancelled;
        stats.timed_out += timed_out;
        stats.crashed += crashed;
        stats.failed += failed;
        stats.unstarted += unstarted;
        stats.running += usize::try_from(aside).unwrap_or_default();
        if let (Some(times), Some(wait), Some(run)) = (&self.times, &mut stats.wait, &mut stats.run) {
            times.wait.add_to(wait);
            times.run.add_to(run);
        }
    }

    fn absorb(&self, other: &Self) {
        for (number, more) in self.all().into_iter().zip(other.all()) {
            number.fetch_add(more.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        if let (Some(times), Some(more)) = (&self.times, &other.times) {
            times.wait.absorb(&more.wait);
            times.run.absorb(&more.run);
        }
    }

    pub(crate) fn record(&self, wait: Duration, run: Duration, is_shared: bool) {
        if let Some(times) = &self.times {
            times.wait.record(wait, is_shared);
            times.run.record(run, is_shared);
        }
    }
}

/// This thread counts for a [`Tally`] until this is dropped, on the same thread.
#[must_use = "the thread counts until this is dropped"]
pub struct Member {
    tally: Arc<Tally>,
    before: Option<Local>,
}

impl Member {
    fn enter(tally: &Arc<Tally>, local: Local) -> Self {
        let before = MEMBER.try_with(|member| member.replace(Some(local))).ok().flatten();
        Self { tally: tally.clone(), before }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let own = MEMBER.try_with(|member| member.replace(self.before.take())).ok().flatten();
        if let Some(own) = own.filter(|own| !own.is_shared) {
            self.tally.leave(&own.numbers);
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").finish_non_exhaustive()
    }
}

/// Does `f` with the numbers of this thread, and whether others share them, if it counts for `home`.
pub(crate) fn with_own<R>(home: HomeId, f: impl FnOnce(&Counts, bool) -> R) -> Option<R> {
    MEMBER
        .try_with(|member| {
            let member = member.borrow();
            let local = member.as_ref().filter(|local| local.homes.contains(&home))?;
            Some(f(&local.numbers, local.is_shared))
        })
        .ok()
        .flatten()
}

/// How a job counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Completed,
    Cancelled,
    Failed(Failure),
}

impl Ending {
    /// Of a job of several parts, a result counts as the worst failure of those.
    pub(crate) fn of(outcome: Result<(), &JobError>, of_parts: Option<Failure>) -> Self {
        match outcome {
            Ok(()) => of_parts.map_or(Self::Completed, Self::Failed),
            Err(error) => Failure::of(error).map_or(Self::Cancelled, Self::Failed),
        }
    }
}

/// The job that is about to return on this thread is counted as its worst part, whatever it returns.
pub fn returns_with(failure: Option<Failure>) {
    OF_PARTS.with(|of_parts| of_parts.set(failure));
}

/// Takes the failure that [`returns_with`] set for the job that has returned.
pub(crate) fn take_failure_of_parts() -> Option<Failure> {
    OF_PARTS.with(Cell::take)
}

/// A point in time, or none, in half the room of an `Option<Instant>`: every job has one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Moment(Option<NonZeroU64>);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Moment {
    pub(crate) fn at(when: Instant) -> Self {
        let nanos = u64::try_from(when.saturating_duration_since(*START).as_nanos()).unwrap_or(u64::MAX);
        Self(NonZeroU64::new(nanos.max(1)))
    }

    pub(crate) fn is_none(self) -> bool {
        self.0.is_none()
    }

    /// The time from then to `when`.
    pub(crate) fn until(self, when: Instant) -> Option<Duration> {
        let nanos = self.0?.get();
        Some(when.saturating_duration_since(*START).saturating_sub(Duration::from_nanos(nanos)))
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::{HomeId, MEMBER, Tally};

    /// A pool's threads come and go as long as the program runs.
    #[test]
    fn threads_that_have_left_take_no_room() {
        let (outer, inner) = (Tally::new(false), Tally::new(false));
        let homes = [HomeId::next(); 3];
        let own = outer.join(homes);
        for _ in 0..3 {
            drop(inner.join([HomeId::next(); 3]));
            drop(inner.visit([HomeId::next(); 3]));
        }
        assert!(inner.members.lock().is_empty());
        let known = MEMBER.with(|member| member.borrow().as_ref().map(|local| local.homes));
        assert!(known.is_some_and(|known| known == homes), "the thread counts for the first again");
        drop(own);
        assert!(outer.members.lock().is_empty() && MEMBER.with(|member| member.borrow().is_none()));
    }
}
