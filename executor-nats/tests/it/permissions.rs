//! The permissions of `deploy/permissions.conf`, on a server that refuses everything else.

use std::thread;

use executor::{Future, JobError, Status, ThreadPool, call, current};
use executor_nats::{ConnectError, Connection, NatsExecutor, serve};

use crate::support::raw::Raw;
use crate::support::servers::Server;
use crate::support::wait_for;

const NAMESPACE: &str = "thumbnails";
/// Larger than a message.
const LARGE: usize = 3_000_000;

fn server() -> Server {
    let users = include_str!("../../deploy/permissions.conf");
    let users = users.replace("$SUBMITTER_PASSWORD", "s").replace("$HOST_PASSWORD", "h");
    Server::options().config(users).start()
}

fn submitter(server: &Server) -> Connection {
    Connection::to(server.url()).user("submitter", "s").inbox("_INBOX_submitter")
}

fn host(server: &Server) -> Connection {
    Connection::to(server.url()).user("host", "h").inbox("_INBOX_host")
}

fn double(bytes: Vec<u8>) -> Vec<u8> {
    bytes.repeat(2)
}

fn runs_until_stopped() {
    while !current::stop_requested() {
        thread::yield_now();
    }
}

/// Waits until the job runs, and aborts it.
fn abort<T>(job: &Future<T>) -> bool {
    wait_for("the job runs", || (job.status() == Status::Running).then_some(()));
    job.abort()
}

/// The server's complaints about what a user may not do.
fn violations(server: &Server) -> Vec<String> {
    server.log().lines().filter(|line| line.contains("Violation")).map(str::to_owned).collect()
}

#[test]
fn least_permissions_suffice_for_jobs() {
    let server = server();
    let executor = NatsExecutor::connect(submitter(&server), NAMESPACE).expect("a submitter may make the streams");
    let pool = ThreadPool::new(1);
    let serving = serve(host(&server), NAMESPACE, &pool).expect("a host may serve");

    assert_eq!(executor.submit(call!(double(vec![1; 3]))).result().expect("a result"), [1; 6]);
    let (key, large) = executor.submit_keyed(call!(double(vec![7; LARGE]))).expect("a large job");
    executor.flush();
    let other = NatsExecutor::connect(submitter(&server), NAMESPACE).expect("another submitter");
    let attached = other.reattach::<Vec<u8>>(&key).expect("a key of the first submitter");
    assert_eq!(large.result().expect("a large result").len(), 2 * LARGE);
    assert_eq!(attached.result().expect("the same result").len(), 2 * LARGE);
    drop(other);
    wait_for("the host is seen", || (executor.hosts().len() == 1).then_some(()));

    let running = executor.submit(call!(runs_until_stopped()));
    let queued = executor.submit(call!(double(Vec::new())));
    assert!(abort(&running));
    assert!(matches!(running.result(), Err(JobError::Cancelled(_))));
    drop(queued.result());
    let blocker = executor.submit(call!(runs_until_stopped()));
    wait_for("the worker is busy", || (blocker.status() == Status::Running).then_some(()));
    let queued = executor.submit(call!(double(Vec::new())));
    assert!(queued.cancel());
    assert!(blocker.abort());

    drop(executor);
    serving.shutdown(true);
    assert_eq!(violations(&server), [""; 0]);
}

#[test]
fn user_of_one_namespace_reaches_no_other() {
    let server = server();
    let refused = NatsExecutor::connect(submitter(&server), "invoices").expect_err("another namespace");
    assert!(matches!(refused, ConnectError::Streams(_)), "{refused}");
    let text = refused.to_string();
    assert!(text.contains("Permissions Violation") && text.contains("executor_invoices_jobs"), "{text}");
    let pool = ThreadPool::new(1);
    let refused = serve(host(&server), "invoices", &pool).expect_err("another namespace");
    assert!(matches!(refused, ConnectError::Streams(_)), "{refused}");
    assert!(!violations(&server).is_empty());
}

#[test]
fn host_cannot_submit_and_submitter_cannot_fetch() {
    let server = server();
    let executor = NatsExecutor::connect(submitter(&server), NAMESPACE).expect("it may make the streams");
    let refusal_of = |user: &str, password: &str, subject: &str| {
        let options = format!("{{\"verbose\":false,\"user\":\"{user}\",\"pass\":\"{password}\"}}");
        let mut client = Raw::connect_with(server.address(), &options).expect("a connection");
        client.publish(subject, b"").expect("it is sent");
        let is_about = |line: &String| line.contains(&format!("\"{subject}\""));
        wait_for("the server has refused", || violations(&server).into_iter().find(is_about))
    };
    let refusal = refusal_of("host", "h", "executor.thumbnails.0.job.normal.a.1");
    assert!(refusal.contains("Publish Violation"), "{refusal}");
    let refusal = refusal_of("submitter", "s", "$JS.API.CONSUMER.MSG.NEXT.executor_thumbnails_jobs.0_normal");
    assert!(refusal.contains("Publish Violation"), "{refusal}");
    drop(executor);
}
