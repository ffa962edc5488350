//! A job that spends all descriptors of its own worker, and leaves none: what needs some fails there and says why, or runs elsewhere, and
//! the next worker has all of them again.

use std::fs::File;
use std::mem;

use executor::{Blob, JobError, ProcessPool, Receiver, Sender, call, channel};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{pid, pool, worker_of};
use crate::support::within_patience;

/// More than a worker has open, and few enough to be spent at once.
const FEW: u64 = 100;

/// Opens what may be opened.
fn spend() -> Vec<File> {
    let limit = Rlimit { current: Some(FEW), maximum: getrlimit(Resource::Nofile).maximum };
    setrlimit(Resource::Nofile, limit).expect("it may be lowered");
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    files
}

/// Leaves nothing to those that come later.
fn leak() -> u32 {
    mem::forget(spend());
    pid()
}

fn leak_and_return(bytes: usize) -> String {
    leak();
    "r".repeat(bytes)
}

fn leak_and_make_a_blob() -> Blob {
    leak();
    Blob::from(b"a blob")
}

fn leak_if_first(number: usize) -> String {
    if number == 0 {
        leak();
    }
    number.to_string().repeat(if number == 0 { 100_000 } else { 1 })
}

fn length(blob: Blob) -> (usize, u32) {
    (blob.len(), pid())
}

fn length_of_text(text: String) -> (usize, u32) {
    (text.len(), pid())
}

fn hear(receiver: Receiver<Blob>) -> usize {
    receiver.recv().map_or(0, |blob| blob.len())
}

fn spend_and_hear(receiver: Receiver<Blob>) -> (String, usize) {
    let files = spend();
    let lost = receiver.recv().expect_err("there is no room for it").to_string();
    drop(files);
    (lost, receiver.recv().expect("there is room again").len())
}

fn spend_and_give_back() {
    drop(spend());
}

/// A pool, and the worker of it that has no descriptor left.
fn spent() -> (ProcessPool, u32) {
    let pool = pool(1);
    let worker = pool.submit(call!(leak())).result().expect("a small result needs none");
    assert_eq!(pool.submit(call!(pid())).result().unwrap(), worker, "small jobs go on there");
    (pool, worker)
}

#[test]
fn a_result_that_needs_one_fails_and_says_why() {
    within_patience(|| {
        let pool = pool(1);
        let before = worker_of(&pool);
        let error = pool.submit(call!(leak_and_return(300_000))).result().unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, JobError::Codec(_)), "{text}");
        assert!(text.contains("the worker process has no shared memory for it (Too many open files"), "{text}");
        assert!(text.contains("raise `ulimit -n`"), "{text}");
        assert_ne!(worker_of(&pool), before, "that worker is worn out");
        assert_eq!(pool.submit(call!(|| "r".repeat(300_000), ())).result().unwrap().len(), 300_000);
    });
}

#[test]
fn a_blob_that_cannot_be_made_is_a_panic_of_its_job() {
    let pool = pool(1);
    match pool.submit(call!(leak_and_make_a_blob())).result() {
        Err(JobError::Panicked(panic)) => {
            let start = "no shared memory for a blob of 6 bytes: Too many open files";
            assert!(panic.message().starts_with(start), "{panic}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(pool.submit(call!(length(Blob::from(b"a blob")))).result().unwrap().0, 6);
}

#[test]
fn a_job_that_finds_no_room_runs_in_another_worker() {
    within_patience(|| {
        let (pool, worker) = spent();
        let (bytes, other) = pool.submit(call!(length(Blob::from(b"a blob")))).result().unwrap();
        assert_eq!(bytes, 6);
        assert_ne!(other, worker);
        let (pool, worker) = spent();
        let (bytes, other) = pool.submit(call!(length_of_text("t".repeat(300_000)))).result().unwrap();
        assert_eq!(bytes, 300_000);
        assert_ne!(other, worker);
    });
}

fn leak_or_tell((number, sender): (usize, Sender<usize>)) -> usize {
    if number.is_multiple_of(4) {
        leak();
        // Its descriptor stays, too: what the other item of the chunk gives back is not enough for the next chunk.
        mem::forget(sender);
    } else {
        sender.send(number).expect("somebody listens");
    }
    number
}

#[test]
fn chunks_with_channels_run_in_another_worker() {
    within_patience(|| {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..20).map(|_| channel().unwrap()).unzip();
        let outcomes: Vec<_> = pool(1).map(senders.into_iter().enumerate(), leak_or_tell).chunk_size(2).collect();
        for (number, (outcome, receiver)) in outcomes.into_iter().zip(receivers).enumerate() {
            assert_eq!(outcome.unwrap(), number);
            assert_eq!(receiver.into_iter().flatten().count(), usize::from(!number.is_multiple_of(4)), "{number}");
        }
    });
}

#[test]
fn one_with_a_channel_cannot_and_says_so() {
    within_patience(|| {
        let (pool, _) = spent();
        let (sender, receiver) = channel::<Blob>().unwrap();
        let error = pool.submit(call!(hear(receiver))).result().unwrap_err().to_string();
        assert!(error.contains("the worker process has no file descriptor left"), "{error}");
        assert!(error.contains("raise `ulimit -n`"), "{error}");
        assert!(sender.send(Blob::from(b"a blob")).is_err(), "the other end is gone");
        let (sender, receiver) = channel::<Blob>().unwrap();
        let future = pool.submit(call!(hear(receiver)));
        sender.send(Blob::from(b"a blob")).unwrap();
        assert_eq!(future.result().unwrap(), 6, "the next worker has room");
    });
}

#[test]
fn an_item_of_a_map_costs_itself() {
    within_patience(|| {
        let pool = pool(1);
        for chunk in [1, 10] {
            for (number, outcome) in pool.map(0..20_usize, leak_if_first).chunk_size(chunk).enumerate() {
                match (number, outcome) {
                    (0, Err(JobError::Codec(error))) => {
                        assert!(error.to_string().contains("has no shared memory for it"), "{error}");
                    }
                    (number, outcome) => assert_eq!(outcome.unwrap(), number.to_string(), "chunks of {chunk}"),
                }
            }
        }
    });
}

#[test]
fn a_message_that_finds_no_room_is_lost_and_the_next_one_is_not() {
    within_patience(|| {
        let (sender, receiver) = channel::<Blob>().unwrap();
        let pool = pool(1);
        sender.send(Blob::from(b"first")).unwrap();
        sender.send(Blob::from(b"second")).unwrap();
        let (lost, length) = pool.submit(call!(spend_and_hear(receiver))).result().unwrap();
        assert!(lost.contains("no file descriptor left for its handles"), "{lost}");
        assert_eq!(length, 6);
    });
}

#[test]
fn a_worker_that_has_them_again_goes_on() {
    let pool = pool(1);
    let before = worker_of(&pool);
    pool.submit(call!(spend_and_give_back())).result().unwrap();
    let (bytes, worker) = pool.submit(call!(length(Blob::from(b"a blob")))).result().unwrap();
    assert_eq!((bytes, worker), (6, before));
}
