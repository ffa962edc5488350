//! The waits that are under way, and other things that a thread does at length. For authors of executors and of tools.
//!
//! Each thread keeps its own list, so an entry costs a lock that no other thread wants, and a reading of the clock. Entries are made where
//! a thread is about to block, or calls code of a user's beside a job: never on the way of a job that does neither.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem::take;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{id, name, queue_id, worker_name};
use crate::observe::job::JobDescription;
use crate::queue_id::QueueId;
use crate::status::JobId;

/// In a forked process, a lock may be held for ever by a thread that is not there: then the entry is left out.
const LOCK_LIMIT: Duration = Duration::from_millis(100);

/// A wait lists no more jobs than this.
pub(crate) const MOST_IDS: usize = 16;

/// An activity that a thread has begun and not ended. Returned by [`all`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Activity {
    /// The name of the thread.
    pub thread: Arc<str>,
    /// The name of the worker that the thread is.
    pub worker: Option<Arc<str>>,
    /// The queue of the pool whose worker the thread is.
    pub queue_id: Option<QueueId>,
    /// The job that the thread runs.
    pub job: Option<JobId>,
    /// The name that the job was given.
    pub job_name: Option<Arc<str>>,
    /// The jobs around `job` on the same thread, the outermost first. Each waits for the next, which it runs in place.
    pub outer_jobs: Vec<JobId>,
    /// The kind of the activity.
    pub kind: ActivityKind,
    /// When that began.
    pub since: Instant,
    /// When that ends at the latest, if it is a wait with a time limit.
    pub until: Option<Instant>,
}

/// The kind of an [`Activity`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ActivityKind {
    /// Waits until a job ends.
    WaitForJob {
        /// The id of that job.
        id: JobId,
        /// Its name and place of submission, if it was queued in a measured pool.
        description: Option<Box<JobDescription>>,
        /// The queue in which it is or was. `None` for a promise.
        queue_id: Option<QueueId>,
    },
    /// Waits until one of several jobs ends.
    WaitForAnyJob {
        /// The ids of the first of them.
        ids: Vec<JobId>,
        /// Whether there are others.
        has_more: bool,
    },
    /// Waits until an [`Event`](crate::Event) is set.
    WaitForEvent,
    /// Waits for room in the queue of this pool.
    WaitForSlot(PoolName),
    /// Waits until this pool is idle.
    WaitForIdle(PoolName),
    /// Waits until this pool is shut down.
    WaitForShutdown(PoolName),
    /// Waits for the jobs of a scope.
    WaitForScope,
    /// Waits until a process has started.
    WaitForProcess,
    /// Polled a future that is not ready, in code of another runtime.
    Polled,
    /// Is in a guard of [`block`](super::block).
    Blocked,
    /// Runs the initializer of a worker.
    Initializer,
    /// Runs the function for the start or the end of a worker's thread.
    Hook,
    /// Runs the callback of a job that has ended.
    Callback(JobId),
}

/// A pool, by its name and its queue.
#[derive(Clone, Debug)]
pub struct PoolName {
    /// The name, which its workers' names begin with.
    pub name: Arc<str>,
    /// Its queue.
    pub queue_id: QueueId,
}

/// The activities of a thread, with their numbers.
struct Slot {
    thread: Arc<str>,
    entries: Mutex<Vec<(u64, Activity)>>,
}

/// The slots of all threads that have had an activity, and have not ended.
static SLOTS: LazyLock<Mutex<Vec<Arc<Slot>>>> = LazyLock::new(Mutex::default);

/// Takes the slot off the list when its thread ends.
struct Own(Arc<Slot>);

impl Drop for Own {
    fn drop(&mut self) {
        let Some(mut slots) = SLOTS.try_lock_for(LOCK_LIMIT) else { return };
        if let Some(place) = slots.iter().position(|slot| Arc::ptr_eq(slot, &self.0)) {
            let slot = slots.swap_remove(place);
            drop(slots);
            drop(slot);
        }
    }
}

thread_local! {
    static OWN: RefCell<Option<Own>> = const { RefCell::new(None) };
    /// How many activities the thread has begun so far.
    static COUNT: Cell<u64> = const { Cell::new(0) };
    /// The jobs that wait on this thread for a job that they run in place.
    static OUTER: RefCell<Vec<JobId>> = const { RefCell::new(Vec::new()) };
}

/// An activity of this thread, until it is dropped.
#[derive(Debug)]
#[must_use = "the activity ends when this is dropped"]
pub struct ActivityGuard {
    number: Option<u64>,
    _stays: PhantomData<*const ()>,
}

/// Records that this thread begins an activity, until the returned guard is dropped.
pub fn begin(kind: ActivityKind) -> ActivityGuard {
    begin_until(kind, None)
}

/// The same for an activity that ends at a time, at the latest.
pub(crate) fn begin_until(kind: ActivityKind, until: Option<Instant>) -> ActivityGuard {
    // A model has its own threads, and no clock.
    let number = if cfg!(any(loom, shuttle)) { None } else { record(kind, until) };
    ActivityGuard { number, _stays: PhantomData }
}

/// `None` on a thread that is ending.
fn record(kind: ActivityKind, until: Option<Instant>) -> Option<u64> {
    let slot = own_slot()?;
    let outer_jobs = OUTER.try_with(|outer| outer.borrow().clone()).unwrap_or_default();
    let activity = Activity {
        thread: slot.thread.clone(),
        worker: worker_name(),
        queue_id: queue_id(),
        job: id(),
        job_name: name(),
        outer_jobs,
        kind,
        since: Instant::now(),
        until,
    };
    let number = COUNT.replace(COUNT.get() + 1);
    slot.entries.try_lock_for(LOCK_LIMIT)?.push((number, activity));
    Some(number)
}

fn own_slot() -> Option<Arc<Slot>> {
    known_slot().or_else(|| {
        let thread = std::thread::current().name().unwrap_or("unnamed").into();
        let slot = Arc::new(Slot { thread, entries: Mutex::default() });
        // First: a thread that is ending has no place for it.
        OWN.try_with(|own| own.replace(Some(Own(slot.clone())))).ok()?;
        SLOTS.try_lock_for(LOCK_LIMIT)?.push(slot.clone());
        Some(slot)
    })
}

/// The slot of this thread, if it has one.
fn known_slot() -> Option<Arc<Slot>> {
    OWN.try_with(|own| own.borrow().as_ref().map(|own| own.0.clone())).ok().flatten()
}

impl Drop for ActivityGuard {
    fn drop(&mut self) {
        let Some((number, slot)) = self.number.zip(known_slot()) else { return };
        let Some(mut entries) = slot.entries.try_lock_for(LOCK_LIMIT) else { return };
        if let Some(place) = entries.iter().rposition(|(known, _)| *known == number) {
            let ended = entries.remove(place);
            drop(entries);
            drop(ended);
        }
    }
}

/// Ends the activities of this thread whose guards a job has left behind.
pub(super) fn end_all() {
    let Some(slot) = known_slot() else { return };
    let left = slot.entries.try_lock_for(LOCK_LIMIT).map(|mut entries| take(&mut *entries));
    drop(left);
}

/// The thread's job waits for a job that runs in place, until this is dropped.
pub(crate) struct InPlace(bool);

/// The current job of this thread waits, and runs the job that it waits for.
pub(crate) fn waits_in_place() -> InPlace {
    let outer = if cfg!(any(loom, shuttle)) { None } else { id() };
    let pushed = outer.map(|outer| OUTER.try_with(|jobs| jobs.borrow_mut().push(outer)));
    InPlace(matches!(pushed, Some(Ok(()))))
}

impl Drop for InPlace {
    fn drop(&mut self) {
        if self.0 {
            let _ = OUTER.try_with(|jobs| jobs.borrow_mut().pop());
        }
    }
}

/// Returns the activities of all threads of this process, those of a thread together and the outermost first. Never blocks for long, and
/// runs no code of a user's.
pub fn all() -> Vec<Activity> {
    let mut slots = SLOTS.lock().clone();
    slots.sort_by(|one, other| one.thread.cmp(&other.thread));
    let of_slot =
        |slot: &Arc<Slot>| slot.entries.lock().iter().map(|(_, activity)| activity.clone()).collect::<Vec<_>>();
    slots.iter().flat_map(of_slot).collect()
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::thread;

    use super::*;

    fn of_this_thread() -> Vec<ActivityKind> {
        let own = thread::current();
        let all = all().into_iter().filter(|activity| Some(&*activity.thread) == own.name());
        all.map(|activity| activity.kind).collect()
    }

    #[test]
    fn activities_are_listed_until_they_end() {
        let outer = begin(ActivityKind::Blocked);
        let inner = begin(ActivityKind::WaitForEvent);
        assert!(matches!(of_this_thread()[..], [ActivityKind::Blocked, ActivityKind::WaitForEvent]));
        drop(inner);
        assert!(matches!(of_this_thread()[..], [ActivityKind::Blocked]));
        drop(outer);
        assert!(of_this_thread().is_empty());
    }

    #[test]
    fn guards_end_in_any_order() {
        let (first, second) = (begin(ActivityKind::Blocked), begin(ActivityKind::WaitForEvent));
        drop(first);
        assert!(matches!(of_this_thread()[..], [ActivityKind::WaitForEvent]));
        drop(second);
        std::mem::forget(begin(ActivityKind::Hook));
        assert!(matches!(of_this_thread()[..], [ActivityKind::Hook]));
        end_all();
        assert!(of_this_thread().is_empty());
    }

    #[test]
    fn threads_that_have_ended_are_not_listed() {
        let name = "ends with an activity";
        let body = || std::mem::forget(begin(ActivityKind::Blocked));
        thread::Builder::new().name(name.to_owned()).spawn(body).unwrap().join().unwrap();
        assert!(all().iter().all(|activity| &*activity.thread != name));
    }
}
