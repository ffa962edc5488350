//! Submitters that are killed, that are cut off, and that read too slowly.

use std::env;
use std::path::PathBuf;

use executor::{Future, call};
use executor_nats::{Namespace, NatsExecutor};

use crate::support::hosts::{LONG_LEASE, SHORT_LEASE, Signals, begin, host, results, square, wait_until_told};
use crate::support::monitor::stored;
use crate::support::programs::{self, Program};
use crate::support::proxy::Proxy;
use crate::support::servers::Server;
use crate::support::wait_for;

const URL: &str = "EXECUTOR_NATS_TEST_SUBMIT_TO";
const SIGNALS: &str = "EXECUTOR_NATS_TEST_SIGNALS";
const JOBS: usize = 20;

fn leave_a_file(directory: PathBuf) {
    begin(&directory);
}

#[test]
fn jobs_of_a_killed_submitter_run() {
    // With a capacity, a job is stored when its submission returns.
    let namespace = Namespace::new("orphans").lease(LONG_LEASE).capacity(1000);
    if programs::is_again() {
        let signals = PathBuf::from(env::var_os(SIGNALS).expect("set for this process"));
        let url = env::var(URL).expect("set for this process");
        let executor = NatsExecutor::connect(url, namespace).unwrap();
        let futures: Vec<_> = (0..JOBS).map(|_| executor.submit(call!(leave_a_file(signals.clone())))).collect();
        std::fs::write(signals.join("submitted"), "").unwrap();
        results(futures);
        panic!("it is killed before");
    }
    let (server, signals) = (Server::start(), Signals::new());
    let mut command = programs::again(jobs_of_a_killed_submitter_run);
    command.env(URL, server.url()).env(SIGNALS, signals.path());
    let mut submitter = Program::start(command);
    wait_for("the jobs are stored", || signals.path().join("submitted").exists().then_some(()));
    submitter.kill();
    assert_eq!(signals.begun(), 0);
    let _host = host(server.url(), &namespace, 2);
    signals.wait_until_begun(JOBS);
    // Each was run once: after one more job, there are no others.
    let executor = NatsExecutor::connect(server.url(), namespace).unwrap();
    assert_eq!(executor.submit(call!(square(5))).result().unwrap(), 25);
    assert_eq!(signals.begun(), JOBS);
}

#[test]
fn submitter_cut_off_gets_its_results_later() {
    let (server, signals) = (Server::start(), Signals::new());
    let proxy = Proxy::between(server.address());
    let namespace = Namespace::new("cut").lease(SHORT_LEASE);
    let executor = NatsExecutor::connect(proxy.url(), namespace.clone()).unwrap();
    let _host = host(server.url(), &namespace, 1);
    let running = executor.submit(call!(wait_until_told(signals.path())));
    let before: Vec<_> = (0..20).map(|n| executor.submit(call!(square(n)))).collect();
    signals.wait_until_begun(1);
    wait_for("the jobs are stored", || (stored(server.monitor(), "executor_cut_jobs") == Some(21)).then_some(()));
    proxy.cut();
    let meanwhile: Vec<_> = (20..40).map(|n| executor.submit(call!(square(n)))).collect();
    signals.go_on();
    // The host does not need the submitter.
    wait_for("the jobs end", || (stored(server.monitor(), "executor_cut_jobs") == Some(0)).then_some(()));
    assert!(!running.is_done() && !before.iter().any(Future::is_done));
    // For longer than the submitter needs to find the host silent.
    let start = std::time::Instant::now();
    wait_for("the lease is over", || (start.elapsed() > 3 * SHORT_LEASE).then_some(()));
    proxy.heal();
    assert_eq!(running.result().unwrap(), std::process::id());
    assert_eq!(results(before), (0..20).map(square).collect::<Vec<_>>());
    assert_eq!(results(meanwhile), (20..40).map(square).collect::<Vec<_>>());
}

/// The host runs its job on, for a submitter that does not hear of it.
#[test]
fn submitter_cut_off_counts_no_host_as_lost() {
    let (server, signals) = (Server::start(), Signals::new());
    let proxy = Proxy::between(server.address());
    let namespace = Namespace::new("deaf").lease(SHORT_LEASE);
    let executor = NatsExecutor::connect(proxy.url(), namespace.clone()).unwrap();
    let _host = host(server.url(), &namespace, 1);
    let running = executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    wait_for("the submitter knows", || running.is_running().then_some(()));
    proxy.cut();
    let start = std::time::Instant::now();
    wait_for("the lease is over", || (start.elapsed() > 4 * SHORT_LEASE).then_some(()));
    proxy.heal();
    // A job that comes after all that was written meanwhile.
    let second = host(server.url(), &namespace, 1);
    assert_eq!(executor.submit(call!(square(6))).result().unwrap(), 36);
    drop(second);
    signals.go_on();
    assert_eq!(running.result().unwrap(), std::process::id());
}

#[test]
fn slow_reader_misses_no_result() {
    fn repeat(byte: u8) -> Vec<u8> {
        vec![byte; 100_000]
    }
    let server = Server::start();
    let proxy = Proxy::between(server.address());
    let namespace = Namespace::new("slow").lease(LONG_LEASE);
    let executor = NatsExecutor::connect(proxy.url(), namespace.clone()).unwrap();
    let futures: Vec<_> = (0..200).map(|byte| executor.submit(call!(repeat(byte)))).collect();
    wait_for("the jobs are stored", || (stored(server.monitor(), "executor_slow_jobs") == Some(200)).then_some(()));
    proxy.cut();
    let _host = host(server.url(), &namespace, 2);
    wait_for("the jobs end", || (stored(server.monitor(), "executor_slow_jobs") == Some(0)).then_some(()));
    assert!(!futures.iter().all(Future::is_done));
    proxy.heal();
    for (byte, future) in (0..).zip(futures) {
        assert_eq!(future.result().unwrap(), repeat(byte));
    }
}
