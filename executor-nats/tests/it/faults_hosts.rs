//! Hosts that are killed, that stand still, and that are cut off.

use std::sync::Mutex;
use std::time::Duration;

use executor::{Crashed, Future, JobOptions, Pool, ThreadPool, call};
use executor_nats::{Namespace, NatsExecutor, serve};
use serde_json::json;

use crate::support::hosts::{
    LONG_LEASE, SHORT_LEASE, Signals, is_host, loss, square, start_host, wait_for_workers, wait_until_told,
};
use crate::support::monitor::stored;
use crate::support::proxy::Proxy;
use crate::support::raw::Raw;
use crate::support::servers::Server;
use crate::support::wait_for;

fn connect(server: &Server, name: &str, lease: Duration, retry: u32) -> NatsExecutor {
    let namespace = Namespace::new(name).lease(lease);
    NatsExecutor::builder(server.url(), namespace).retry(retry).connect().expect("the server is there")
}

#[test]
fn job_of_killed_only_host_is_lost() {
    if is_host() {
        return;
    }
    let (server, signals) = (Server::start(), Signals::new());
    let executor = connect(&server, "alone", SHORT_LEASE, 0);
    let mut host = start_host(job_of_killed_only_host_is_lost, &server.url(), "alone", SHORT_LEASE);
    let future = executor.with(JobOptions::new().name("page 3")).submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    let id = host.id();
    host.kill();
    assert_loss(&loss(future), id);
    assert_eq!(executor.stats().running, 0);

    // Its message is gone, too: the next host is free for other jobs.
    let _next = start_host(job_of_killed_only_host_is_lost, &server.url(), "alone", SHORT_LEASE);
    assert_eq!(executor.submit(call!(square(7))).result().unwrap(), 49);
    assert_eq!(signals.begun(), 1);
}

#[test]
fn job_of_killed_host_is_lost_among_others() {
    if is_host() {
        return;
    }
    let (server, signals) = (Server::start(), Signals::new());
    let executor = connect(&server, "others", SHORT_LEASE, 0);
    let mut host = start_host(job_of_killed_host_is_lost_among_others, &server.url(), "others", SHORT_LEASE);
    let future = executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    let pool = ThreadPool::new(1);
    let _other = serve(server.url(), Namespace::new("others").lease(SHORT_LEASE), &pool).unwrap();
    host.kill();
    loss(future);
    assert_eq!(signals.begun(), 1, "at most once");
    assert_eq!(executor.submit(call!(square(8))).result().unwrap(), 64);
}

/// As it does if the submitter is gone.
#[test]
fn other_host_writes_the_loss() {
    if is_host() {
        return;
    }
    let (server, signals) = (Server::start(), Signals::new());
    let proxy = Proxy::between(server.address());
    let namespace = Namespace::new("writes").lease(SHORT_LEASE);
    let executor = NatsExecutor::connect(proxy.url(), namespace.clone()).unwrap();
    let mut host = start_host(other_host_writes_the_loss, &server.url(), "writes", SHORT_LEASE);
    let named = executor.with(JobOptions::new().name("page 3"));
    let future = named.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    proxy.cut();
    let pool = ThreadPool::new(1);
    let _other = serve(server.url(), namespace, &pool).unwrap();
    let id = host.id();
    host.kill();
    wait_for("the loss is written", || (stored(server.monitor(), "executor_writes_jobs") == Some(0)).then_some(()));
    proxy.heal();
    assert_loss(&loss(future), id);
}

/// It tells the job, the host, the reason and the remedy.
#[track_caller]
fn assert_loss(crashed: &Crashed, host: u32) {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let path = std::any::type_name_of_val(&wait_until_told);
    assert_eq!(
        crashed.to_string(),
        format!(
            "job `page 3` (`{path}`) was lost with its host `{}` (process {host}): the host was silent for longer than the lease of 1s; \
             the job may have run, in part or to its end; if it may run twice, submit it with `retry`",
            machine.trim()
        )
    );
}

#[test]
fn retry_runs_a_lost_job_on_another_host() {
    if is_host() {
        return;
    }
    let (server, signals) = (Server::start(), Signals::new());
    let executor = connect(&server, "retry", SHORT_LEASE, 1);
    let start = || start_host(retry_runs_a_lost_job_on_another_host, &server.url(), "retry", SHORT_LEASE);
    let mut host = start();
    let future = executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    host.kill();
    let mut second = start();
    signals.wait_until_begun(2);
    second.kill();
    loss(future);

    signals.go_on();
    let third = start();
    assert_eq!(executor.submit(call!(wait_until_told(signals.path()))).result().unwrap(), third.id());
    assert_eq!(signals.begun(), 3);
}

#[test]
fn host_that_pauses_longer_than_its_lease_loses_its_job() {
    if is_host() {
        return;
    }
    let (server, signals) = (Server::start(), Signals::new());
    let executor = connect(&server, "longer", SHORT_LEASE, 0);
    let host = start_host(host_that_pauses_longer_than_its_lease_loses_its_job, &server.url(), "longer", SHORT_LEASE);
    let future = executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    host.pause();
    loss(future);
    signals.go_on();
    host.resume();
    // Its outcome came too late, and it goes on with other jobs.
    assert_eq!(executor.submit(call!(wait_until_told(signals.path()))).result().unwrap(), host.id());
    assert_eq!(signals.begun(), 2);
}

#[test]
fn host_cut_off_loses_its_job_and_comes_back() {
    static RAN: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    fn note(number: u32, signals: std::path::PathBuf) -> u32 {
        wait_until_told(signals);
        RAN.lock().unwrap().push(number);
        number
    }

    let (server, signals) = (Server::start(), Signals::new());
    let proxy = Proxy::between(server.address());
    let executor = connect(&server, "cut", SHORT_LEASE, 0);
    let pool = ThreadPool::new(1);
    let _host = serve(proxy.url(), Namespace::new("cut").lease(SHORT_LEASE), &pool).unwrap();
    let future = executor.submit(call!(note(1, signals.path())));
    signals.wait_until_begun(1);
    proxy.cut();
    loss(future);
    signals.go_on();
    wait_for("the job ends without its connection", || (*RAN.lock().unwrap() == [1]).then_some(()));
    let next = executor.submit(call!(note(2, signals.path())));
    proxy.heal();
    assert_eq!(next.result().unwrap(), 2);
    assert_eq!(*RAN.lock().unwrap(), [1, 2], "each once");
}

#[test]
fn other_host_leaves_the_job_of_one_that_answers() {
    let (server, signals) = (Server::start(), Signals::new());
    // The host says nothing in time. It answers when it is asked.
    let executor = connect(&server, "answers", LONG_LEASE, 0);
    let start = || {
        let pool = ThreadPool::new(1);
        (serve(server.url(), "answers", &pool).unwrap(), pool)
    };
    let _first = start();
    let future = executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    let _second = start();
    give_again(&server, "answers");
    wait_for_workers(&executor, 2);
    // The server gives the job to the second host again and again.
    let delivered = || redelivered(&server, "answers");
    wait_for("the second host has got the job", || (delivered() >= 2).then_some(()));
    signals.go_on();
    assert_eq!(future.result().unwrap(), std::process::id());
    assert_eq!(signals.begun(), 1);
}

/// Lets the server give jobs to another host after a short time, whatever the lease is.
fn give_again(server: &Server, namespace: &str) {
    let mut raw = Raw::connect(server.address()).unwrap();
    let stream = format!("executor_{namespace}_jobs");
    let found = raw.api(&format!("CONSUMER.LIST.{stream}"), &json!({"offset": 0})).unwrap();
    for consumer in found["consumers"].as_array().unwrap() {
        let (name, mut config) = (consumer["name"].as_str().unwrap(), consumer["config"].clone());
        config["ack_wait"] = json!(200_000_000);
        let update = json!({"stream_name": stream, "config": config, "action": "update"});
        raw.api(&format!("CONSUMER.CREATE.{stream}.{name}"), &update)
            .or_else(|_| raw.api(&format!("CONSUMER.DURABLE.CREATE.{stream}.{name}"), &update))
            .unwrap();
    }
}

/// How often the server has delivered the jobs of a namespace.
fn redelivered(server: &Server, namespace: &str) -> u64 {
    let path = "/jsz?accounts=true&streams=true&consumers=true";
    let Ok(answer) = crate::support::monitor::get(server.monitor(), path) else { return 0 };
    let streams = answer["account_details"][0]["stream_detail"].as_array().cloned().unwrap_or_default();
    let jobs = streams.into_iter().find(|stream| stream["name"] == format!("executor_{namespace}_jobs"));
    let consumers = jobs.and_then(|jobs| jobs["consumer_detail"].as_array().cloned()).unwrap_or_default();
    consumers.iter().filter_map(|consumer| consumer["delivered"]["consumer_seq"].as_u64()).sum()
}

#[test]
fn jobs_wait_for_a_host() {
    if is_host() {
        return;
    }
    let server = Server::start();
    let executor = connect(&server, "wait", LONG_LEASE, 0);
    let futures: Vec<Future<u64>> = (0..20).map(|n| executor.submit(call!(square(n)))).collect();
    let _host = start_host(jobs_wait_for_a_host, &server.url(), "wait", LONG_LEASE);
    let results: Vec<_> = futures.into_iter().map(|future| future.result().unwrap()).collect();
    assert_eq!(results, (0..20).map(square).collect::<Vec<_>>());
}
