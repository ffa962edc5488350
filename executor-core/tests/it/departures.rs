//! The reports to a queue of jobs that leave without being taken from it, and their times.

use std::rc::Rc;
use std::sync::{Arc, Mutex, Weak};

use executor_core::cell::{Control, QueuedControl, Run};
use executor_core::current::{self, Host, Worker};
use executor_core::job_counters::JobCounters;
use executor_core::queue_id::{JobDeparture, QueueId};
use executor_core::registry::{QueueRegistration, departing};
use executor_core::{Future, Status, promise};

use crate::support::within_patience;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Left { ends: bool, while_it: Option<Status> },
    Ended { while_it: Option<Status> },
}

/// Writes down what it is told, and how far the job of the test was then.
#[derive(Default)]
struct Log {
    told: Mutex<Vec<(QueueId, Told)>>,
    job: Mutex<Option<Arc<dyn Control>>>,
}

impl Log {
    fn status(&self) -> Option<Status> {
        let job = self.job.lock().unwrap().clone();
        job.map(|job| job.status())
    }
}

impl JobDeparture for Log {
    fn on_removed(&self, from: QueueId, ends: bool) {
        let told = Told::Left { ends, while_it: self.status() };
        self.told.lock().unwrap().push((from, told));
    }

    fn on_finished(&self, from: QueueId) {
        let told = Told::Ended { while_it: self.status() };
        self.told.lock().unwrap().push((from, told));
    }
}

/// A queue that was there once: what it is told reaches no one.
pub(crate) fn nowhere() -> Weak<dyn JobDeparture> {
    let queue: Arc<dyn JobDeparture> = Arc::<Log>::default();
    Arc::downgrade(&queue)
}

/// A queue that is known, and what it was told.
pub(crate) struct Queue {
    log: Arc<Log>,
    counters: Arc<JobCounters>,
    registration: QueueRegistration,
}

impl Queue {
    pub(crate) fn new() -> Self {
        let (log, counters) = (Arc::<Log>::default(), JobCounters::new(true));
        let queue: Arc<dyn JobDeparture> = log.clone();
        Self { registration: QueueRegistration::counted(Arc::downgrade(&queue), counters.clone()), log, counters }
    }

    pub(crate) fn id(&self) -> QueueId {
        self.registration.id()
    }

    pub(crate) fn watch(&self, job: &Arc<dyn Control>) {
        *self.log.job.lock().unwrap() = Some(job.clone());
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        let told = self.log.told.lock().unwrap();
        assert!(told.iter().all(|(from, _)| *from == self.id()));
        told.iter().map(|(_, told)| *told).collect()
    }
}

struct Workplace(QueueId);

impl Host for Workplace {
    fn queue_id(&self) -> QueueId {
        self.0
    }

    fn block(&self) {}

    fn unblock(&self) {}

    fn is_stopping(&self) -> bool {
        false
    }
}

/// This thread is a worker that may run jobs of `queue_id` in place.
pub(crate) fn work_for(queue_id: QueueId) {
    current::set_worker(Some(Worker {
        name: Some("it".into()),
        state: Some(Rc::new(())),
        host: Some(Arc::new(Workplace(queue_id))),
    }));
}

/// Calls its function when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_queue_hears_of_a_cancel_before_the_end_can_be_seen_and_after_it() {
    within_patience(|| {
        let queue = Queue::new();
        let (_job, future) = Future::of_job_at(queue.id(), || ());
        queue.watch(&future.control());
        assert!(queue.told().is_empty());
        assert!(future.cancel());
        let (queued, ended) = (Some(Status::Queued), Some(Status::Cancelled));
        let told = [Told::Left { ends: true, while_it: queued }, Told::Ended { while_it: ended }];
        assert_eq!(queue.told(), told);
        assert_eq!(queue.counters.stats().cancelled, 1);
    });
}

#[test]
fn a_queue_that_is_gone_is_told_nothing() {
    within_patience(|| {
        let Queue { log, registration, .. } = Queue::new();
        let (_job, future) = Future::of_job_at(registration.id(), || ());
        drop(registration);
        assert!(future.cancel());
        assert!(log.told.lock().unwrap().is_empty());
    });
}

#[test]
fn a_job_that_moves_tells_its_new_queue() {
    within_patience(|| {
        let (from, to) = (Queue::new(), Queue::new());
        let (job, future) = Future::of_job_at(from.id(), || ());
        assert_eq!(job.queue_id(), Some(from.id()));
        assert!(job.move_to(to.id()));
        assert_eq!(job.queue_id(), Some(to.id()));
        assert!(future.cancel());
        assert_eq!((from.told().len(), to.told().len()), (0, 2));
        assert!(!job.move_to(from.id()), "it waits no more");
        assert_eq!(job.queue_id(), Some(to.id()));
    });
}

/// A drop of what one job captured may cancel the next.
#[test]
fn jobs_being_dropped_are_counted_by_queue() {
    within_patience(|| {
        let (here, there) = (Queue::new(), Queue::new());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (a, b) = (here.id(), there.id());
        let job = |queue_id, next: Option<Future<()>>| {
            let seen = seen.clone();
            let captured = OnDrop(move || {
                seen.lock().unwrap().push((departing(a), departing(b)));
                assert!(next.as_ref().is_none_or(Future::cancel));
            });
            Future::of_job_at(queue_id, move || drop(captured)).1
        };
        let first = job(a, Some(job(b, Some(job(a, None)))));
        assert_eq!((departing(a), departing(b)), (0, 0));
        assert!(first.cancel());
        assert_eq!(*seen.lock().unwrap(), [(1, 0), (1, 1), (2, 1)]);
        assert_eq!((departing(a), departing(b)), (0, 0));
    });
}

#[test]
fn a_job_that_is_waited_for_runs_on_the_worker_that_waits_if_it_waits_in_its_queue() {
    within_patience(|| {
        let (queue, other) = (Queue::new(), Queue::new());
        work_for(queue.id());
        let counters = queue.counters.clone();
        let (job, future) = Future::of_job_at(queue.id(), move || (current::id(), counters.stats().running));
        let id = future.id();
        queue.watch(&future.control());
        assert_eq!(future.result().unwrap(), (Some(id), 1));
        assert_eq!(queue.told(), [Told::Left { ends: false, while_it: Some(Status::Running) }]);
        assert!(!job.run(), "it was run");
        let stats = queue.counters.stats();
        assert_eq!((stats.running, stats.completed), (0, 1));

        let (job, future) = Future::of_job_at(other.id(), || ());
        assert!(!future.helper().help() && future.helper().is_waiting());
        assert!(job.run());
        assert!(!future.helper().help() && !future.helper().is_waiting());
        assert!(other.told().is_empty());
    });
}

#[test]
fn a_helper_runs_the_job_once_and_a_promise_not_at_all() {
    within_patience(|| {
        let queue = Queue::new();
        work_for(queue.id());
        let (_job, future) = Future::of_job_at(queue.id(), || 7);
        let helper = future.helper();
        assert!(helper.is_waiting() && helper.help() && !helper.is_waiting() && !helper.help());
        assert_eq!(future.result().unwrap(), 7);
        let (promise, future) = promise::<u32>();
        assert!(!future.helper().help());
        assert!(promise.complete(1));
    });
}
