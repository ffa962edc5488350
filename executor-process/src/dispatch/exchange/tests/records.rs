//! Records of workers: in order, before the outcomes of their jobs, and bounded.

use std::panic::resume_unwind;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use executor_core::{JobError, JobId, current};
use log::{LevelFilter, Log, Metadata, Record as LogRecordRef, set_logger, set_max_level};

use super::stage::{Part, Played, Stage};
use super::{do_it, ends_as, reply};
use crate::protocol::ipc_packet::head;
use crate::protocol::message::Reply;
use crate::protocol::record::{Content, LogLevel, LogRecord, Record};
use crate::protocol::status_page::Claim;

/// The records of this program, each with the job that it is about.
static LOGGED: Mutex<Vec<(Option<u64>, String)>> = Mutex::new(Vec::new());

struct Collector;

impl Log for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &LogRecordRef<'_>) {
        let job = current::id().map(JobId::get);
        let line = format!("{} {}: {}", record.level(), record.target(), record.args());
        if line.contains("no luck") {
            // Without a message, which would take long: it has a backtrace.
            resume_unwind(Box::new("no luck"));
        }
        LOGGED.lock().unwrap_or_else(PoisonError::into_inner).push((job, line));
    }

    fn flush(&self) {}
}

fn collect() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        set_logger(&Collector).expect("it is the only one");
        set_max_level(LevelFilter::Info);
    });
}

fn logged(job: u64) -> Vec<String> {
    let logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    logged.iter().filter(|(of, _)| *of == Some(job)).map(|(_, line)| line.clone()).collect()
}

fn log_record(level: LogLevel, message: &str) -> Content {
    let (target, message) = ("worker".to_owned(), message.to_owned());
    Content::Log(LogRecord { level, target, message, module: None, file: None, line: None, pairs: Vec::new() })
}

/// As a worker sends a record.
fn say(part: &Part, job: u64, content: Content) -> bool {
    let is_sent = part.say(Reply::Record(Record { job, content }));
    part.page.records().fetch_add(u64::from(is_sent), Ordering::Release);
    is_sent
}

fn info(part: &Part, job: u64, message: &str) {
    assert!(say(part, job, log_record(LogLevel::Info, message)));
}

#[test]
fn records_are_logged_before_the_outcome() {
    collect();
    let stage = Stage::new(|part, jobs| {
        let (slot, job) = jobs[0];
        info(part, job, "one");
        say(part, job, log_record(LogLevel::Debug, "too verbose"));
        say(part, job, Content::Lost(7));
        info(part, job, "no luck"); // the logger panics
        do_it(part, slot, job);
        info(part, job, "two");
        part.say(reply(slot, job, 5));
        part.say(Reply::Done);
        Played::Waits
    });
    for _ in 0..50 {
        let future = stage.submit(5);
        let job = future.id().get();
        assert_eq!(future.result().unwrap(), 5);
        let logged = logged(job);
        assert_eq!((&*logged[0], &*logged[2]), ("INFO worker: one", "INFO worker: two"), "{logged:?}");
        assert!(logged[1].starts_with("WARN executor: 7 log records of worker `played`"), "{logged:?}");
        assert_eq!(logged.len(), 3);
    }
}

/// The answer of the first job is on the page, and its record is not received yet.
#[test]
fn records_come_before_an_answer_on_the_page() {
    collect();
    let stage = Stage::new(|part, jobs| {
        let (slot, job) = jobs[0];
        assert!(part.page.start(slot, job));
        part.say(Reply::Progress);
        info(part, job, "late");
        let answer = postcard::to_stdvec(&super::answer(5)).unwrap();
        part.page.write_answer(slot, 0, &answer).expect("there is room");
        assert!(part.page.change(slot, job, Claim::Started, Claim::Done));
        part.say(Reply::Done);
        Played::Waits
    });
    for _ in 0..200 {
        let future = stage.submit(5);
        let job = future.id().get();
        assert_eq!(future.result().unwrap(), 5);
        assert_eq!(logged(job), ["INFO worker: late"]);
    }
}

#[test]
fn records_survive_a_crash() {
    collect();
    let stage = Stage::new(|part, jobs| {
        let (slot, job) = jobs[0];
        assert!(part.page.start(slot, job));
        info(part, job, "the last words");
        part.die();
        Played::Waits
    });
    let future = stage.submit(5);
    let job = future.id().get();
    assert!(matches!(future.result(), Err(JobError::Crashed(_))));
    assert_eq!(logged(job), ["INFO worker: the last words"]);
}

#[test]
fn a_record_of_an_unknown_job_is_of_none() {
    collect();
    let stage = Stage::new(|part, jobs| {
        let (slot, job) = jobs[0];
        info(part, u64::MAX, "forged");
        do_it(part, slot, job);
        part.say(reply(slot, job, 5));
        part.say(Reply::Done);
        Played::Waits
    });
    assert_eq!(stage.submit(5).result().unwrap(), 5);
    assert!(logged(u64::MAX).is_empty());
    assert!(LOGGED.lock().unwrap().contains(&(None, "INFO worker: forged".to_owned())));
}

#[test]
fn a_record_of_no_known_form_is_the_end_of_the_worker() {
    let record = Reply::Record(Record { job: 1, content: log_record(LogLevel::Trace, "x") });
    let mut bytes = postcard::to_stdvec(&record).unwrap();
    // The level stands behind the reply, the job and the content.
    assert_eq!(bytes[..4], [5, 1, 1, 4]);
    bytes[3] = 9;
    let packet = [&head(bytes.len())[..], &bytes].concat();
    let said = ends_as(move |part, slot, job| {
        assert!(part.page.start(slot, job));
        part.forge(&packet);
    });
    assert!(said.contains("broke the protocol"), "{said}");
}

#[test]
fn records_do_not_prolong_the_answer_limit() {
    collect();
    let said = ends_as(|part, slot, job| {
        do_it(part, slot, job);
        while say(part, job, Content::Lost(1)) {}
    });
    assert!(said.contains("it sent no answer within"), "{said}");
}

/// While the parent looks for records, other messages come.
#[test]
fn a_search_for_records_ends() {
    collect();
    let stage = Stage::new(|part, jobs| {
        let (slot, job) = jobs[0];
        if !part.is_first {
            return Played::Honestly;
        }
        do_it(part, slot, job);
        // One that counts more records than it sends.
        part.page.records().fetch_add(100, Ordering::Release);
        while part.say(Reply::Progress) {
            part.page.records().fetch_add(1, Ordering::Release);
        }
        Played::Waits
    });
    let outcome = stage.submit(5).result_timeout(Duration::from_secs(30)).expect("the parent hangs");
    assert!(matches!(outcome, Err(JobError::Broken(_))), "{outcome:?}");
    assert_eq!(stage.submit(6).result().unwrap(), 6);
}
