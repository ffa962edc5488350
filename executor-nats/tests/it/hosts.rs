//! Hosts that take jobs ahead of a free worker: no job waits behind a long one while another host is free.

use std::sync::Mutex;
use std::time::Duration;

use executor::{Future, ThreadPool, call};
use executor_nats::{Namespace, NatsExecutor, Server, serve};

use crate::support::barrier::Barrier;
use crate::support::servers;

/// A host with a pool of one thread. The server is dropped first.
struct Host {
    server: Server,
    _pool: ThreadPool,
}

fn host(url: &str, namespace: &Namespace) -> Host {
    let pool = ThreadPool::new(1);
    Host { server: serve(url, namespace.clone(), &pool).unwrap(), _pool: pool }
}

/// A lease that is never over during a test.
fn namespace(name: &str) -> Namespace {
    Namespace::new(name).lease(Duration::from_secs(600))
}

fn results<T: Send + 'static>(futures: Vec<Future<T>>) -> Vec<T> {
    futures.into_iter().map(|future| future.result().unwrap()).collect()
}

#[test]
fn short_jobs_of_one_submitter_run_in_order() {
    static RAN: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    fn note(number: u32) {
        RAN.lock().unwrap().push(number);
    }

    let server = servers::Server::start();
    let namespace = namespace("order");
    let _host = host(&server.url(), &namespace);
    let executor = NatsExecutor::connect(server.url(), namespace).unwrap();
    results((0..2000).map(|number| executor.submit(call!(note(number)))).collect());
    assert_eq!(*RAN.lock().unwrap(), (0..2000).collect::<Vec<_>>());
}

#[test]
fn jobs_claimed_behind_a_long_one_run_elsewhere() {
    static BARRIER: Barrier = Barrier::new();
    static RAN: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    fn wait_at(number: u32) -> u32 {
        if number == 300 {
            BARRIER.wait();
        }
        RAN.lock().unwrap().push(number);
        number
    }

    let server = servers::Server::start();
    let namespace = namespace("behind");
    let _first = host(&server.url(), &namespace);
    let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
    // All of one function, which the first 300 have shown to be short.
    let mut futures: Vec<_> = (0..600).map(|number| executor.submit(call!(wait_at(number)))).collect();
    BARRIER.until_jobs_wait(1);
    let _second = host(&server.url(), &namespace);
    let after = futures.split_off(301);
    let long = futures.pop().unwrap();
    assert_eq!(results(futures), (0..300).collect::<Vec<_>>());
    assert_eq!(results(after), (301..600).collect::<Vec<_>>());
    assert!(!long.is_done());
    BARRIER.open();
    assert_eq!(long.result().unwrap(), 300);
    let mut ran = RAN.lock().unwrap().clone();
    assert_eq!(ran.pop(), Some(300));
    ran.sort_unstable();
    assert_eq!(ran, (0..300).chain(301..600).collect::<Vec<_>>(), "each once");
}

#[test]
fn jobs_that_were_given_back_run_when_the_only_host_is_free() {
    static BARRIER: Barrier = Barrier::new();
    static RAN: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    fn wait_at(number: u32) -> u32 {
        RAN.lock().unwrap().push(number);
        if number == 300 {
            BARRIER.wait();
        }
        number
    }

    let server = servers::Server::start();
    let namespace = namespace("again");
    let _host = host(&server.url(), &namespace);
    let executor = NatsExecutor::connect(server.url(), namespace).unwrap();
    let futures: Vec<_> = (0..600).map(|number| executor.submit(call!(wait_at(number)))).collect();
    BARRIER.until_jobs_wait(1);
    // A job that was given back can still be cancelled, or it has started; one of both.
    let cancelled: Vec<_> = futures.iter().skip(301).step_by(100).map(Future::cancel).collect();
    BARRIER.open();
    let outcomes: Vec<_> = futures.into_iter().map(Future::result).collect();
    let mut ran = RAN.lock().unwrap().clone();
    for (at, is_cancelled) in (301..600).step_by(100).zip(cancelled) {
        assert_eq!(outcomes[at].is_err(), is_cancelled);
        assert_eq!(ran.contains(&u32::try_from(at).unwrap()), !is_cancelled);
    }
    let expected = outcomes.iter().flatten().copied().collect::<Vec<_>>();
    ran.sort_unstable();
    assert_eq!(ran, expected, "each once");
}

#[test]
fn host_that_ends_gives_its_jobs_to_others() {
    static BARRIER: Barrier = Barrier::new();
    fn wait() {
        BARRIER.wait();
    }
    fn double(number: u32) -> u32 {
        2 * number
    }

    let server = servers::Server::start();
    let namespace = namespace("ends");
    let first = host(&server.url(), &namespace);
    let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
    let long = executor.submit(call!(wait()));
    BARRIER.until_jobs_wait(1);
    let futures: Vec<_> = (0..50).map(|number| executor.submit(call!(double(number)))).collect();
    first.server.shutdown(false);
    let _second = host(&server.url(), &namespace);
    assert_eq!(results(futures), (0..50).map(|number| 2 * number).collect::<Vec<_>>());
    assert!(!long.is_done());
    BARRIER.open();
    long.result().unwrap();
}
