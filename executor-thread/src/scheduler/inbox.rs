//! Where usual jobs wait until a thread that has the lock of the state moves them to the lanes.
//!
//! The lock of the state is held for as long as a worker takes a batch, or decides whom to wake. If its owner is preempted there, each
//! submitter would sleep, and would have to be woken. The lock of the inbox is held for one store. A submitter takes the lock of the state
//! only if the pool [wants](Inbox::set_wants) to hear of the job.
//!
//! ```text
//!   usual jobs ──> inbox ──┐
//!                          ├──> lanes ──> worker        each lock of the state empties the inbox first
//!   all others ────────────┘
//! ```
//!
//! No job is overlooked: a thread that makes `wants` true looks into the inbox once more, behind its lock. If the job is not there yet, the
//! submitter has that lock later, and sees that the pool wants the job.

use crossbeam_utils::CachePadded;

use super::sync::{AtomicBool, Mutex, Ordering};

/// When as many jobs wait here, a submitter moves them. An inbox that was longer gives memory back.
const LONG: usize = 256;

pub(super) struct Inbox<J> {
    /// Apart from the state, whose lock has other owners.
    arrivals: CachePadded<Mutex<Arrivals<J>>>,
    /// Whether there are arrivals, for those who look before they lock.
    has_jobs: AtomicBool,
    wants: CachePadded<AtomicBool>,
    /// Whether jobs ever come here.
    is_used: bool,
    is_closed: AtomicBool,
}

struct Arrivals<J> {
    jobs: Vec<J>,
    is_open: bool,
}

/// The next step of the submitter.
pub(super) enum Put<J> {
    /// Nothing: a worker looks at the lanes soon.
    Left,
    /// Lock the state, and wake a worker if one is needed.
    Look,
    /// Push the job itself, or hear why it is refused.
    Closed(J),
}

impl<J> Inbox<J> {
    /// An inbox that is not open now takes no jobs at any time.
    pub(super) fn new(is_open: bool) -> Self {
        let arrivals = Mutex::new(Arrivals { jobs: Vec::new(), is_open });
        Self {
            arrivals: CachePadded::new(arrivals),
            has_jobs: AtomicBool::new(false),
            wants: CachePadded::new(AtomicBool::new(true)),
            is_used: is_open,
            is_closed: AtomicBool::new(false),
        }
    }

    /// Whether jobs ever come here.
    #[inline]
    pub(super) fn is_used(&self) -> bool {
        self.is_used
    }

    /// Whether no job is accepted any more, as far as this thread has to know.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn put(&self, job: J) -> Put<J> {
        let mut arrivals = self.arrivals.lock();
        if !arrivals.is_open {
            drop(arrivals);
            return Put::Closed(job);
        }
        if arrivals.jobs.is_empty() {
            // Relaxed, here and below: a thread that knows of the job by other means sees this, too. No other has to.
            self.has_jobs.store(true, Ordering::Relaxed);
        }
        arrivals.jobs.push(job);
        let is_long = arrivals.jobs.len() % LONG == 0;
        drop(arrivals);
        // Relaxed: the lock orders this load behind the store of a thread that did not find the job.
        if is_long || self.wants.load(Ordering::Relaxed) { Put::Look } else { Put::Left }
    }

    /// Whether jobs are here, as far as this thread has to know.
    pub(super) fn has_jobs(&self) -> bool {
        self.has_jobs.load(Ordering::Relaxed)
    }

    /// Takes the jobs, in the order in which they came, into `empty`.
    pub(super) fn take(&self, empty: &mut Vec<J>) {
        self.exchange(&mut self.arrivals.lock(), empty);
    }

    /// Takes the last jobs: no more will come.
    pub(super) fn close(&self, empty: &mut Vec<J>) {
        let mut arrivals = self.arrivals.lock();
        arrivals.is_open = false;
        // Relaxed: see `has_jobs`.
        self.is_closed.store(true, Ordering::Relaxed);
        self.exchange(&mut arrivals, empty);
    }

    fn exchange(&self, arrivals: &mut Arrivals<J>, empty: &mut Vec<J>) {
        if !arrivals.jobs.is_empty() {
            std::mem::swap(&mut arrivals.jobs, empty);
            self.has_jobs.store(false, Ordering::Relaxed);
        }
    }

    /// Sets whether a submitter is to look for a worker. Returns true if it was not before: then the inbox is to be looked at once more.
    #[must_use = "a job may have come for which no thread looks"]
    pub(super) fn set_wants(&self, wants: bool) -> bool {
        // Relaxed: the lock of the state orders the writers.
        let before = self.wants.load(Ordering::Relaxed);
        if before != wants {
            self.wants.store(wants, Ordering::Relaxed);
        }
        wants && !before
    }
}

/// Moves all of `jobs` to `push`, and keeps no more of their memory than a usual inbox needs.
pub(super) fn empty<J>(jobs: &mut Vec<J>, push: impl FnMut(J)) {
    jobs.drain(..).for_each(push);
    jobs.shrink_to(2 * LONG);
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use super::*;

    fn jobs_in(inbox: &Inbox<u32>) -> Vec<u32> {
        let mut jobs = Vec::new();
        inbox.take(&mut jobs);
        jobs
    }

    #[test]
    fn jobs_leave_in_the_order_in_which_they_came() {
        let inbox = Inbox::new(true);
        assert!(!inbox.has_jobs() && jobs_in(&inbox).is_empty());
        assert!((0..3).all(|job| matches!(inbox.put(job), Put::Look)), "a new pool wants them");
        assert!(inbox.has_jobs());
        assert_eq!((jobs_in(&inbox), inbox.has_jobs()), (vec![0, 1, 2], false));
    }

    #[test]
    fn submitter_looks_if_the_pool_wants_it_or_many_jobs_wait() {
        let inbox = Inbox::new(true);
        assert!(!inbox.set_wants(true) && !inbox.set_wants(false));
        let looks = (1..=LONG).filter(|_| matches!(inbox.put(7), Put::Look)).count();
        assert_eq!(looks, 1, "the last one");
        assert!(inbox.set_wants(true) && !inbox.set_wants(true));
        assert!(matches!(inbox.put(7), Put::Look));
    }

    #[test]
    fn closed_inbox_returns_the_job() {
        let inbox = Inbox::new(true);
        assert!(matches!(inbox.put(1), Put::Look));
        let mut last = Vec::new();
        inbox.close(&mut last);
        assert_eq!(last, [1]);
        assert!(matches!(inbox.put(2), Put::Closed(2)) && !inbox.has_jobs());
        assert!(matches!(Inbox::new(false).put(3), Put::Closed(3)));
    }

    #[test]
    fn memory_of_a_long_inbox_is_given_back() {
        let (mut jobs, mut moved) = ((0..100 * LONG).collect::<Vec<_>>(), 0);
        empty(&mut jobs, |_| moved += 1);
        assert!(jobs.is_empty() && jobs.capacity() <= 2 * LONG);
        assert_eq!(moved, 100 * LONG);
    }
}
