//! Servers that are killed, stand still, lose their disk or have no room on it.

use std::fs;
use std::time::Instant;

use executor::{Future, JobError, call};
use executor_nats::{Namespace, NatsExecutor};

use crate::support::hosts::{LONG_LEASE, SHORT_LEASE, Signals, host, results, square, wait_until_told};
use crate::support::monitor::stored;
use crate::support::servers::Server;
use crate::support::wait_for;

#[test]
fn killed_server_restarts_and_jobs_go_on() {
    let mut server = Server::options().jetstream("sync_interval: always").start();
    let signals = Signals::new();
    let namespace = Namespace::new("killed").lease(SHORT_LEASE * 5);
    let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
    let _host = host(server.url(), &namespace, 1);
    let running = executor.submit(call!(wait_until_told(signals.path())));
    let waiting: Vec<_> = (0..50).map(|n| executor.submit(call!(square(n)))).collect();
    signals.wait_until_begun(1);
    server.kill();
    let meanwhile: Vec<_> = (50..100).map(|n| executor.submit(call!(square(n)))).collect();
    signals.go_on();
    server.restart();
    assert_eq!(running.result().unwrap(), std::process::id());
    assert_eq!(results(waiting), (0..50).map(square).collect::<Vec<_>>());
    assert_eq!(results(meanwhile), (50..100).map(square).collect::<Vec<_>>());
    assert_eq!(signals.begun(), 1);
}

/// For the server, this is a clock that jumps forward. Then the lease of every job is over.
#[test]
fn server_that_stands_still_loses_no_job() {
    let server = Server::start();
    let signals = Signals::new();
    let namespace = Namespace::new("still").lease(SHORT_LEASE);
    let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
    let _first = host(server.url(), &namespace, 1);
    let running = executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    let _second = host(server.url(), &namespace, 1);
    server.pause();
    let start = Instant::now();
    wait_for("two leases are over", || (start.elapsed() > 2 * SHORT_LEASE).then_some(()));
    server.resume();
    let others: Vec<_> = (0..50).map(|n| executor.submit(call!(square(n)))).collect();
    assert_eq!(results(others), (0..50).map(square).collect::<Vec<_>>());
    let start = Instant::now();
    wait_for("each host has been asked", || (start.elapsed() > 3 * SHORT_LEASE).then_some(()));
    signals.go_on();
    assert_eq!(running.result().unwrap(), std::process::id());
    assert_eq!(signals.begun(), 1);
}

#[test]
fn server_down_for_longer_than_the_lease_loses_no_job() {
    let mut server = Server::start();
    let signals = Signals::new();
    let namespace = Namespace::new("down").lease(SHORT_LEASE);
    let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
    let _first = host(server.url(), &namespace, 1);
    let running = executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    let _second = host(server.url(), &namespace, 1);
    server.kill();
    let start = Instant::now();
    wait_for("two leases are over", || (start.elapsed() > 2 * SHORT_LEASE).then_some(()));
    server.restart();
    let others: Vec<_> = (0..50).map(|n| executor.submit(call!(square(n)))).collect();
    assert_eq!(results(others), (0..50).map(square).collect::<Vec<_>>());
    signals.go_on();
    assert_eq!(running.result().unwrap(), std::process::id());
    assert_eq!(signals.begun(), 1);
}

#[test]
fn jobs_of_a_server_that_lost_its_disk_end() {
    let mut server = Server::start();
    let signals = Signals::new();
    let namespace = Namespace::new("disk").lease(SHORT_LEASE);
    let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
    let _host = host(server.url(), &namespace, 1);
    let running = executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    let waiting = executor.submit(call!(square(3)));
    wait_for("both jobs are stored", || (stored(server.monitor(), "executor_disk_jobs") == Some(2)).then_some(()));
    server.kill();
    fs::remove_dir_all(server.data()).unwrap();
    server.restart();
    let broken = |error: JobError| match error {
        JobError::Broken(broken) => assert!(broken.to_string().contains("lost its streams"), "{broken}"),
        other => panic!("{other}"),
    };
    broken(waiting.result().expect_err("its message is gone"));
    broken(running.result().expect_err("its record is gone"));
    signals.go_on();
    assert_eq!(executor.submit(call!(square(4))).result().unwrap(), 16);
}

#[test]
fn shutdown_of_a_host_ends_without_a_server() {
    let mut server = Server::start();
    let signals = Signals::new();
    let namespace = Namespace::new("without").lease(SHORT_LEASE);
    let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
    let host = host(server.url(), &namespace, 1);
    let running = executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    server.kill();
    signals.go_on();
    drop(host);
    // Its outcome is not known.
    server.restart();
    let error = running.result().expect_err("its host has left before the server came back");
    assert!(matches!(error, JobError::Crashed(_)), "{error}");
}

#[test]
fn full_disk_refuses_jobs_and_keeps_those_stored() {
    fn length(bytes: Vec<u8>) -> usize {
        bytes.len()
    }
    const SIZE: usize = 100_000;
    let mut server = Server::options().jetstream("max_file_store: 2MB").start();
    let namespace = Namespace::new("full").lease(LONG_LEASE);
    let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
    let futures: Vec<_> = (0..40).map(|_| executor.submit(call!(length(vec![0; SIZE])))).collect();
    let is_refused = |future: &Future<usize>| future.is_done();
    wait_for("the server refuses jobs", || futures.iter().any(is_refused).then_some(()));
    server.set_jetstream("max_file_store: 100MB");
    server.restart();
    let _host = host(server.url(), &namespace, 1);
    let mut refused = 0;
    for future in futures {
        match future.result() {
            Ok(length) => assert_eq!(length, SIZE),
            Err(JobError::Broken(broken)) => {
                refused += 1;
                assert!(broken.to_string().contains("refused to store the job"), "{broken}");
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!((1..=30).contains(&refused), "{refused}");
}

/// Jobs that run while the disk is full have their outcome when there is room.
#[test]
fn outcomes_wait_for_room_on_the_disk() {
    let mut server = Server::options().jetstream("max_file_store: 2MB").start();
    let signals = Signals::new();
    let namespace = Namespace::new("room").lease(SHORT_LEASE * 3);
    let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
    let _host = host(server.url(), &namespace, 1);
    let running = executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    let fills = |_| executor.submit(call!(square_of(vec![0; 100_000], 3)));
    let futures: Vec<_> = (0..40).map(fills).collect();
    wait_for("the server refuses jobs", || futures.iter().any(Future::is_done).then_some(()));
    signals.go_on();
    server.set_jetstream("max_file_store: 100MB");
    server.restart();
    assert_eq!(running.result().unwrap(), std::process::id());
    assert!(futures.into_iter().map(Future::result).all(|result| result.as_ref().map_or(true, |n| *n == 9)));
}

fn square_of(_: Vec<u8>, n: u64) -> u64 {
    square(n)
}
