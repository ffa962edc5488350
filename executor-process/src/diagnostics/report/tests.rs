use std::path::PathBuf;
use std::sync::Arc;

use executor_core::cell::Dispatch;
use executor_core::{Job, JobId, call};
use serde::{Deserialize, Serialize};

use super::*;
use crate::dispatch::job::{EncodedJob, kept};
use crate::dispatch::job_type::JobType;
use crate::ipc::payload::Payload;
use crate::protocol::crash_record::{CrashFacts, Place};
use crate::protocol::message::Request;
use crate::protocol::replay_file;
use crate::supervisor::claims::Kill;
use crate::supervisor::start::WorkerSettings;
use crate::worker::crash_handler;

fn trace(facts: CrashFacts) -> Trace {
    Trace { facts, inner: Vec::new(), outer: Vec::new(), omitted: 0 }
}

#[test]
fn worker_peak_excludes_the_parents_memory() {
    let seen = trace(CrashFacts { peak_memory: 5, ..CrashFacts::default() });
    assert_eq!(peak_memory(Some(70), 0, None), Some(70));
    assert_eq!(peak_memory(Some(70), 69, Some(&seen)), Some(70));
    assert_eq!(peak_memory(Some(70), 70, Some(&seen)), Some(5));
    assert_eq!(peak_memory(Some(70), 70, None), None);
    assert_eq!(peak_memory(None, 0, Some(&trace(CrashFacts::default()))), None);
}

#[test]
fn the_cause_says_what_was_accessed_and_where() {
    let facts = CrashFacts { signal: 11, address: 16, stack_pointer: 1 << 40, thread: 7, ..CrashFacts::default() };
    assert_eq!(cause(&trace(facts), 7).as_deref(), Some("it accessed address 0x10"));
    let text = "it accessed address 0x10, in another thread than the job's";
    assert_eq!(cause(&trace(facts), 8).as_deref(), Some(text));
    let overflow = CrashFacts { address: (1 << 40) - 8, ..facts };
    assert_eq!(cause(&trace(overflow), 7).as_deref(), Some("its stack overflowed"));
    let unknown = CrashFacts { address: NO_ADDRESS, ..facts };
    assert_eq!(cause(&trace(unknown), 7), None);
    let call = Trace { inner: vec![Place::Foreign(17)], ..trace(facts) };
    assert_eq!(cause(&call, 7).as_deref(), Some("it called address 0x10"));
    assert_eq!(cause(&trace(CrashFacts { signal: 6, ..facts }), 7), None);
}

fn settings(keep_failed: Option<PathBuf>) -> Arc<WorkerSettings> {
    Arc::new(WorkerSettings { keep_failed, ..WorkerSettings::plain() })
}

/// A worker that has begun `job`, as the job of number 7.
fn running<J: executor_core::PortableJob>(settings: &WorkerSettings, job: J) -> (Worker, EncodedJob) {
    let worker = Worker::start(settings, "worker", |_| true).expect("this program can start workers");
    let job_type = JobType::of::<J>();
    let encoded = EncodedJob::new(
        job_type,
        settings.codec.encode(&job.wire(&crate::worker::remake::Remaker)).expect("it can be encoded"),
    );
    worker.claims.page.send(0, 7);
    worker.begin(Request::Run(vec![encoded.pack(&worker.payloads, 0, 7).ok().expect("it is in this program")]));
    (worker, encoded)
}

fn case(settings: &Arc<WorkerSettings>, job: &EncodedJob) -> FailedJob {
    let (settings, body) = (Arc::clone(settings), kept(settings, job));
    FailedJob {
        settings,
        id: JobId::from_number(7),
        attempt: 1,
        label: None,
        entry: job.job_type.work,
        type_name: job.job_type.name(),
        body,
    }
}

/// Its own name is left out of backtraces, as all of this crate's are; what it calls is not.
fn hang() {
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    while receiver.recv_timeout(Duration::from_secs(60)).is_err() {}
}

fn place(worker: &Worker) -> Option<Trace> {
    let record = worker.claims.page.trace();
    LocateRequest::ask(&worker.process, record)?.answer(record)
}

#[test]
fn a_worker_that_hangs_says_where_and_goes_on_hanging() {
    let settings = settings(None);
    let (worker, job) = running(&settings, call(hang, ()));
    let mut text = String::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    // A worker is not asked about a job that has not started: it may not be ready to answer.
    while !Dispatch::has_started(&*worker.claims, JobId::from_number(7)) {
        assert!(Instant::now() < deadline, "it never started");
        std::thread::yield_now();
    }
    // It has to come to it then; and it has a millisecond, which a loaded machine may not give.
    while !text.contains("recv_timeout") {
        assert!(Instant::now() < deadline, "it never said so: {text}");
        let (error, _) = case(&settings, &job).timed_out(Duration::from_secs(3), place(&worker));
        text = format!("{error:#}");
    }
    let start = "job `executor_process::diagnostics::report::tests::hang` did not finish within 3 s; raise the limit or split the job\n    at ";
    assert!(text.starts_with(start), "{text}");
    assert!(!worker.process.is_gone(), "asking ends nobody");
    // That answer is not about its death.
    worker.process.kill();
    let ended = worker.process.wait();
    let crash = case(&settings, &job).crashed(&worker, ended, Duration::ZERO);
    assert!(matches!(&crash, JobError::Crashed(crash) if crash.backtrace().is_none()), "{crash}");
    assert!(place(&worker).is_none(), "it is gone");
}

/// It has said hello, and may not have the handler yet that answers.
#[test]
fn worker_asked_too_early_answers_later() {
    for _ in 0..20 {
        let worker = Worker::start(&settings(None), "worker", |_| true).expect("this program can start workers");
        let deadline = Instant::now() + Duration::from_secs(60);
        while place(&worker).is_none() {
            assert!(!worker.process.is_gone(), "asking ends nobody");
            assert!(Instant::now() < deadline, "it never said so");
        }
    }
}

/// Ends by the second of two signals, of which the first is told.
#[derive(Serialize, Deserialize)]
struct Hangs;

impl Job for Hangs {
    type Output = ();

    fn run(self) {
        crash_handler::hang_while_writing(libc::SIGILL);
    }
}

#[test]
fn a_handler_that_hangs_is_ended_by_the_first_signal() {
    let settings = settings(None);
    let (worker, _) = running(&settings, Hangs);
    assert_eq!(worker.process.wait(), Some(Exit::Signal(libc::SIGILL)));
}

#[test]
fn a_record_of_another_job_or_another_death_is_not_told() {
    let settings = settings(None);
    let job = EncodedJob::new(JobType::of::<Hangs>(), Payload::new(Vec::new(), Vec::new()));
    let case = case(&settings, &job);
    let facts = CrashFacts { signal: 11, job: 7, ..CrashFacts::default() };
    assert!(case.is_of(&trace(facts), Exit::Signal(11)));
    assert!(case.is_of(&trace(facts), Exit::Signal(6)), "a handler after ours may abort");
    assert!(!case.is_of(&trace(facts), Exit::Signal(9)));
    assert!(!case.is_of(&trace(facts), Exit::Code(0)));
    assert!(!case.is_of(&trace(CrashFacts { job: 8, ..facts }), Exit::Signal(11)));
}

#[test]
fn a_job_that_took_too_long_is_kept() {
    let directory = std::env::temp_dir().join(format!("executor-postmortem-{}", std::process::id()));
    let settings = settings(Some(directory.clone()));
    let job = EncodedJob::new(JobType::of::<Hangs>(), Payload::new(Vec::new(), Vec::new()));
    let (error, unsaved) = case(&settings, &job).timed_out(Duration::from_secs(3), None);
    assert!(!directory.exists(), "the error is there first");
    unsaved.expect("it is to be kept").write();
    let path = error.saved().expect("it can be written");
    let bytes = std::fs::read(path).unwrap();
    let (contents, _) = replay_file::decode(&bytes).unwrap();
    assert_eq!((contents.id, &*contents.why), (7, "it did not finish within 3 s"));
    std::fs::remove_dir_all(&directory).unwrap();
}
