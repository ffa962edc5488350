//! Settings of a namespace, which its first program makes, and times that are very short or very long.

use std::sync::Arc;
use std::time::Duration;

use executor::{Future, JobError, JobOptions, Priority, ShutdownPolicy, ThreadPool, call};
use executor_nats::{ConnectError, Connection, Namespace, NatsExecutor, serve};
use executor_testkit::contract::Do;
use executor_testkit::contract::tools::rendezvous::Rendezvous;
use serde_json::json;

use crate::support::raw::Raw;
use crate::support::served::{Served, processes, unique};
use crate::support::servers::{self, Server};

const SECOND: Duration = Duration::from_secs(1);
const YEARS: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

fn double(n: u32) -> u32 {
    2 * n
}

/// Of a namespace that is served, and of a submitter of it.
#[track_caller]
fn refusals(nats: &Arc<Server>, namespace: &Namespace) -> [String; 2] {
    let connected = NatsExecutor::connect(nats.url(), namespace.clone()).map(drop);
    let pool = ThreadPool::new(1);
    let served = serve(nats.url(), namespace.clone(), &pool).map(drop);
    [connected, served].map(|outcome| match outcome {
        Err(error @ ConnectError::Setting(_)) => error.to_string(),
        other => panic!("no refusal: {other:?}"),
    })
}

#[test]
fn settings_that_the_namespace_does_not_have_are_refused() {
    let (nats, bare) = (servers::shared(), unique("settings"));
    let all =
        bare.clone().capacity(7).lease(5 * SECOND).keep_jobs(600 * SECOND).keep_outcomes(1200 * SECOND).replicas(1);
    let first = NatsExecutor::connect(nats.url(), all.clone()).unwrap();
    for (other, texts) in [
        (bare.clone().capacity(8), ["`capacity` is 7", "sets 8", "--max-msgs=8"]),
        (bare.clone().lease(6 * SECOND), ["`lease` is 5000 ms", "sets 6000 ms", "--metadata=executor-lease-ms=6000"]),
        (bare.clone().keep_jobs(700 * SECOND), ["`keep_jobs` is 600s", "sets 700s", "--max-age=700s"]),
        (bare.clone().keep_outcomes(700 * SECOND), ["`keep_outcomes` is 1200s", "sets 700s", "_ledger --max-age=700s"]),
        (bare.clone().replicas(3), ["`replicas` is 1", "sets 3", "--replicas=3"]),
    ] {
        for error in refusals(&nats, &other) {
            assert!(texts.iter().all(|text| error.contains(text)), "{error}");
            assert!(error.contains("or leave it out"), "{error}");
        }
    }
    // The same settings pass, and none.
    let pool = ThreadPool::new(1);
    let server = serve(nats.url(), all, &pool).unwrap();
    let second = NatsExecutor::connect(nats.url(), bare).unwrap();
    assert_eq!((first.dump().queue.capacity, second.dump().queue.capacity), (Some(7), Some(7)));
    assert_eq!(second.submit(call!(double(4))).result().unwrap(), 8);
    drop((first, second));
    server.shutdown(true);
}

#[test]
fn program_without_a_capacity_keeps_to_that_of_the_namespace() {
    let (nats, namespace) = (servers::shared(), unique("settings"));
    let first = NatsExecutor::connect(nats.url(), namespace.clone().capacity(2)).unwrap();
    let second = NatsExecutor::connect(nats.url(), namespace).unwrap();
    let waiting = [first.submit(call!(double(1))), second.submit(call!(double(2)))];
    assert!(second.try_submit(call!(double(3))).is_err(), "it is full");
    assert!(waiting.iter().all(Future::cancel));
}

/// As an administrator changes it: by an edit of the stream.
#[test]
fn changed_lease_reaches_the_next_program() {
    let server = Server::start();
    let namespace = Namespace::new("changed").lease(5 * SECOND);
    let pool = ThreadPool::new(1);
    serve(server.url(), namespace.clone(), &pool).unwrap().shutdown(true);
    let mut raw = Raw::connect(server.address()).unwrap();
    let mut config = raw.api("STREAM.INFO.executor_changed_jobs", &json!({})).unwrap()["config"].clone();
    config["metadata"]["executor-lease-ms"] = json!("7000");
    raw.api("STREAM.UPDATE.executor_changed_jobs", &config).unwrap();
    let refused = serve(server.url(), namespace.clone(), &pool).map(drop).unwrap_err();
    assert!(refused.to_string().contains("`lease` is 7000 ms"), "{refused}");
    let _server = serve(server.url(), namespace.lease(7 * SECOND), &pool).unwrap();
    let consumers = raw.api("CONSUMER.LIST.executor_changed_jobs", &json!({"offset": 0})).unwrap();
    let waits: Vec<_> =
        consumers["consumers"].as_array().unwrap().iter().map(|one| &one["config"]["ack_wait"]).collect();
    assert_eq!(waits, [&json!(7_000_000_000_u64); 3]);
}

#[test]
fn times_out_of_range_are_refused() {
    let space = || Namespace::new("times");
    let (short, long) = (Duration::ZERO, Duration::MAX);
    for (namespace, setting) in [
        (space().lease(Duration::from_millis(999)), "`lease` of 999ms is too short; use 1s or more"),
        (space().lease(long), "`lease` of"),
        (space().keep_jobs(short), "`keep_jobs` of 0ns is too short; use 100ms or more"),
        (space().keep_jobs(long), "`keep_jobs` of"),
        (space().keep_outcomes(short), "`keep_outcomes` of 0ns is too short"),
        (space().keep_outcomes(YEARS + SECOND), "100 years or less"),
    ] {
        let error = NatsExecutor::connect("nats://127.0.0.1:1", namespace).unwrap_err();
        assert!(matches!(&error, ConnectError::Setting(text) if text.contains(setting)), "{error}");
    }
    for limit in [short, long] {
        let connection = Connection::to("nats://127.0.0.1:1").timeout(limit);
        let error = NatsExecutor::connect(connection.clone(), "times").unwrap_err();
        assert!(matches!(&error, ConnectError::Setting(text) if text.contains("`timeout` of")), "{error}");
        assert!(matches!(serve(connection, "times", &ThreadPool::new(1)).map(drop), Err(ConnectError::Setting(_))));
    }
}

#[test]
fn longest_times_work() {
    let namespace = unique("times").lease(YEARS).keep_jobs(YEARS).keep_outcomes(YEARS);
    let nats = servers::shared();
    let pool = ThreadPool::new(1);
    let server = serve(Connection::to(nats.url()).timeout(YEARS), namespace.clone(), &pool).unwrap();
    let settings = NatsExecutor::builder(nats.url(), namespace).on_no_worker(Duration::MAX, |_| ());
    let executor = settings.connect().unwrap();
    assert_eq!(executor.submit(call!(double(4))).result().unwrap(), 8);
    executor.shutdown(true);
    server.shutdown(true);
}

#[test]
fn options_with_the_longest_times_are_no_limit() {
    let served = Served::new(processes(1), unique("times"));
    let limit = Duration::MAX;
    let patient = served.executor.with(JobOptions::new().timeout(limit).start_by(limit));
    assert_eq!(patient.submit(call!(double(4))).result().unwrap(), 8);
    assert_eq!(patient.submit_timeout(call!(double(5)), limit).unwrap().result().unwrap(), 10);
    let never = patient.submit_after(limit, call!(double(6)));
    let every = patient.every(limit, call!(double(7)));
    assert_eq!((served.executor.stats().delayed, every.runs()), (1, 0));
    assert!(never.cancel());
}

/// As in a pool of this machine.
#[test]
fn options_with_no_time_end_the_job_at_once() {
    let served = Served::new(processes(1), unique("times"));
    // It may arrive before it is killed.
    let unattended = Rendezvous::new();
    let limited = served.executor.with(JobOptions::new().timeout(Duration::ZERO));
    let late = limited.submit(Do::Arrive(unattended.arrival(), 1)).result().unwrap_err();
    assert!(matches!(&late, JobError::TimedOut(late) if late.has_started()), "{late}");

    let rendezvous = Rendezvous::new();
    let running = served.executor.submit(Do::Arrive(rendezvous.arrival(), 1));
    let waiter = rendezvous.accept();
    let hasty = served.executor.with(JobOptions::new().start_by(Duration::ZERO).priority(Priority::High));
    let late = hasty.submit(Do::Echo(2)).result().unwrap_err();
    assert!(matches!(&late, JobError::TimedOut(late) if !late.has_started()), "{late}");
    drop(waiter);
    assert_eq!(running.result().unwrap(), 1);
    let report = served.executor.shutdown_with(ShutdownPolicy::drain());
    assert_eq!((report.cancelled, served.executor.stats().timed_out), (0, 2));
}
