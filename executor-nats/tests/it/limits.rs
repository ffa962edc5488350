//! Jobs that the server does not take, and settings that no server takes.

use executor::{JobError, JobOptions, call, current};
use executor_nats::{ConnectError, Namespace, NatsExecutor};

use crate::support::served::{Served, processes, unique};

fn double(n: u32) -> u32 {
    2 * n
}

/// The name is in the message itself, beside the arguments.
#[test]
fn job_with_a_name_that_no_message_holds_is_refused_and_holds_no_other_up() {
    let served = Served::new(executor::ThreadPool::new(1), unique("limits"));
    let named = served.executor.with(JobOptions::new().name("x".repeat(2_000_000)));
    let refused = named.submit(call!(double(1)));
    assert_eq!(served.executor.submit(call!(double(2))).result().unwrap(), 4);
    let error = refused.result().unwrap_err();
    assert!(matches!(error, JobError::Broken(_)), "{error:?}");
    assert!(error.to_string().contains("the NATS server refused to store the job"), "{error}");
}

fn dies_at_first() -> u32 {
    match current::attempt() {
        Some(1) => std::process::abort(),
        attempt => attempt.expect("it is a job"),
    }
}

#[test]
fn retry_is_for_worker_processes_of_a_host_too() {
    let served = Served::new(processes(1), unique("limits"));
    let error = served.executor.submit(call!(dies_at_first())).result().unwrap_err();
    assert!(matches!(error, JobError::Crashed(_)), "{error:?}");
    let retried = served.executor.with(JobOptions::new().retry(1));
    assert_eq!(retried.submit(call!(dies_at_first())).result().unwrap(), 2);
}

#[test]
fn settings_that_no_server_takes_are_refused() {
    let space = || Namespace::new("limits");
    for namespace in [space().capacity(0), space().replicas(0), space().replicas(2), space().replicas(4)] {
        let error = NatsExecutor::connect("nats://127.0.0.1:1", namespace).unwrap_err();
        assert!(matches!(error, ConnectError::Setting(_)), "{error}");
    }
}
