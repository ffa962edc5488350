//! A submitter while no server answers: what ends at once, and what waits.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use executor::{JobError, JobOptions, ShutdownPolicy, Status, ThreadPool, call};
use executor_nats::{Namespace, NatsExecutor, NoWorker, serve};
use executor_testkit::contract::Do;
use executor_testkit::contract::tools::event_log::EventLog;

use crate::support::hosts::{LONG_LEASE, SHORT_LEASE, Signals, host, results, square, wait_until_told};
use crate::support::servers::Server;

/// A server that is gone, an executor that knows, and the reports that it makes.
struct Outage {
    executor: NatsExecutor,
    server: Server,
    reports: mpsc::Receiver<NoWorker>,
}

impl Outage {
    fn new() -> Self {
        let mut server = Server::start();
        let (sender, reports) = mpsc::channel();
        let executor = NatsExecutor::builder(server.url(), Namespace::new("outage").lease(LONG_LEASE))
            .on_no_worker(Duration::from_millis(50), move |lack| sender.send(lack.clone()).unwrap_or_default())
            .connect()
            .unwrap();
        server.kill();
        let this = Self { executor, server, reports };
        // It may be sent before the executor knows.
        let first = this.executor.submit(call!(square(1)));
        this.report(|lack| lack.unreachable.is_some());
        assert_eq!(first.status(), Status::Queued);
        this
    }

    /// Waits for such a report.
    fn report(&self, is_it: impl Fn(&NoWorker) -> bool) -> NoWorker {
        self.reports.iter().find(is_it).expect("reports come again and again")
    }
}

/// The job that was sent needs the server.
impl Drop for Outage {
    fn drop(&mut self) {
        if !self.server.is_running() {
            self.server.restart();
        }
        let _ = self.executor.shutdown_with(ShutdownPolicy::cancel_pending());
    }
}

#[test]
fn jobs_that_were_not_sent_end_without_a_server() {
    let outage = Outage::new();
    let executor = &outage.executor;
    assert!(executor.submit(call!(square(2))).cancel());
    let aborted = executor.submit(call!(square(3)));
    assert!(aborted.abort());
    let hasty = executor.with(JobOptions::new().start_by(Duration::from_millis(20)));
    let late = hasty.submit(call!(square(4))).result().unwrap_err();
    assert!(matches!(&late, JobError::TimedOut(late) if !late.has_started()), "{late}");
    let (key, keyed) = executor.submit_keyed(call!(square(5))).unwrap();
    assert!(!executor.flush_timeout(Duration::ZERO), "nothing is stored");
    assert!(keyed.cancel(), "{key}");
}

#[test]
fn shutdown_that_cancels_ends_jobs_that_were_not_sent() {
    let mut outage = Outage::new();
    let executor = outage.executor.handle();
    let waiting: Vec<_> = (0..50).map(|n| executor.submit(call!(square(n)))).collect();
    thread::scope(|scope| {
        let shutdown = scope.spawn(|| executor.shutdown_with(ShutdownPolicy::cancel_pending()));
        assert!(waiting.into_iter().all(|job| job.result().unwrap_err().is_cancelled()));
        outage.server.restart();
        assert!(shutdown.join().unwrap().cancelled >= 50);
    });
}

#[test]
fn jobs_of_an_outage_run_in_order_afterwards() {
    let mut outage = Outage::new();
    let log = EventLog::new();
    let kept: Vec<_> = (0..20).map(|n| outage.executor.submit(Do::Write(log.writer(), n))).collect();
    assert!(outage.executor.submit(Do::Write(log.writer(), 20)).cancel());
    outage.server.restart();
    let _host = host(outage.server.url(), &Namespace::new("outage"), 1);
    results(kept);
    assert!(log.entries().into_iter().eq(0..20));
}

/// The server may have given it to a host, and only the ledger knows.
#[test]
fn job_that_was_sent_waits_for_the_ledger() {
    let mut server = Server::start();
    let (signals, namespace) = (Signals::new(), Namespace::new("outage").lease(SHORT_LEASE));
    let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
    let hasty = executor.with(JobOptions::new().start_by(Duration::from_secs(3)));
    let pool = ThreadPool::new(1);
    let _server = serve(server.url(), namespace, &pool).unwrap();
    let running = hasty.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    server.kill();
    assert!(!running.wait_timeout(Duration::from_secs(4)), "its time to start is over, and it has started");
    signals.go_on();
    server.restart();
    assert_eq!(running.result().unwrap(), std::process::id());
}

#[test]
fn report_says_that_the_server_is_unreachable() {
    let mut outage = Outage::new();
    let job = outage.executor.submit(call!(square(7)));
    let text = outage.report(|lack| lack.waiting == 2).to_string();
    let expected = "2 jobs wait in the namespace `outage`, and the NATS server has been unreachable for ";
    assert!(text.starts_with(expected) && !text.contains("no host"), "{text}");
    let executor = outage.executor.handle();
    let has_hint = || executor.dump().hints.iter().any(|hint| hint.contains("unreachable"));
    assert!(has_hint());
    outage.server.restart();
    let _host = host(outage.server.url(), &Namespace::new("outage"), 1);
    assert_eq!(job.result().unwrap(), 49);
    assert!(!has_hint());
}
