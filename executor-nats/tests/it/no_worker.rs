//! Jobs that wait for a worker that does not exist.

use std::sync::mpsc;
use std::time::Duration;

use executor::{ShutdownPolicy, ThreadPool};
use executor_nats::{NatsExecutor, serve};
use executor_testkit::contract::Do;

use crate::support::served::unique;
use crate::support::servers;

#[test]
fn a_job_without_a_host_is_reported_again_and_again() {
    let (nats, namespace) = (servers::shared(), unique("lonely"));
    let (reports, reported) = mpsc::channel();
    let executor = NatsExecutor::builder(nats.url(), namespace.clone())
        .on_no_worker(Duration::from_millis(30), move |lack| reports.send(lack.clone()).unwrap_or_default())
        .connect()
        .expect("the server is there");
    let job = executor.submit(Do::Echo(7));
    let first = reported.recv().unwrap();
    assert_eq!((first.waiting, first.others.len()), (1, 0));
    assert!(first.since >= Duration::from_millis(30));
    let second = reported.recv().unwrap();
    assert!(second.since >= Duration::from_millis(60), "the pauses grow: {second:?}");
    let text = second.to_string();
    let expected =
        format!("no host has served the namespace `{}` with this build ({})", second.namespace, second.build);
    assert!(text.starts_with("1 job waits") && text.contains(&expected), "{text}");
    let dump = executor.dump();
    assert!(dump.hints.iter().any(|hint| hint.contains("start one with `serve`")), "{dump}");

    let pool = ThreadPool::new(1);
    let host = serve(nats.url(), namespace, &pool).expect("the server is there");
    assert_eq!(job.result().unwrap(), 7);
    let hints = executor.dump().hints;
    assert!(!hints.iter().any(|hint| hint.contains("`serve`")), "{hints:?}");
    executor.shutdown(true);
    host.shutdown(true);
}

#[test]
fn a_report_may_shut_the_executor_down() {
    let (nats, namespace) = (servers::shared(), unique("lonely"));
    let (sender, handle) = mpsc::channel::<executor_nats::NatsHandle>();
    let handle = std::sync::Mutex::new(handle);
    let executor = NatsExecutor::builder(nats.url(), namespace)
        .on_no_worker(Duration::from_millis(10), move |_| {
            if let Ok(executor) = handle.lock().unwrap().try_recv() {
                let _ = executor.shutdown_with(ShutdownPolicy::cancel_pending());
            }
        })
        .connect()
        .expect("the server is there");
    sender.send(executor.handle()).unwrap();
    let job = executor.submit(Do::Echo(7));
    assert!(job.result().unwrap_err().is_cancelled());
}
