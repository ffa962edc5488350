//! Jobs that wait for jobs, submitters that wait for slots, and workers that are not needed any more.

use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use executor_core::{Future, Priority, promise};
use shuttle::thread;

use super::super::{WaitToken, sync};
use super::*;

#[test]
fn a_job_waits_for_a_queued_one_in_place() {
    check(|| {
        let scheduler = in_place(patient(1));
        let handle = scheduler.handle();
        let outer = push_job(&scheduler.handle(), move || {
            let inner: Vec<_> = (0..2).map(|n| push_job(&handle, move || n).unwrap()).collect();
            inner.into_iter().map(|inner| inner.result().unwrap()).sum::<usize>()
        });
        assert_eq!(outer.unwrap().result().unwrap(), 1);
        assert!(scheduler.wait_idle(None));
        scheduler.shutdown(true);
    });
}

#[test]
fn a_spare_takes_the_place_of_a_worker_that_waits() {
    for workers in [1, 2] {
        check(move || {
            let (config, alive) = counted(patient(workers));
            let scheduler = in_place(config);
            let handle = scheduler.handle();
            let (promises, futures): (Vec<_>, Vec<_>) = (0..2).map(|_| promise()).unzip();
            let waits: Vec<_> =
                futures.into_iter().map(|future| push_job(&handle, move || future.result().unwrap())).collect();
            let last = push_job(&handle, move || promises.into_iter().for_each(|promise| assert!(promise.complete(7))));
            for outcome in waits {
                assert_eq!(outcome.unwrap().result().unwrap(), 7);
            }
            last.unwrap().result().unwrap();
            // One too many steps back, and the others still look.
            let ran = Count::default();
            let more: Vec<_> = (0..3).map(|_| push(&handle, &ran).unwrap()).collect();
            more.into_iter().for_each(|future| future.result().unwrap());
            scheduler.shutdown(true);
            assert_eq!(alive.get(), 0);
        });
    }
}

#[test]
fn blocked_workers_batch_is_stolen() {
    check(|| {
        let scheduler = in_place(patient(1));
        let (handle, ran) = (scheduler.handle(), Count::default());
        let (promise, future) = promise();
        let blocks = push_job(&handle, move || future.result().unwrap());
        let mut futures: Vec<_> = (0..6).map(|_| push(&handle, &ran).unwrap()).collect();
        let opens = push_job(&handle, move || assert!(promise.complete(())));
        futures.push(opens.unwrap());
        futures.push(blocks.unwrap());
        futures.into_iter().for_each(|future| future.result().unwrap());
        scheduler.shutdown(true);
        assert_eq!(ran.get(), 6);
    });
}

/// The jobs are one submitter's, and some of them wait: each starts after the one before it, on the one worker or its spares.
#[test]
fn jobs_start_in_order_though_some_wait() {
    check(|| {
        let (config, started) = starts(patient(1));
        let scheduler = in_place(config);
        let (promise, future) = promise();
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (mut promise, mut future) = (Some(promise), Some(future));
        let jobs: Vec<_> = (0..8)
            .map(|n| {
                let order = order.clone();
                let waits_for = if n == 1 { future.take() } else { None };
                let completes = if n == 6 { promise.take() } else { None };
                push_job(&scheduler.handle(), move || {
                    order.lock().unwrap().push(n);
                    let _blocked = waits_for.is_some().then(executor_core::current::block);
                    waits_for.into_iter().for_each(|future: Future<()>| future.result().unwrap());
                    completes.into_iter().for_each(|promise| assert!(promise.complete(())));
                })
            })
            .collect();
        jobs.into_iter().for_each(|job| job.unwrap().result().unwrap());
        scheduler.shutdown(true);
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(started.get() <= 2, "one, and one for the one that waits");
    });
}

/// Wakes a task that is a thread.
#[derive(Default)]
struct Bell(sync::Mutex<bool>, sync::Condvar);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.0.lock() = true;
        self.1.notify_all();
    }
}

impl Bell {
    fn wait(&self) {
        let mut rang = self.0.lock();
        while !std::mem::replace(&mut *rang, false) {
            self.1.wait(&mut rang);
        }
    }
}

#[test]
fn a_free_slot_is_handed_on() {
    check(|| {
        let scheduler = Arc::new(in_place(Config { capacity: Some(1), ..patient(1) }));
        let ran = Count::default();
        let job = |ran: &Count| {
            let ran = ran.clone();
            Future::of_job_at(scheduler.queue(), move || ran.add(1))
        };
        let (cancelled, future) = job(&ran);
        assert!(scheduler.push(Priority::Normal, cancelled).is_ok());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let ((cell, _), handle) = (job(&ran), scheduler.handle());
                thread::spawn(move || assert!(handle.push_wait(Priority::Normal, cell, None).is_ok()))
            })
            .collect();
        let ((cell, _), handle) = (job(&ran), scheduler.handle());
        let task = thread::spawn(move || {
            let bell = Arc::new(Bell::default());
            let (waker, mut token, mut cell) = (Waker::from(bell.clone()), WaitToken::default(), Some(cell as Entry));
            while let Poll::Pending = handle.poll_push(Priority::Normal, &mut cell, &mut token, &waker) {
                bell.wait();
            }
        });
        let is_cancelled = usize::from(future.cancel());
        threads.into_iter().chain([task]).for_each(|thread| thread.join().unwrap());
        scheduler.shutdown(true);
        assert_eq!(ran.get() + is_cancelled, 4);
    });
}

#[test]
fn a_slot_goes_to_a_waiter_that_still_waits() {
    check(|| {
        let scheduler = in_place(Config { capacity: Some(1), ..patient(1) });
        let (handle, ran) = (scheduler.handle(), Count::default());
        drop(push(&handle, &ran));
        let next = {
            let (handle, ran) = (handle.clone(), ran.clone());
            thread::spawn(move || {
                let (cell, _) = Future::of_job_at(handle.queue(), move || ran.add(1));
                assert!(handle.push_wait(Priority::Normal, cell, None).is_ok());
            })
        };
        let late = Future::of_job_at(handle.queue(), || ()).0;
        let deadline = Some(sync::at(Duration::from_secs(1)));
        let is_in = handle.push_wait(Priority::Normal, late, deadline).is_ok();
        next.join().unwrap();
        scheduler.shutdown(true);
        assert_eq!(ran.get(), 2, "{is_in}");
    });
}

#[test]
fn workers_that_retire_miss_nothing() {
    for min_workers in [0, 1] {
        check(move || {
            let config = Config { min_workers, keep_alive: Duration::from_secs(1), ..Config::new("retire", 2) };
            let (config, alive) = counted(config);
            let (scheduler, ran) = (in_place(config), Count::default());
            let handle = scheduler.handle();
            for _ in 0..3 {
                let futures: Vec<_> = (0..2).map(|_| push(&handle, &ran).unwrap()).collect();
                futures.into_iter().for_each(|future| future.result().unwrap());
                thread::yield_now();
            }
            scheduler.shutdown(true);
            assert_eq!((ran.get(), alive.get()), (6, 0));
        });
    }
}
