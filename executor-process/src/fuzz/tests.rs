use std::fmt::Write;
use std::time::Duration;

use executor_core::{Backtrace, Crashed, Exit, Frame};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::ipc::codec::Step;
use crate::ipc::payload::{Announced, Data};
use crate::protocol::message::Greeting;
use crate::protocol::record::{Content, Levels, Record};
use crate::protocol::status_page::Claim;
use crate::remote::RemoteResult;

/// How often each target is run, if `PROPTEST_CASES` does not say otherwise.
const CASES: u32 = 256;

/// The corpus of a target, a line each: `+` what is understood, or `-` what is not, and the bytes in hexadecimal digits.
fn corpus(target: &str) -> Vec<(bool, Vec<u8>)> {
    let path = format!("{}/corpus/{target}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let byte = |digits: &[u8]| u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap();
    let line = |line: &str| (line.starts_with('+'), line.as_bytes()[1..].chunks(2).map(byte).collect());
    text.lines().filter(|line| line.starts_with(['+', '-'])).map(line).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("text takes text");
        text
    })
}

/// One of the corpus with some bytes changed, cut off or put in, or any bytes.
fn bytes(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let anything = prop::collection::vec(any::<u8>(), 0..200);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 0..6);
    let near = (prop::sample::select(seeds), changes).prop_map(|(mut bytes, changes)| {
        for (at, how, byte) in changes {
            let at = at.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                _ if at == bytes.len() => bytes.push(byte),
                2 => bytes[at] = byte,
                _ => _ = bytes.remove(at),
            }
        }
        bytes
    });
    prop_oneof![3 => near, 1 => anything]
}

#[test]
fn the_corpus_is_understood_as_it_says() {
    for (name, target) in TARGETS {
        let seeds = corpus(name);
        assert!(seeds.iter().any(|(is_understood, _)| *is_understood), "{name}: nothing is understood");
        for (is_understood, bytes) in seeds {
            assert_eq!(target(&bytes), is_understood, "{name}: {}", hex(&bytes));
        }
    }
}

#[test]
fn whatever_comes_is_survived() {
    for (name, target) in TARGETS {
        let seeds = corpus(name).into_iter().map(|(_, bytes)| bytes).collect();
        let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let run = TestRunner::new(config).run(&bytes(seeds), |bytes| {
            target(&bytes);
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{name}: {error}; put it into corpus/{name}.txt"));
    }
}

/// Messages of honest sides, which the corpus must have.
fn honest() -> Vec<(&'static str, Vec<u8>)> {
    fn behind(choice: u8, value: &impl Serialize) -> Vec<u8> {
        postcard::to_extend(value, vec![choice]).unwrap()
    }
    let body = |data, packet| Body { data, packet };
    let inline = || Data::Inline(vec![5, 6].into());
    let answer = |answer| Reply::Answer { slot: 1, job: 7, answer };
    let word = |index: u16, word: u64| [&index.to_le_bytes()[..], &word.to_le_bytes()].concat();
    let done = postcard::to_stdvec(&Answer::Done(body(inline(), None))).unwrap();
    let short = u64::from_ne_bytes(std::array::from_fn(|at| done.get(at).copied().unwrap_or(0)));
    let packet = |number, handles| Some(Announced { number, handles });
    let described = |choice: u8, slot: u8, body: Body| {
        let head = [&[choice][..], &1_u64.to_le_bytes(), &[slot]].concat();
        postcard::to_extend(&body, head).unwrap()
    };
    let thing = Thing { number: -5, text: "text".into(), list: vec![None, Some(7)], blob: Blob::default(), ends: None };
    let encoded = |codec: Codec, value: &Thing| codec.encode(value).unwrap().bytes().to_vec();
    let kept = replay_file::Contents {
        build: "b".into(),
        codec: Codec::Postcard,
        initializer: None,
        entry: postcard::from_bytes(&[7]).unwrap(),
        name: "f".into(),
        id: 7,
        attempt: 1,
        why: "it hung".into(),
        job: replay_file::Input { bytes: vec![1, 2].into(), blobs: vec![replay_file::Part::of(&[])] },
    };
    let frames = || vec![Frame::new("f").at("a.rs", Some(3))];
    let crash = Crashed::new("f", 7, Exit::Signal(6), Duration::from_millis(1)).with_stderr(Some("no"));
    let crash = crash.with_backtrace(Some(Backtrace::new(frames)));
    vec![
        ("hello", behind(0, &Greeting::Hello { build: "build".into() })),
        ("hello", behind(0, &Greeting::Refused("no".into()))),
        ("start_info", b"1 4242 0 false 0".to_vec()),
        (
            "request",
            postcard::to_stdvec(&Request::Prepare {
                name: "w".into(),
                codec: Codec::MessagePack,
                levels: Levels { log: 3, trace: 0 },
                initializer: None,
            })
            .unwrap(),
        ),
        ("request", postcard::to_stdvec(&Request::Run(Vec::new())).unwrap()),
        ("reply", behind(0, &Reply::Ready)),
        ("reply", behind(0, &Reply::NotReady("no".into()))),
        ("reply", behind(0, &Reply::Progress)),
        ("reply", behind(0, &Reply::Done)),
        ("reply", behind(0, &Reply::Record(Record { job: 7, content: Content::Lost(3) }))),
        ("reply", behind(0, &answer(Answer::Done(body(inline(), None))))),
        ("reply", behind(0, &answer(Answer::Items))),
        ("reply", behind(0, &answer(Answer::NoRoom { step: Step::DecodeJob, cause: "none".into() }))),
        ("page", [word(0, 1 << 3 | Claim::Done as u64), word(1, done.len() as u64), word(512, short)].concat()),
        ("page", [word(256, 2), word(257, 11), word(258, 16), word(262, 3), word(272, 1 << 63 | 0x1000)].concat()),
        ("outcomes", vec![8, 1, b'a', 12, 2, b'b', b'c']),
        ("packet", described(1 << 2, 1, body(Data::Slot { slot: 1, len: 100, numbers: None }, packet(1, 0)))),
        ("packet", described(2, 255, body(Data::Inline(vec![1].into()), packet(1, 2)))),
        ("message", [vec![0, 0], encoded(Codec::Postcard, &thing)].concat()),
        ("message", [vec![1, 0], encoded(Codec::MessagePack, &thing)].concat()),
        ("path", Codec::Postcard.encode(&OsPath::from("/srv")).unwrap().bytes().to_vec()),
        ("path", Codec::MessagePack.encode(&OsPath::from("/srv")).unwrap().bytes().to_vec()),
        ("kept", behind(0, &kept)),
        ("remote", remote_outcome(Ok(7_u64))),
        ("remote", remote_outcome(Err(JobError::failed("it hung")))),
        ("remote", remote_outcome(Err(JobError::Crashed(crash)))),
    ]
}

/// The bytes of an outcome, without the head of their frame.
fn remote_outcome(outcome: Result<u64, JobError>) -> Vec<u8> {
    let outcome = outcome.map(|value| RemoteResult::of(Codec::Postcard, &value, Duration::ZERO));
    let sealed = RemoteOutcome::new(outcome, "web-3").to_bytes();
    [&[0], &sealed[10..]].concat()
}

#[test]
fn honest_messages_are_in_the_corpus() {
    let missing = |(name, bytes): &(&str, Vec<u8>)| !corpus(name).contains(&(true, bytes.clone()));
    let lines = honest().into_iter().filter(missing).map(|(name, bytes)| format!("{name}.txt: +{}", hex(&bytes)));
    let lines: Vec<_> = lines.collect();
    assert!(lines.is_empty(), "to be put into the corpus, in place of what was said before:\n{}", lines.join("\n"));
}
