//! With a thread of its own it is an executor like any other.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use executor_core::{Event, ShutdownPolicy, as_completed, current};
use executor_testkit::{ManualExecutor, ManualHandle};

use crate::support::boxed;
use crate::support::within_patience;

fn by_itself() -> ManualExecutor {
    let manual = ManualExecutor::new();
    manual.run_on_thread();
    manual.run_on_thread();
    manual
}

#[test]
fn jobs_run_on_its_thread_one_at_a_time() {
    within_patience(|| {
        let manual = by_itself();
        let threads: Vec<_> = (0..100).map(|_| manual.submit(boxed(|| thread::current().id()))).collect();
        let threads: Vec<_> = threads.into_iter().map(|thread| thread.result().unwrap()).collect();
        assert!(threads.iter().all(|thread| *thread == threads[0] && *thread != thread::current().id()));
    });
}

#[test]
fn delays_are_of_the_world_and_go_by_faster_where_time_is_let_pass() {
    within_patience(|| {
        let manual = by_itself();
        let (delay, start) = (Duration::from_millis(20), manual.now());
        let handle = manual.handle();
        let when = manual.submit_after(delay, boxed(move || handle.now())).result().unwrap();
        assert!(when >= start + delay);
        let late = manual.submit_after(Duration::from_secs(3600), boxed(|| 3));
        manual.elapse(Duration::from_secs(3600));
        assert_eq!(late.result().unwrap(), 3);
    });
}

#[test]
fn a_job_that_waits_lets_others_run() {
    fn deeper(manual: &ManualHandle, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        let next = manual.clone();
        manual.submit(boxed(move || deeper(&next, n - 1))).result().unwrap() + 1
    }
    within_patience(|| {
        let manual = by_itself();
        let handle = manual.handle();
        assert_eq!(manual.submit(boxed(move || deeper(&handle, 300))).result().unwrap(), 300);
        let handle = manual.handle();
        let waits = manual.submit(boxed(move || {
            let event = Arc::new(Event::new());
            let setter = event.clone();
            drop(handle.submit(boxed(move || setter.set())));
            event.wait();
            as_completed([handle.submit_after(Duration::from_millis(1), boxed(|| 1))]).count()
        }));
        assert_eq!(waits.result().unwrap(), 1);
        // The others have made way again.
        let ids: Vec<_> = (0..50).map(|_| manual.submit(boxed(|| thread::current().id())).result().unwrap()).collect();
        assert!(ids.windows(2).filter(|pair| pair[0] != pair[1]).count() <= 1, "{ids:?}");
    });
}

#[test]
fn a_shutdown_waits_for_the_last_job_and_the_thread() {
    within_patience(|| {
        for _ in 0..100 {
            let manual = by_itself();
            let (token, waits) = (Arc::new(()), Arc::new(Barrier::new(2)));
            let (inside, barrier) = (token.clone(), waits.clone());
            let job = manual.submit(boxed(move || {
                barrier.wait();
                drop(inside);
            }));
            waits.wait();
            manual.shutdown(true);
            assert!(job.is_done() && Arc::strong_count(&token) == 1);
        }
    });
}

#[test]
fn a_shutdown_with_a_limit_stops_what_runs() {
    within_patience(|| {
        let manual = by_itself();
        let (started, starts) = mpsc::channel();
        let job = manual.submit(boxed(move || {
            started.send(()).unwrap();
            while !current::stop_requested() {
                thread::yield_now();
            }
        }));
        starts.recv().unwrap();
        let behind = manual.submit(boxed(|| ()));
        let report = manual.shutdown_with(ShutdownPolicy::drain().within(Duration::from_millis(5)));
        assert_eq!(report.cancelled, 1);
        assert!(job.result().is_ok() && behind.is_cancelled());
    });
}
