//! The report as text, and the reasons that it gives.

use std::panic::Location;
use std::time::Duration;

use super::*;
use crate::error::{Frame, JobName, JobPath};
use crate::label::Label;

/// A time some milliseconds before the report.
fn before(dump: &Dump, millis: u64) -> Instant {
    dump.taken_at.checked_sub(Duration::from_millis(millis)).expect("the machine runs for longer")
}

#[track_caller]
fn described(name: &str) -> JobDescription {
    let label = Arc::new(Label { name: Some(name.into()), tag: None });
    let name = JobName::new(Some(&label), JobPath::of::<u8>());
    JobDescription::new(name, Some(label), Some(Location::caller()))
}

#[track_caller]
fn running(dump: &Dump, id: u64, name: &str, millis: u64) -> RunningJob {
    let mut job = RunningJob::here(JobId::from_number(id), described(name), before(dump, millis));
    job.started_at = before(dump, millis);
    job
}

fn activity(dump: &Dump, job: Option<u64>, kind: ActivityKind, millis: u64) -> Activity {
    Activity {
        thread: "main".into(),
        worker: None,
        queue_id: None,
        job: job.map(JobId::from_number),
        job_name: None,
        outer_jobs: Vec::new(),
        kind,
        since: before(dump, millis),
        until: None,
    }
}

fn dump() -> Dump {
    let mut dump = Dump::new("web".into(), "ThreadPool");
    dump.is_measured = true;
    dump.max_workers = 2;
    dump.has_spare_threads = true;
    dump
}

#[test]
fn report_has_a_line_for_each_fact() {
    let mut dump = dump();
    dump.stats = Stats { workers: 3, running: 2, queued: 4, delayed: 1, ..Stats::default() };
    dump.queue.lanes = [0, 3, 1];
    (dump.queue.capacity, dump.queue.blocked_submitters) = (Some(4), 1);
    let oldest = QueuedJob::new(JobId::from_number(31), Priority::Low);
    dump.queue.oldest = vec![oldest.described(Some(described("resize")), Some(before(&dump, 2310)))];
    dump.queue.next_due = Some(dump.taken_at + Duration::from_secs(90));
    let mut busy = WorkerDump::new("web-0".into(), WorkerState::Running);
    busy.jobs = vec![running(&dump, 12, "thumbnail", 3020)];
    let mut blocked = WorkerDump::new("web-1".into(), WorkerState::Running);
    blocked.jobs = vec![running(&dump, 13, "fetch", 12)];
    blocked.activities = vec![activity(&dump, Some(13), ActivityKind::WaitForEvent, 11)];
    dump.workers = vec![busy, blocked, WorkerDump::new("web-2".into(), WorkerState::Searching)];
    let slot =
        ActivityKind::WaitForSlot(crate::current::activity::PoolName { name: "web".into(), queue_id: QueueId::next() });
    dump.other_threads = vec![activity(&dump, None, slot, 1500)];
    dump.diagnose();
    let text = dump.to_string();
    let lines: Vec<_> = text.lines().map(|line| line.replace(file!(), "FILE")).collect();
    let without_places: Vec<_> = lines.iter().map(|line| without_place(line)).collect();
    let expected = [
        "ThreadPool `web`: open, 3 of 2 workers, 2 running, 4 queued, 1 delayed",
        "queue: 0 high, 3 normal, 1 low, room for 4, 1 wait for room",
        "  low: #31 `resize`, submitted at FILE, waits for 2.31 s",
        "delayed: 1, the next is due in 90 s",
        "workers:",
        "  web-0 running",
        "    runs #12 `thumbnail`, submitted at FILE, since 3.02 s",
        "  web-1 running",
        "    runs #13 `fetch`, submitted at FILE, since 12 ms",
        "    #13 waits for an `Event` to be set, since 11 ms",
        "  web-2 searching",
        "  thread `main` waits for room in the queue of `web`, since 1.5 s",
        "! the queue is full (4 jobs), and 1 submitters wait for room",
        "! every worker is busy (2 of 2), and 4 jobs wait behind them; the longest is #12 `thumbnail`, submitted at \
         FILE, for 3.02 s",
    ];
    assert_eq!(without_places, expected, "{text}");
}

/// The line without the number of a line of this file.
fn without_place(line: &str) -> String {
    match line.split_once("FILE:") {
        None => line.to_owned(),
        Some((before, after)) => format!("{before}FILE{}", after.trim_start_matches(|c: char| c.is_ascii_digit())),
    }
}

#[test]
fn processes_are_shown_with_their_state() {
    let mut dump = dump();
    dump.is_measured = false;
    dump.stats.running = 3;
    let phases = [ProcessPhase::Starting, ProcessPhase::Initializing, ProcessPhase::Ready];
    for (number, phase) in phases.into_iter().enumerate() {
        let mut worker = WorkerDump::new(format!("web-{number}").into(), WorkerState::Running);
        worker.process = Some(ProcessDump::new(71, phase, before(&dump, 2000)));
        dump.workers.push(worker);
    }
    let process = dump.workers[2].process.as_mut().expect("it was set");
    (process.state, process.job) = (Some('T'), Some(JobId::from_number(7)));
    process.stack = Some(Backtrace::new(|| vec![Frame::new("app::spin").at("src/app.rs", Some(3))]));
    dump.diagnose();
    let text = dump.to_string();
    for line in [
        "  not measured: build the pool with `measure(true)`, or set EXECUTOR_MEASURE=1, for names, times and places of \
         running jobs",
        "  web-0 running, process 71, starting since 2 s",
        "  web-1 running, process 71, in its initializer since 2 s",
        "  web-2 running, process 71, stopped",
        "    runs #7",
        "      at app::spin (src/app.rs:3)",
        "! the worker process 71 has been starting for 2 s and has not reported yet",
        "! the worker process 71 has been in its initializer for 2 s",
        "! the worker process 71 is stopped, by SIGSTOP or a debugger; `kill -CONT 71` lets it go on",
    ] {
        assert!(text.lines().any(|known| known == line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn only_the_longest_waits_are_reasons() {
    let mut dump = dump();
    dump.other_threads = (0..20).map(|n| activity(&dump, Some(n), ActivityKind::WaitForEvent, 95 + n)).collect();
    dump.diagnose();
    assert_eq!(dump.hints.len(), 9);
    assert_eq!(dump.hints[0], "#19 has waited 114 ms for an `Event` that is not set");
    assert_eq!(dump.hints[8], "7 more threads wait", "five waits are short");
}
