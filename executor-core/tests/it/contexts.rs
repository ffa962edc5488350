//! The job of a thread as a value, for the threads that do a part of it.

use std::sync::Arc;
use std::thread;

use executor_core::cell::Run;
use executor_core::current::{self, Context, Host, Worker};
use executor_core::queue_id::QueueId;
use executor_core::{Future, JobOptions};

use crate::departures::Queue;
use crate::support::within_patience;

/// Its jobs should stop.
struct Stopping(Queue);

impl Host for Stopping {
    fn queue_id(&self) -> QueueId {
        self.0.id()
    }

    fn block(&self) {}

    fn unblock(&self) {}

    fn is_stopping(&self) -> bool {
        true
    }
}

/// Does `look` on another thread, in the context.
fn elsewhere<R: Send>(context: &Context, look: impl Fn() -> R + Send) -> R {
    thread::scope(|scope| scope.spawn(|| context.run(look)).join().unwrap())
}

#[test]
fn a_context_is_the_job_on_other_threads() {
    within_patience(|| {
        let (job, future) = Future::of_job(|| {
            current::describe(JobOptions::new().name("sums").tag("request 7").values().label.clone(), None);
            let look = || (current::id(), current::attempt(), current::name(), current::tag(), current::worker_name());
            let here = look();
            assert!(here.0.is_some());
            let context = current::context();
            assert_eq!((elsewhere(&context, look), context.id()), (here, current::id()));
            thread::scope(|scope| {
                let after = scope.spawn(|| {
                    context.run(|| ());
                    current::id()
                });
                assert_eq!(after.join().unwrap(), None, "the part is over");
            });
        });
        assert!(job.run());
        future.result().unwrap();
    });
}

#[test]
fn a_context_sees_an_abort() {
    within_patience(|| {
        let (job, future) = Future::of_job(|| {
            let context = current::context();
            let look = || (context.stop_requested(), elsewhere(&context, current::stop_requested));
            let before = look();
            assert!(current::control().unwrap().abort());
            (before, look())
        });
        assert!(job.run());
        assert_eq!(future.result().unwrap(), ((false, false), (true, true)));
    });
}

#[test]
fn a_context_sees_that_its_pool_stops() {
    within_patience(|| {
        current::set_worker(Some(Worker { name: None, state: None, host: Some(Arc::new(Stopping(Queue::new()))) }));
        let (job, future) = Future::of_job(|| {
            let context = current::context();
            let nested = elsewhere(&context, || elsewhere(&current::context(), current::stop_requested));
            (context.stop_requested(), elsewhere(&context, current::stop_requested), nested)
        });
        assert!(job.run());
        assert_eq!(future.result().unwrap(), (true, true, true));
        current::set_worker(None);
    });
}

#[test]
fn a_context_outside_a_job_is_empty() {
    let context = current::context();
    assert_eq!((context.id(), context.stop_requested()), (None, false));
    assert_eq!(context.run(current::id), None);
    assert_eq!(format!("{context:?}"), "Context { id: None, .. }");
}
