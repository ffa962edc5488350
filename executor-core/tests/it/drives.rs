//! Waits on a thread that drives an executor: the wait itself brings about what it waits for, or finds that its time is up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use executor_core::drive::{Driven, Driver, Wait, is_driven_here, register};
use executor_core::queue_id::QueueId;
use executor_core::{Event, Future, JobSet, Until, promise, wait, wait_timeout};

use crate::departures::Queue;
use crate::support::within_patience;

const HOUR: Duration = Duration::from_secs(3600);

type Step = Box<dyn FnOnce() + Send>;

/// Each time that it is driven, it does the next step; then its time is up.
struct Stepper {
    queue: Queue,
    start: Instant,
    steps: Mutex<VecDeque<Step>>,
    /// For each wait, whether the jobs are its own, and the time limit.
    told: Mutex<Vec<(bool, Option<Duration>)>>,
}

impl Stepper {
    /// One that this thread drives. Its clock stands still.
    fn driven_here() -> Arc<Self> {
        let (queue, start) = (Queue::new(), Instant::now());
        let stepper = Arc::new(Self { queue, start, steps: Mutex::default(), told: Mutex::default() });
        register(Self::seen(&stepper));
        stepper
    }

    fn seen(stepper: &Arc<Self>) -> Weak<dyn Driver> {
        let driver: Arc<dyn Driver> = stepper.clone();
        Arc::downgrade(&driver)
    }

    fn then(&self, step: impl FnOnce() + Send + 'static) {
        self.steps.lock().unwrap().push_back(Box::new(step));
    }

    fn told(&self) -> Vec<(bool, Option<Duration>)> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

impl Driver for Stepper {
    fn has(&self, queue_id: QueueId) -> bool {
        queue_id == self.queue.id()
    }

    fn now(&self) -> Instant {
        self.start
    }

    fn drive(&self, wait: &Wait<'_>) -> Driven {
        let limit = wait.deadline().map(|deadline| deadline - self.start);
        self.told.lock().unwrap().push((wait.is_own(), limit));
        if wait.is_over() {
            return Driven::Over;
        }
        let step = self.steps.lock().unwrap().pop_front();
        let Some(step) = step else { return if limit.is_some() { Driven::TimeIsUp } else { Driven::Unknown } };
        step();
        assert!(wait.is_over(), "it has come");
        Driven::Over
    }
}

#[test]
fn a_wait_for_an_event_drives_until_it_was_set_also_when_it_is_cleared_at_once() {
    within_patience(|| {
        let stepper = Stepper::driven_here();
        for clears in [false, true] {
            let event = Arc::new(Event::new());
            let setter = event.clone();
            stepper.then(move || {
                setter.set();
                if clears {
                    setter.clear();
                }
            });
            event.wait();
            assert_eq!(event.is_set(), !clears);
        }
        assert_eq!(stepper.told(), [(false, None), (false, None)], "who sets an event is not known");
    });
}

#[test]
fn a_wait_for_a_job_drives_its_executor_until_the_time_is_up_by_its_clock() {
    within_patience(|| {
        let stepper = Stepper::driven_here();
        let (_job, future) = Future::of_job_at(stepper.queue.id(), || 7);
        assert!(!future.wait_timeout(HOUR), "an hour by a clock that stands still");
        assert_eq!(stepper.told(), [(true, Some(HOUR))]);
        let (job, future) = Future::of_job_at(stepper.queue.id(), || 7);
        stepper.then(move || assert!(executor_core::cell::Run::run(job)));
        assert!(future.wait_timeout(HOUR));
        let (job, other) = Future::of_job_at(stepper.queue.id(), || 8);
        stepper.then(move || assert!(executor_core::cell::Run::run(job)));
        assert_eq!((future.result().unwrap(), other.result().unwrap()), (7, 8));
    });
}

#[test]
fn a_wait_for_several_drives_and_is_its_own_only_where_all_of_them_are() {
    within_patience(|| {
        let stepper = Stepper::driven_here();
        let own = || Future::of_job_at(stepper.queue.id(), || 7);
        let ((_one, first), (_two, second)) = (own(), own());
        assert_eq!(wait_timeout([first, second], Until::AllDone, HOUR).pending.len(), 2);
        assert_eq!(stepper.told(), [(true, Some(HOUR))]);

        let ((_job, mine), (promise, foreign)) = (own(), promise());
        stepper.then(move || assert!(promise.complete(8)));
        let waited = wait([mine, foreign], Until::FirstDone);
        assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
        assert_eq!(stepper.told(), [(false, None)]);

        let mut set = JobSet::new();
        set.insert(own().1);
        assert!(set.next_timeout(HOUR).is_none());
    });
}

#[test]
fn a_thread_drives_what_was_registered_there_until_that_is_gone() {
    within_patience(|| {
        let stepper = Stepper::driven_here();
        let driver = Stepper::seen(&stepper);
        assert!(is_driven_here(&driver));
        register(driver.clone());
        let (_job, future) = Future::of_job_at(stepper.queue.id(), || ());
        assert!(!future.wait_timeout(HOUR));
        assert_eq!(stepper.told().len(), 1, "it is driven once");
        let elsewhere = driver.clone();
        within_patience(move || assert!(!is_driven_here(&elsewhere)));

        let second = Stepper::driven_here();
        assert!(is_driven_here(&driver));
        assert!(!future.wait_timeout(Duration::ZERO));
        assert_eq!(
            (stepper.told(), second.told()),
            (vec![(false, Some(Duration::ZERO))], vec![(false, Some(Duration::ZERO))])
        );
        drop(second);
        assert!(!future.wait_timeout(HOUR));
        assert_eq!(stepper.told(), [(true, Some(HOUR))], "alone again");
    });
}
