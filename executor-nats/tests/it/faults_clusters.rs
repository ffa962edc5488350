//! Three servers that keep each other's streams: one is killed, or cut off.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use executor::{ThreadPool, call};
use executor_nats::{ConnectError, Connection, Namespace, NatsExecutor, serve};

use crate::support::cluster::{Cluster, Network};
use crate::support::hosts::{SHORT_LEASE, Signals, connect, host, results, square, wait_until_told};
use crate::support::servers::Options;
use crate::support::wait_for;

fn namespace(name: &str, lease: Duration) -> Namespace {
    Namespace::new(name).replicas(3).lease(lease)
}

#[test]
fn killed_leader_loses_no_job() {
    let mut cluster = Cluster::start(3);
    let signals = Signals::new();
    let namespace = namespace("leader", SHORT_LEASE * 5);
    let executor = connect(&cluster.url(), &namespace);
    let _host = host(cluster.url(), &namespace, 2);
    let running = executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    for (round, stream) in (0..).zip(["executor_leader_ledger", "executor_leader_jobs"]) {
        let numbers = round * 200..(round + 1) * 200;
        let futures: Vec<_> = numbers.clone().map(|n| executor.submit(call!(square(n)))).collect();
        futures[10].wait();
        let leader = cluster.leader(stream);
        cluster.kill(leader);
        let more: Vec<_> = numbers.clone().map(|n| executor.submit(call!(square(n)))).collect();
        assert_eq!(results(futures), numbers.clone().map(square).collect::<Vec<_>>());
        assert_eq!(results(more), numbers.map(square).collect::<Vec<_>>());
        cluster.restart(leader);
        cluster.wait_until_ready();
        cluster.wait_until_current("executor_leader_ledger");
        cluster.wait_until_current("executor_leader_jobs");
    }
    signals.go_on();
    assert_eq!(running.result().unwrap(), std::process::id());
    assert_eq!(signals.begun(), 1);
}

/// No two of three servers see each other, so none leads a stream.
#[test]
fn connect_waits_until_a_cluster_has_a_leader() {
    let mut cluster = Cluster::start(3);
    let namespace = namespace("elects", SHORT_LEASE * 5);
    cluster.pause(1);
    cluster.pause(2);
    let (done, connected) = mpsc::channel();
    let hasty = Connection::to(cluster.url_of(0)).timeout(Duration::from_millis(300));
    let hasty = NatsExecutor::connect(hasty, namespace.clone());
    assert!(matches!(hasty, Err(ConnectError::Streams(_))), "{hasty:?}");
    let connection = Connection::to(cluster.url_of(0)).timeout(Duration::from_secs(80));
    thread::scope(|scope| {
        let (served, done_serving) = (done.clone(), connection.clone());
        scope.spawn(|| done.send(NatsExecutor::connect(connection, namespace.clone()).map(drop)).unwrap());
        let namespace = &namespace;
        scope
            .spawn(move || served.send(serve(done_serving, namespace.clone(), &ThreadPool::new(1)).map(drop)).unwrap());
        // A request has no answer for 5 s.
        assert!(connected.recv_timeout(Duration::from_secs(7)).is_err());
        cluster.resume(1);
        cluster.resume(2);
        for _ in 0..2 {
            connected.recv().unwrap().unwrap();
        }
    });
}

/// Clients of the server that is cut off find another one.
#[test]
fn partition_of_the_leader_loses_no_job() {
    let mut cluster = Cluster::start_in(Network::namespaces(3), 3, &Options::default());
    let signals = Signals::new();
    let namespace = namespace("part", SHORT_LEASE * 20);
    let executor = connect(&cluster.url(), &namespace);
    let _host = host(cluster.url(), &namespace, 2);
    let running = executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    let leader = cluster.leader("executor_part_ledger");
    cluster.isolate(leader);
    let futures: Vec<_> = (0..200).map(|n| executor.submit(call!(square(n)))).collect();
    assert_eq!(results(futures), (0..200).map(square).collect::<Vec<_>>());
    cluster.rejoin(leader);
    cluster.wait_until_current("executor_part_ledger");
    signals.go_on();
    assert_eq!(running.result().unwrap(), std::process::id());
    assert_eq!(signals.begun(), 1);
}

/// No server can store anything. Nothing is lost when they see each other again, although the leases are over.
#[test]
fn partition_of_all_servers_loses_no_job() {
    let mut cluster = Cluster::start(3);
    let signals = Signals::new();
    let namespace = namespace("all", SHORT_LEASE * 3);
    let executor = connect(&cluster.url(), &namespace);
    let _first = host(cluster.url(), &namespace, 1);
    let running = executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    let _second = host(cluster.url(), &namespace, 1);
    (0..3).for_each(|server| cluster.isolate(server));
    let futures: Vec<_> = (0..50).map(|n| executor.submit(call!(square(n)))).collect();
    let start = Instant::now();
    wait_for("the leases are over", || (start.elapsed() > SHORT_LEASE * 7).then_some(()));
    (0..3).for_each(|server| cluster.rejoin(server));
    assert_eq!(results(futures), (0..50).map(square).collect::<Vec<_>>());
    signals.go_on();
    assert_eq!(running.result().unwrap(), std::process::id());
    assert_eq!(signals.begun(), 1);
}
