//! Futures made from futures: whatever is asked of one, is asked of its job.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use executor_core::cell::{Control, Run};
use executor_core::tally::Tally;
use executor_core::{Broken, Future, JobError, Status, Until, home, promise, wait};

use crate::homes::{Queue, nowhere, work_for};
use crate::support::{Count, within_patience};
use crate::tallies::now;

#[test]
fn a_mapped_future_is_of_the_same_job() {
    within_patience(|| {
        let (queue, next) = (Queue::new(), Queue::new());
        let (job, future) = Future::of_job_at(queue.id(), || 20);
        let id = future.id();
        let future = future.map_ok(|n| n + 1);
        let control = future.control();
        assert_eq!((future.id(), control.home(), control.is_waiting()), (id, Some(queue.id()), true));
        assert!(control.move_to(next.id()));
        assert_eq!((job.home(), control.home()), (Some(next.id()), Some(next.id())));
        assert!(!control.stop_requested());
        assert!(job.clone().run());
        assert!(!control.is_waiting() && !control.move_to(queue.id()));
        assert_eq!((future.status(), future.cancel(), future.abort()), (Status::Done, false, false));
        assert_eq!(future.result().unwrap(), 21);
    });
}

#[test]
fn a_job_is_running_until_its_result_is_changed() {
    within_patience(|| {
        let (promise, future) = promise();
        let (give, given) = mpsc::channel::<Arc<dyn Control>>();
        let future = future.map_ok(move |n: u32| (n, given.recv().unwrap().status()));
        give.send(future.control()).unwrap();
        assert_eq!(future.status(), Status::Queued);
        assert!(promise.start());
        assert_eq!(future.status(), Status::Running);
        assert!(promise.complete(7));
        assert_eq!(future.status(), Status::Done);
        assert_eq!(future.result().unwrap(), (7, Status::Running));
    });
}

#[test]
fn a_mapped_future_cancels_and_aborts_its_job() {
    within_patience(|| {
        let (promise, future) = promise::<u32>();
        let future = future.map_ok(|n| n);
        assert!(future.cancel() && future.is_cancelled() && !promise.start());
        assert!(future.result().unwrap_err().is_cancelled());

        let (promise, future) = executor_core::promise::<u32>();
        let future = future.map_ok(|n| n);
        assert!(promise.start() && !future.cancel() && future.abort());
        assert!(promise.stop_requested() && future.control().stop_requested());
        assert!(promise.fail(JobError::Cancelled));
        assert!(future.is_cancelled());
    });
}

#[test]
fn a_mapped_future_fails_and_is_withdrawn_with_its_job() {
    within_patience(|| {
        let broken = || JobError::Broken(Broken::new("no paper"));
        for withdraws in [false, true] {
            let (promise, future) = promise::<u32>();
            let future = future.map_ok(|n| n);
            let control = future.control();
            let told = if withdraws { control.withdraw(broken()) } else { control.fail(broken()) };
            assert!(told.is_some_and(|told| told.is_callback()));
            assert!(!promise.complete(7));
            assert!(matches!(future.result(), Err(JobError::Broken(_))));
        }
        let (promise, future) = promise::<u32>();
        let future = future.map_ok(|n| n);
        assert!(promise.complete(7));
        assert!(future.control().fail(broken()).is_none() && future.control().withdraw(broken()).is_none());
    });
}

#[test]
fn a_mapped_future_is_measured_as_its_job_is() {
    within_patience(|| {
        let tally = Tally::new(true);
        let home = home::Registration::counted(nowhere(), tally.clone());
        let (_job, future) = Future::of_job_at(home.id(), || ());
        let future = future.map_ok(|()| ());
        let (now, second) = (now(), Duration::from_secs(1));
        future.control().waits_since(now);
        future.control().took(now + second, second);
        assert_eq!(tally.stats().wait.unwrap().max(), second);
    });
}

#[test]
fn a_mapped_future_is_waited_for_in_every_way() {
    within_patience(|| {
        let queue = Queue::new();
        work_for(queue.id());
        let (_job, future) = Future::of_job_at(queue.id(), || 20);
        assert_eq!(future.map_ok(|n| n + 1).result().unwrap(), 21, "it runs in place");

        let (promise, future) = promise::<u32>();
        let future = future.map_ok(|n| n + 1);
        assert!(!future.wait_timeout(Duration::from_millis(1)));
        let waker = thread::spawn(move || promise.complete(20));
        assert!(future.wait_timeout(Duration::from_hours(1)));
        assert!(waker.join().unwrap());
        assert_eq!(future.try_result().unwrap().unwrap(), 21);

        let (promise, future) = executor_core::promise::<u32>();
        let mut future = future.map_ok(|n| n + 1);
        let wakes = Count::default();
        let waker = Waker::from(Arc::new(wakes.clone()));
        for _ in 0..2 {
            assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert!(promise.complete(20));
        assert_eq!(wakes.get(), 1);
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_ready());
    });
}

#[test]
fn a_mapped_future_is_waited_for_by_what_came_of_the_change() {
    within_patience(|| {
        let ok = Future::ready(1).map_ok(|n| n);
        let error = Future::ready(1).map_ok(|_| -> u32 { panic!("it does not fit") });
        let (_promise, pending) = promise::<u32>();
        let waited = wait([pending, error, ok], Until::FirstOk);
        assert_eq!((waited.done.len(), waited.pending.len()), (2, 1));
        let ok = Future::ready(1).map_ok(|n| n);
        let error = Future::ready(1).map_ok(|_| -> u32 { panic!("it does not fit") });
        let (_promise, pending) = promise::<u32>();
        let waited = wait([pending, ok, error], Until::FirstError);
        assert_eq!((waited.done.len(), waited.pending.len()), (2, 1));
    });
}

#[test]
fn what_a_mapped_future_that_is_dropped_leads_to_is_dropped_where_it_ends() {
    within_patience(|| {
        let value = Arc::new(());
        let (promise, future) = promise();
        drop(future.map_ok(|value: Arc<()>| value));
        assert!(promise.complete(value.clone()));
        assert_eq!(Arc::strong_count(&value), 1);
        drop(Future::ready(value.clone()).map_ok(|value| value));
        assert_eq!(Arc::strong_count(&value), 1);
    });
}
