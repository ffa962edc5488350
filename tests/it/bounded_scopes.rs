//! Jobs of a scope go through a bounded queue as all others do.

use std::sync::mpsc;
use std::thread;

use executor::{Rejection, WhenFull};

use crate::support::bounds::{bounded, occupy};
use crate::support::boxed;
use crate::support::within_patience;

#[test]
fn submit_does_what_the_full_queue_says() {
    let outcomes = |when_full| {
        let pool = bounded(1, 1, when_full);
        let busy = occupy(&pool, 1);
        let here = thread::current().id();
        pool.scope(|s| {
            let first = s.submit(boxed(|| thread::current().id() == here));
            let second = s.submit(boxed(|| thread::current().id() == here));
            assert_eq!(second.is_done(), when_full != WhenFull::DropOldest, "it did not wait");
            drop(busy);
            [first.result(), second.result()].map(|outcome| match outcome {
                Ok(true) => "ran here",
                Ok(false) => "ran on the worker",
                Err(error) if error.rejection() == Some(Rejection::Full) => "full",
                Err(error) if error.rejection() == Some(Rejection::Dropped) => "dropped",
                Err(error) => panic!("{error}"),
            })
        })
    };
    within_patience(move || {
        assert_eq!(outcomes(WhenFull::CallerRuns), ["ran on the worker", "ran here"]);
        assert_eq!(outcomes(WhenFull::Reject), ["ran on the worker", "full"]);
        assert_eq!(outcomes(WhenFull::DropNewest), ["ran on the worker", "dropped"]);
        assert_eq!(outcomes(WhenFull::DropOldest), ["dropped", "ran on the worker"]);
    });
}

#[test]
fn submit_waits_for_a_place_but_not_on_a_worker() {
    within_patience(|| {
        let pool = bounded(1, 1, WhenFull::Block);
        let busy = occupy(&pool, 1);
        let (opening, opened) = mpsc::channel();
        let handle = pool.handle();
        let opener = thread::spawn(move || {
            opening.send(()).unwrap();
            // The first waits in the only place; whether the second waits already is chance.
            while handle.stats().queued < 1 {
                thread::yield_now();
            }
            drop(busy);
        });
        opened.recv().unwrap();
        let sum = pool.scope(|s| (s.submit(boxed(|| 1)).result().unwrap(), s.submit(boxed(|| 2)).result().unwrap()));
        opener.join().unwrap();
        assert_eq!(sum, (1, 2));
        let handle = pool.handle();
        let here = pool.submit(boxed(move || {
            let here = thread::current().id();
            handle.scope(|s| {
                [(); 3].map(|()| s.submit(boxed(|| thread::current().id() == here))).map(|job| job.result().unwrap())
            })
        }));
        assert_eq!(here.result().unwrap(), [true; 3]);
    });
}
