//! Messages that are damaged, or that another program has made up. Each costs itself, or the job whose place it takes.

use std::time::Duration;

use executor::{Future, JobError, call};
use executor_nats::{Namespace, NatsExecutor};
use serde_json::{Value, json};

use crate::support::hosts::{
    LONG_LEASE, SHORT_LEASE, Signals, host, results, square, wait_for_workers, wait_until_told,
};
use crate::support::raw::Raw;
use crate::support::servers::Server;
use crate::support::wait_for;

/// Numbers that look random, the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.next() % 200;
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// A message of a stream.
struct Stored {
    subject: String,
    sequence: u64,
    payload: Vec<u8>,
}

/// The last message of a stream on subjects like this one.
fn last(raw: &mut Raw, stream: &str, subject: &str) -> Option<Stored> {
    let request = json!({ "last_by_subj": subject });
    let message = raw.api(&format!("STREAM.MSG.GET.{stream}"), &request).ok()?["message"].clone();
    let payload = base64(message["data"].as_str().unwrap_or_default());
    Some(Stored { subject: message["subject"].as_str()?.to_owned(), sequence: message["seq"].as_u64()?, payload })
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(digit).collect();
    let group = |four: &[u8]| {
        let number = (0..4).fold(0_u32, |number, at| number << 6 | u32::from(four.get(at).copied().unwrap_or(0)));
        number.to_be_bytes()[1..four.len()].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}

/// The bytes of a message as the crate seals them: a version, a checksum, and what it is of.
pub(crate) fn sealed(body: &[u8]) -> Vec<u8> {
    [&[1], &crc32(body).to_le_bytes()[..], body].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    !sum
}

/// A number or a length, as postcard writes it.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [varint(text.len() as u64), text.as_bytes().to_vec()].concat()
}

/// A namespace with one job that waits and one host, and a client that may publish anything.
struct Attacked {
    server: Server,
    namespace: Namespace,
    executor: NatsExecutor,
    raw: Raw,
    name: &'static str,
}

impl Attacked {
    fn new(name: &'static str, lease: Duration) -> Self {
        let server = Server::start();
        let namespace = Namespace::new(name).lease(lease);
        let executor = NatsExecutor::connect(server.url(), namespace.clone()).unwrap();
        let raw = Raw::connect(server.address()).unwrap();
        Self { server, namespace, executor, raw, name }
    }

    fn jobs(&self) -> String {
        format!("executor_{}_jobs", self.name)
    }

    fn ledger(&self) -> String {
        format!("executor_{}_ledger", self.name)
    }

    /// The message of a job that waits for a host.
    fn job(&mut self) -> Stored {
        let jobs = self.jobs();
        wait_for("the job is stored", || last(&mut self.raw, &jobs, "executor.>"))
    }

    /// The record of a job that has started.
    fn record(&mut self) -> Stored {
        let ledger = self.ledger();
        wait_for("the record is stored", || last(&mut self.raw, &ledger, "executor.>"))
    }

    /// Publishes, and waits until the server has taken it.
    fn publish(&mut self, subject: &str, payload: &[u8]) {
        self.raw.publish(subject, payload).unwrap();
    }

    /// Publishes to a stream, and waits until the message is stored.
    fn store(&mut self, subject: &str, payload: &[u8]) {
        let answer: Value = serde_json::from_slice(&self.raw.request(subject, payload).unwrap()).unwrap();
        assert!(answer["seq"].is_u64(), "{answer}");
    }

    /// Jobs run as if nothing had happened.
    fn goes_on(&self) {
        let futures: Vec<_> = (0..20).map(|n| self.executor.submit(call!(square(n)))).collect();
        assert_eq!(results(futures), (0..20).map(square).collect::<Vec<_>>());
    }
}

/// Where the submitter stands in the subject of a job.
const SUBMITTER: usize = 5;

/// The subject with another text in place of the token at `index`.
fn with_token(subject: &str, index: usize, token: &str) -> String {
    let mut tokens: Vec<_> = subject.split('.').collect();
    tokens[index] = token;
    tokens.join(".")
}

fn is_broken<T: Send + std::fmt::Debug + 'static>(future: Future<T>, part: &str) {
    match future.result() {
        Err(JobError::Broken(broken)) if broken.to_string().contains(part) => {}
        other => panic!("not broken by {part}: {other:?}"),
    }
}

#[test]
fn flood_of_random_bytes_stops_no_job() {
    let mut attacked = Attacked::new("flood", LONG_LEASE);
    let first = attacked.executor.submit(call!(square(3)));
    let job = attacked.job();
    let _host = host(attacked.server.url(), &attacked.namespace, 2);
    assert_eq!(first.result().unwrap(), 9);
    let prefix = job.subject.split(".job.").next().unwrap().to_owned();
    let mut random = Random(0x1234_5678_9abc_def1);
    for round in 0..300 {
        let strange = ["a", "A-b", "*x", "\u{e9}", "0", "18446744073709551616"][round % 6];
        let subjects = [
            format!("{prefix}.job.normal.{strange}.{round}"),
            format!("{prefix}.job.high.stranger.{strange}"),
            format!("{prefix}.job.low.stranger.0.{round}"),
            format!("{prefix}.job.normal.x"),
            format!("{prefix}.outcome.stranger.{round}"),
            format!("{prefix}.outcome.{strange}"),
            format!("{prefix}.host.{strange}"),
            format!("{prefix}.stop.{strange}"),
            "executor.flood.who".to_owned(),
            "executor.flood.other.host.x".to_owned(),
        ];
        for subject in subjects {
            let bytes = if round % 2 == 0 { random.bytes() } else { sealed(&random.bytes()) };
            attacked.publish(&subject, &bytes);
        }
    }
    attacked.goes_on();
    assert_eq!(attacked.executor.handle().workers(), 2);
    let empty = || messages(&attacked.server, "executor_flood_jobs");
    wait_for("what is no job is removed", || (empty() == Some(0)).then_some(()));
}

fn messages(server: &Server, stream: &str) -> Option<u64> {
    let answer = crate::support::monitor::get(server.monitor(), "/jsz?accounts=true&streams=true").ok()?;
    let streams = answer["account_details"][0]["stream_detail"].as_array()?.clone();
    streams.iter().find(|found| found["name"] == stream)?["state"]["messages"].as_u64()
}

#[test]
fn damaged_jobs_cost_themselves() {
    let mut attacked = Attacked::new("flips", LONG_LEASE);
    let future = attacked.executor.submit(call!(square(3)));
    let job = attacked.job();
    let mut random = Random(0x9876_5432_1fed_cba9);
    for round in 0..300 {
        let mut bytes = job.payload.clone();
        let at = usize::try_from(random.next()).unwrap() % bytes.len();
        bytes[at] ^= 1 << (random.next() % 8);
        let is_sealed = random.next().is_multiple_of(2);
        let bytes = if is_sealed { sealed(&bytes[5..]) } else { bytes };
        // Each is in the name of a submitter that does not exist.
        let subject = with_token(&job.subject, SUBMITTER, &format!("stranger{round}"));
        attacked.store(&subject, &bytes);
        let length = usize::try_from(random.next()).unwrap() % job.payload.len();
        let subject = with_token(&job.subject, SUBMITTER, &format!("shorter{round}"));
        attacked.store(&subject, &sealed(job.payload[..length].get(5..).unwrap_or_default()));
    }
    let _host = host(attacked.server.url(), &attacked.namespace, 2);
    assert_eq!(future.result().unwrap(), 9);
    attacked.goes_on();
}

#[test]
fn job_in_place_of_another_is_broken() {
    let mut attacked = Attacked::new("place", LONG_LEASE);
    let future = attacked.executor.submit(call!(square(3)));
    let job = attacked.job();
    let deleted = attacked.raw.api("STREAM.MSG.DELETE.executor_place_jobs", &json!({ "seq": job.sequence })).unwrap();
    assert_eq!(deleted["success"], true);
    attacked.store(&job.subject, b"not a job");
    let _host = host(attacked.server.url(), &attacked.namespace, 1);
    is_broken(future, "damaged");
    attacked.goes_on();
}

#[test]
fn damaged_record_ends_its_job() {
    let mut attacked = Attacked::new("record", LONG_LEASE);
    let signals = Signals::new();
    let _host = host(attacked.server.url(), &attacked.namespace, 1);
    let future = attacked.executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    let record = attacked.record();
    attacked.store(&record.subject, b"no record");
    is_broken(future, "overwritten");
    signals.go_on();
    attacked.goes_on();
}

/// As if a host had started the job that never existed.
fn started(host: &str, attempt: u64) -> Vec<u8> {
    sealed(&[varint(7), vec![0], text(host), text("nowhere"), varint(1), varint(attempt)].concat())
}

#[test]
fn record_of_a_host_that_is_not_there_is_a_loss() {
    let mut attacked = Attacked::new("absent", SHORT_LEASE);
    let future = attacked.executor.submit(call!(square(3)));
    let job = attacked.job();
    let record = job.subject.replace(".job.normal.", ".outcome.");
    attacked.store(&record, &started("nobody", u64::from(u32::MAX)));
    let _host = host(attacked.server.url(), &attacked.namespace, 1);
    crate::support::hosts::loss(future);
    // Not a token, so no name of a host.
    let other = attacked.executor.submit(call!(square(3)));
    attacked.goes_on();
    assert_eq!(other.result().unwrap(), 9);
}

#[test]
fn record_with_a_name_that_is_no_token_ends_its_job() {
    let mut attacked = Attacked::new("token", LONG_LEASE);
    let future = attacked.executor.submit(call!(square(3)));
    let job = attacked.job();
    let record = job.subject.replace(".job.normal.", ".outcome.");
    attacked.store(&record, &started("x 0\r\n\r\nPUB executor.token.who 0\r\n\r\n", 1));
    let _host = host(attacked.server.url(), &attacked.namespace, 1);
    is_broken(future, "overwritten");
    attacked.goes_on();
}

#[test]
fn outcome_with_an_object_of_another_job_is_broken() {
    let mut attacked = Attacked::new("object", LONG_LEASE);
    let signals = Signals::new();
    let _host = host(attacked.server.url(), &attacked.namespace, 1);
    let future = attacked.executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    let record = attacked.record();
    // The variants of the record are found by trying: the outcome is one of the first ten.
    for variant in 1..10 {
        let body = [varint(7), varint(variant), varint(1), text("stranger-1-arguments")].concat();
        attacked.store(&record.subject, &sealed(&body));
    }
    let error = future.result().expect_err("forged");
    assert!(matches!(error, JobError::Broken(_) | JobError::Cancelled(_) | JobError::TimedOut(_)), "{error}");
    signals.go_on();
    attacked.goes_on();
}

#[test]
fn forged_stop_stops_nothing() {
    let mut attacked = Attacked::new("stop", LONG_LEASE);
    let signals = Signals::new();
    let _host = host(attacked.server.url(), &attacked.namespace, 1);
    let future = attacked.executor.submit(call!(wait_until_told(signals.path())));
    signals.wait_until_begun(1);
    let record = attacked.record();
    let name = record.payload.windows(32).find(|name| name.iter().all(u8::is_ascii_hexdigit)).unwrap().to_vec();
    let name = String::from_utf8(name).unwrap();
    let tokens: Vec<_> = record.subject.split('.').map(str::to_owned).collect();
    let submitter = tokens[4].clone();
    let subject = format!("executor.stop.{}.stop.{name}", tokens[2]);
    for number in 0..3 {
        let key = [text(&submitter), varint(number)].concat();
        attacked.publish(&subject, &sealed(&key));
        attacked.publish(&subject, &sealed(&[key, vec![0]].concat()));
    }
    // An answer shows that the host has seen the messages before it.
    attacked.publish("executor.stop.who", b"");
    wait_for_workers(&attacked.executor, 1);
    signals.go_on();
    assert_eq!(future.result().unwrap(), std::process::id());
    let aborted = Signals::new();
    let future = attacked.executor.submit(call!(wait_until_told(aborted.path())));
    aborted.wait_until_begun(1);
    assert!(future.abort(), "a true one does");
    aborted.go_on();
    attacked.goes_on();
}

#[test]
fn forged_presence_adds_up() {
    let mut attacked = Attacked::new("presence", LONG_LEASE);
    let future = attacked.executor.submit(call!(square(3)));
    let build = attacked.job().subject.split('.').nth(2).unwrap().to_owned();
    for name in ["one", "two"] {
        let body = [text(name), text("label"), varint(u64::MAX), varint(u64::MAX), varint(u64::MAX), vec![0]].concat();
        attacked.publish(&format!("executor.presence.{build}.host.{name}"), &sealed(&body));
    }
    wait_for_workers(&attacked.executor, usize::MAX);
    assert_eq!(attacked.executor.handle().stats().workers, usize::MAX);
    let _host = host(attacked.server.url(), &attacked.namespace, 1);
    assert_eq!(future.result().unwrap(), 9);
}
