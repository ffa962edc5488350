//! Inside a job or callback, a shutdown never waits: two such jobs would wait for each other.

use std::sync::mpsc;

use crate::contract::subject::Make;
use crate::contract::tools::jobs::Do;
use crate::contract::tools::rendezvous::Rendezvous;

pub fn shutdown_true_in_a_callback_does_not_wait(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let waiters = pool.block(&rendezvous);
    let futures: Vec<_> = (0..20).map(|n| pool.submit(Do::Echo(n))).collect();
    let (calls, called) = mpsc::channel();
    for future in futures {
        let (owner, calls) = (pool.share(), calls.clone());
        future.on_done(move |outcome| {
            owner.shutdown(true);
            calls.send(outcome.is_ok()).unwrap();
        });
    }
    drop((waiters, calls));
    assert_eq!(called.into_iter().collect::<Vec<_>>(), [true; 20]);
    pool.shutdown(true);
}

pub fn a_pool_may_be_dropped_in_a_callback(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let future = pool.submit(Do::Arrive(rendezvous.arrival(), 1));
    let last = pool.submit(Do::Echo(2));
    let waiter = rendezvous.accept();
    let (calls, called) = mpsc::channel();
    future.on_done(move |outcome| {
        drop(pool);
        calls.send(outcome.is_ok()).unwrap();
    });
    drop(waiter);
    assert!(called.recv().unwrap());
    assert_eq!(last.result().unwrap(), 2, "what was accepted before still runs");
}

pub fn a_callback_on_the_cancelling_thread_may_shut_down(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let waiters = pool.block(&rendezvous);
    let future = pool.submit(Do::Echo(1));
    let canceller = future.canceller();
    let (calls, called) = mpsc::channel();
    let owner = pool.share();
    future.on_done(move |_| {
        drop(waiters); // this thread is no worker: the shutdown waits, so the jobs must be able to end
        owner.shutdown(true);
        calls.send(()).unwrap();
    });
    assert!(canceller.cancel());
    called.try_recv().expect("the callback ran where the job was cancelled");
}

pub fn a_callback_on_the_registering_thread_may_shut_down(make: &Make) {
    let pool = make();
    let future = pool.submit(Do::Echo(1));
    future.wait();
    let (calls, called) = mpsc::channel();
    let owner = pool.share();
    future.on_done(move |outcome| {
        owner.shutdown(true);
        calls.send(outcome.unwrap()).unwrap();
    });
    assert_eq!(called.try_recv(), Ok(1), "the job had ended, so the callback ran here");
}
