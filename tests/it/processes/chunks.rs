//! Chunks of a `map`: whatever happens to an item, the others have their results, and none runs twice.

use std::process::abort;
use std::time::Duration;

use executor::{Blob, Codec, JobError, JobOptions, ProcessPool, Sender, channel};
use serde::{Deserialize, Serialize, Serializer};

use super::deaths::kill;
use super::pool;
use crate::support::event_log::{EventLog, Writer};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::within_patience;

fn write_or_crash((writer, number): (Writer, u64)) -> u64 {
    writer.write(number);
    if number % 100 == 37 {
        abort();
    }
    number
}

fn crashes_cost_their_items(chunk: Option<usize>) {
    within_patience(move || {
        let (pool, log) = (pool(2), EventLog::new());
        let items: Vec<_> = (0..300).map(|number| (log.writer(), number)).collect();
        let map = pool.map(items, write_or_crash);
        let map = if let Some(n) = chunk { map.chunk_size(n) } else { map };
        for (number, outcome) in (0..).zip(map) {
            match outcome {
                Ok(result) => assert_eq!(result, number),
                Err(JobError::Crashed(crash)) => {
                    assert_eq!((number % 100, crash.signal()), (37, Some("SIGABRT")));
                    assert!(crash.job().starts_with("map at tests/it/processes/chunks.rs:"), "{crash}");
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert!(log.sorted().into_iter().eq(0..300), "each once");
    });
}

#[test]
fn a_crash_costs_its_item_in_chunks_that_the_pool_makes() {
    crashes_cost_their_items(None);
}

#[test]
fn a_crash_costs_its_item_in_chunks_of_a_size() {
    crashes_cost_their_items(Some(64));
}

#[test]
fn a_crash_of_the_last_item_costs_no_other() {
    crashes_cost_their_items(Some(38));
}

fn arrive_at((arrival, number): (Arrival, u64)) -> u64 {
    if number == 5 {
        arrival.arrive(number);
    }
    number
}

#[test]
fn a_kill_from_outside_costs_the_item_that_ran() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(1), Rendezvous::new());
        let items: Vec<_> = (0..10).map(|number| (rendezvous.arrival(), number)).collect();
        let killer = std::thread::spawn(move || kill(rendezvous.accept().pid()));
        let outcomes: Vec<_> = pool.map(items, arrive_at).chunk_size(10).collect();
        killer.join().unwrap();
        let failed: Vec<_> = (0..10).filter(|&n| outcomes[n].is_err()).collect();
        assert_eq!(failed, [5], "{outcomes:?}");
    });
}

fn report((number, report, table): (u64, Sender<u64>, Blob)) -> u8 {
    report.send(number).expect("somebody listens");
    table[0]
}

#[test]
fn a_chunk_has_no_more_handles_than_a_message() {
    within_patience(|| {
        let pool = pool(2);
        for chunk in [None, Some(50), Some(200)] {
            let (senders, receivers): (Vec<_>, Vec<_>) = (0..200).map(|_| channel().unwrap()).unzip();
            let table = |number: u64| Blob::from(&[number.to_le_bytes()[0]][..]);
            let items = (0..).zip(senders).map(|(number, sender)| (number, sender, table(number)));
            let map = pool.map(items, report);
            let map = if let Some(n) = chunk { map.chunk_size(n) } else { map };
            for (number, outcome) in (0_u64..).zip(map) {
                assert_eq!(u64::from(outcome.unwrap()), number, "chunks of {chunk:?}");
            }
            for (number, receiver) in (0..).zip(receivers) {
                assert!(receiver.into_iter().map(Result::unwrap).eq([number]), "its ends are gone");
            }
        }
    });
}

#[test]
fn shared_handles_count_once() {
    within_patience(|| {
        let (pool, (sender, receiver)) = (pool(1), channel().unwrap());
        let table = Blob::from(b"the same for all");
        let items = (0..100).map(|number| (number, sender.clone(), table.clone()));
        assert!(pool.map(items, report).chunk_size(100).all(|outcome| outcome.unwrap() == b't'));
        drop(sender);
        assert!(receiver.into_iter().map(Result::unwrap).eq(0..100));
        assert_eq!(pool.stats().completed, 1, "in one chunk");
    });
}

fn report_or_crash((number, report): (u64, Sender<u64>)) -> u64 {
    if number % 10 == 5 {
        abort();
    }
    report.send(number).expect("somebody listens");
    number
}

#[test]
fn a_crash_leaves_the_ends_of_other_items() {
    within_patience(|| {
        let pool = pool(2);
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..100).map(|_| channel().unwrap()).unzip();
        let outcomes: Vec<_> = pool.map((0..).zip(senders), report_or_crash).chunk_size(20).collect();
        for (number, (outcome, receiver)) in (0..).zip(outcomes.into_iter().zip(receivers)) {
            let heard: Vec<_> = receiver.into_iter().map(Result::unwrap).collect();
            match outcome {
                Ok(result) => assert_eq!((result, heard), (number, vec![number])),
                Err(JobError::Crashed(_)) => assert_eq!((number % 10, heard), (5, Vec::new())),
                Err(other) => panic!("{number}: {other}"),
            }
        }
    });
}

fn panic_sometimes(number: u64) -> u64 {
    assert!(number % 10 != 3, "{number} is not liked");
    number
}

#[test]
fn a_panic_costs_its_item() {
    within_patience(|| {
        let closure = |number| panic_sometimes(number);
        let pool = pool(2);
        let maps = [pool.map(0..100, panic_sometimes).chunk_size(30), pool.map(0..100, closure).chunk_size(1)];
        for (number, outcome) in maps.into_iter().flat_map(|map| (0..).zip(map)) {
            match outcome {
                Ok(result) => assert_eq!(result, number),
                Err(error) => {
                    assert_eq!(number % 10, 3);
                    let text = error.to_string();
                    assert!(text.contains(&format!("{number} is not liked")), "{text}");
                    assert!(text.contains("`map at tests/it/processes/chunks.rs:"), "{text}");
                }
            }
        }
    });
}

fn text_of((number, len): (u64, usize)) -> String {
    number.to_string().repeat(len)
}

fn texts_come_back(pool: &ProcessPool, len: usize, chunk: usize) {
    let items = (0..60).map(|number| (number, len));
    for (number, text) in (0..60_u64).zip(pool.map(items, text_of).chunk_size(chunk)) {
        assert!(text.unwrap() == number.to_string().repeat(len), "{number} of {len}");
    }
}

#[test]
fn results_that_find_no_room_on_the_page_come_in_messages() {
    within_patience(|| {
        let pool = pool(2);
        for len in [0, 1, 1000, 20_000, 100_000] {
            texts_come_back(&pool, len, 60);
            texts_come_back(&pool, len, 7);
        }
    });
}

/// Cannot be encoded if it is odd.
#[derive(Deserialize)]
struct Even(u64);

impl Serialize for Even {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(2) {
            serializer.serialize_newtype_struct("Even", &self.0)
        } else {
            Err(serde::ser::Error::custom("it is odd"))
        }
    }
}

fn half(even: Even) -> u64 {
    even.0 / 2
}

fn even(number: u64) -> Even {
    Even(number)
}

#[test]
fn an_item_or_a_result_that_cannot_be_encoded_fails_alone() {
    within_patience(|| {
        for codec in [Codec::Postcard, Codec::MessagePack] {
            let pool = ProcessPool::builder().processes(1).codec(codec).build().unwrap();
            let (sent, made): (Vec<_>, Vec<_>) = (
                pool.map((0..20_u64).map(Even), half).chunk_size(20).collect(),
                pool.map(0..20_u64, even).chunk_size(20).collect(),
            );
            for (number, (sent, made)) in (0_u64..).zip(sent.into_iter().zip(made)) {
                match (sent, made) {
                    (Ok(half), Ok(even)) => assert_eq!((half * 2, even.0), (number, number)),
                    (Err(JobError::Codec(sent)), Err(JobError::Codec(made))) => {
                        let (sent, made) = (sent.to_string(), made.to_string());
                        let job = "job `map at tests/it/processes/chunks.rs:";
                        assert!(sent.starts_with(job) && made.starts_with(job), "{sent}, {made}");
                        assert!(sent.contains("(result `u64`): could not encode the job: it is odd"), "{sent}");
                        assert!(made.contains("): could not encode the result in the worker process: "), "{made}");
                    }
                    _ => panic!("{number} fails on one side only"),
                }
            }
            let odd: Vec<_> = pool.map([1, 3].map(Even), half).chunk_size(2).collect();
            assert!(odd.iter().all(Result::is_err) && odd.len() == 2);
        }
    });
}

#[test]
fn a_trivial_function_goes_in_chunks_unasked() {
    within_patience(|| {
        let pool = pool(2);
        let sum: u64 = pool.map(0..50_000_u64, u64::isqrt).map(Result::unwrap).sum();
        assert_eq!(sum, (0..50_000_u64).map(u64::isqrt).sum::<u64>());
    });
}

fn hang_at_five(number: u64) -> u64 {
    if number == 5 {
        loop {
            std::thread::park();
        }
    }
    number
}

/// Whether only the item that hangs takes longer.
fn costs_one(limit: Duration) -> bool {
    let pool = pool(2);
    let view = pool.with(JobOptions::new().timeout(limit));
    let outcomes: Vec<_> = view.map(0..20, hang_at_five).chunk_size(10).collect();
    let mut late = 0;
    for (number, outcome) in (0..).zip(&outcomes) {
        match outcome {
            Ok(result) => assert_eq!(*result, number),
            Err(error) => {
                assert!(matches!(error, JobError::TimedOut(_)), "{number}: {error}");
                late += 1;
            }
        }
    }
    assert!(outcomes[5].is_err());
    let stats = pool.stats();
    assert!(late > 1 || (stats.completed, stats.timed_out) == (19, 1), "{stats}");
    late == 1
}

#[test]
fn a_time_limit_costs_the_item_that_hangs() {
    within_patience(|| {
        // A busy machine may stop another item for a short limit.
        assert!([500, 5_000, 50_000].into_iter().any(|limit| costs_one(Duration::from_millis(limit))));
    });
}

fn fail_at(number: u64) -> u64 {
    match number {
        1 => panic!("no luck"),
        6 => abort(),
        _ => number,
    }
}

/// Three chunks: one has an item that panics, one an item that crashes, and one has neither.
#[test]
fn chunks_count_as_their_worst_item() {
    within_patience(|| {
        let pool = pool(1);
        let failed = pool.map(0..12, fail_at).chunk_size(4).filter(Result::is_err).count();
        assert_eq!(failed, 2);
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.panicked, stats.crashed, stats.failed), (1, 1, 1, 0), "{stats}");
    });
}
